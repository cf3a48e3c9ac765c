"""At which paths can a client read objects, and what does each path answer?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.account.state import Account, View
from dev.fake_stripe.account.usage import METER, summaries
from dev.fake_stripe.types.object_types import Body, ObjectType, Sublist
from dev.fake_stripe.types.v1_customers import SUMMARY

from .expansion import expanded, hide
from .filters import check_known, missing_parameter
from .paging import Positioned, page_v1, page_v2
from .protocol import ApiError, Request, not_found
from .reads import matching, of_other_parent, retrieve, show
from .rendering import expansion
from .sublists import entries

PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})


@dataclass(frozen=True)
class Call:
    backend: Backend
    account: Account
    request: Request
    path_ids: dict[str, str]

    @property
    def id(self) -> str:
        """The object's id; a singleton's id is its path."""
        return self.path_ids.get("id", self.request.path)

    @property
    def parent(self) -> str:
        return next((value for name, value in self.path_ids.items() if name != "id"), "")

    @property
    def settings(self) -> Body:
        return self.backend.faults.settings

    def read_view(self) -> View:
        """The account as a replica shows it, which may be late."""
        account, stale = self.account, self.backend.faults.stale("stale_reads", self.request.path)
        if stale is None:
            return account.view()
        if "seconds" in stale:
            return account.view(account.change_as_of(stale["seconds"]))
        entity = account.entities.get(self.id)
        if entity is None or entity.reads >= stale["reads"]:
            return account.view()
        entity.reads += 1
        return account.view(entity.now.change - 1)

    def list_view(self) -> View:
        account, stale = self.account, self.backend.faults.stale("stale_lists", self.request.path)
        if stale is None:
            return account.view()
        if "seconds" in stale:
            return account.view(account.change_as_of(stale["seconds"]))
        return account.view(len(account.changes) - stale["changes"])


Handler = Callable[[Call], Body]


def object_routes(object_type: ObjectType) -> Iterator[tuple[str, Handler]]:
    """Every path of the type, and its handler."""
    if object_type is SUMMARY:
        return  # a client reads it as a list of entitlements
    yield object_type.path, _get(object_type)
    if object_type.listed and not object_type.is_singleton:
        yield object_type.list_path, _list(object_type)
    if object_type.alternate_path:
        yield object_type.alternate_path, _get_at_alternate_path(object_type)
        yield object_type.alternate_path.rpartition("/")[0], _list_at_alternate_path(object_type)
    for sublist in object_type.sublists:
        path, _, owner = sublist.url.partition("?")
        yield (
            path,
            _list_by_query(object_type, sublist, owner.partition("=")[0])
            if owner
            else _list_inside(object_type, sublist),
        )
        if sublist.item_path:
            yield sublist.item_path, _get_entry(object_type, sublist)
    if object_type is METER:
        yield f"{object_type.path}/event_summaries", _list_summaries


def _get(object_type: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        wanted = expansion(object_type, call.request.params, call.settings["sublist_size"], in_list=False)
        view = call.read_view()
        return show(view, object_type, retrieve(view, object_type, call.id, call.parent, call.settings), wanted)

    return handle


def _list(object_type: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        view = call.list_view()
        found = matching(view, object_type, call.parent, call.request.params, call.settings)
        return _page(call, view, object_type, found)

    return handle


def _page(call: Call, view: View, object_type: ObjectType, found: list[Positioned[Body]]) -> Body:
    wanted = expansion(object_type, call.request.params, call.settings["sublist_size"], in_list=True)

    def shown(body: Body) -> Body:
        return show(view, object_type, body, wanted)

    if object_type.is_v1:
        return page_v1(call.request, found, shown)
    return page_v2(call.request, found, object_type.page_size, shown)


def _get_at_alternate_path(object_type: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        wanted = expansion(object_type, call.request.params, call.settings["sublist_size"], in_list=False)
        view = call.read_view()
        body = retrieve(view, object_type, call.id, "", call.settings)
        if body.get(object_type.alternate_parent) != call.parent:
            raise not_found(object_type.missing, object_type.short, call.id)
        return show(view, object_type, body, wanted)

    return handle


def _list_at_alternate_path(object_type: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        check_known(call.request.params, PAGING)
        view = call.list_view()
        found = of_other_parent(view, object_type, call.parent)
        if not found:
            view.existing(object_type.references[object_type.alternate_parent], call.parent)
        return _page(call, view, object_type, found)

    return handle


def _list_inside(object_type: ObjectType, sublist: Sublist) -> Handler:
    def handle(call: Call) -> Body:
        check_known(call.request.params, PAGING)
        body = retrieve(call.list_view(), object_type, call.id, "", call.settings)
        return _page_of(call, entries(body, sublist), sublist)

    return handle


def _list_by_query(object_type: ObjectType, sublist: Sublist, name: str) -> Handler:
    def handle(call: Call) -> Body:
        params = call.request.params
        check_known(params, PAGING | {name})
        if name not in params.texts:
            raise missing_parameter(name)
        revision = call.list_view().find(object_type.name, params.texts[name])
        if revision is None or revision.removed:
            raise ApiError(400, f"No such {name}: '{params.texts[name]}'", code="resource_missing", param=name)
        return _page_of(call, entries(revision.body, sublist), sublist)

    return handle


def _page_of(call: Call, found: list[Body], sublist: Sublist | None = None) -> Body:
    """Entries keep their order; newest first is a rule for objects."""
    shown = _entries_shown(call, sublist, in_list=True) if sublist else lambda entry: entry
    return page_v1(call.request, list(zip(count(), found, strict=False)), shown)


def _entries_shown(call: Call, sublist: Sublist, *, in_list: bool) -> Callable[[Body], Body]:
    """What the request sees of an entry."""
    optional = (*sublist.expandable, *sublist.expandable_objects)
    wanted = expanded(call.request.params, optional, in_list=in_list)

    def shown(entry: Body) -> Body:
        for path in optional:
            entry = hide(entry, path, wanted, to_ids=path in sublist.expandable_objects)
        return entry

    return shown


def _get_entry(object_type: ObjectType, sublist: Sublist) -> Handler:
    def handle(call: Call) -> Body:
        shown = _entries_shown(call, sublist, in_list=False)
        for _, revision in call.read_view().all(object_type.name):
            for entry in () if revision.removed else entries(revision.body, sublist):
                if entry["id"] == call.id:
                    return shown(entry)
        raise not_found("resource_missing", sublist.item, call.id)

    return handle


def _list_summaries(call: Call) -> Body:
    view = call.list_view()
    meter = retrieve(view, METER, call.id, "", call.settings)
    return _page_of(call, summaries(view, meter, call.request.params))
