"""At which paths can objects be read, and what does each answer?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.account.state import Account, View
from dev.fake_stripe.account.usage import METER, summaries
from dev.fake_stripe.types.object_types import Body, ObjectType, Sublist
from dev.fake_stripe.types.v1_customers import SUMMARY

from .filters import check_known, missing_parameter
from .paging import Positioned, page_v1, page_v2
from .protocol import ApiError, Request, not_found
from .reads import matching, of_other_parent, retrieve, show
from .rendering import asked
from .sublists import entries, with_ids_only

PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})


@dataclass(frozen=True)
class Call:
    backend: Backend
    account: Account
    request: Request
    path_ids: dict[str, str]

    @property
    def id(self) -> str:
        """A singleton's is its path."""
        return self.path_ids.get("id", self.request.path)

    @property
    def parent(self) -> str:
        return next((value for name, value in self.path_ids.items() if name != "id"), "")

    @property
    def settings(self) -> Body:
        return self.backend.faults.settings

    def read_view(self) -> View:
        """The account as a replica shows it that may be late."""
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


def object_routes(row: ObjectType) -> Iterator[tuple[str, Handler]]:
    """Every path with an object of the type, and what answers there."""
    if row is SUMMARY:
        return  # it is read as a list of entitlements
    yield row.path, _get(row)
    if row.listed and not row.is_singleton:
        yield row.list_path, _list(row)
    if row.also_at:
        yield row.also_at, _get_elsewhere(row)
        yield row.also_at.rpartition("/")[0], _list_elsewhere(row)
    for sublist in row.sublists:
        path, _, owner = sublist.url.partition("?")
        yield path, _list_by_query(row, sublist, owner.partition("=")[0]) if owner else _list_inside(row, sublist)
        if sublist.item_path:
            yield sublist.item_path, _get_entry(row, sublist)
    if row is METER:
        yield f"{row.path}/event_summaries", _list_summaries


def _get(row: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        wanted = asked(row, call.request.params, call.settings["sublist_size"], in_list=False)
        view = call.read_view()
        return show(view, row, retrieve(view, row, call.id, call.parent, call.settings), wanted)

    return handle


def _list(row: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        view = call.list_view()
        found = matching(view, row, call.parent, call.request.params, call.settings)
        return _page(call, view, row, found)

    return handle


def _page(call: Call, view: View, row: ObjectType, found: list[Positioned[Body]]) -> Body:
    wanted = asked(row, call.request.params, call.settings["sublist_size"], in_list=True)

    def shown(body: Body) -> Body:
        return show(view, row, body, wanted)

    if row.is_v1:
        return page_v1(call.request, found, shown)
    return page_v2(call.request, found, row.page_size, shown)


def _get_elsewhere(row: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        wanted = asked(row, call.request.params, call.settings["sublist_size"], in_list=False)
        view = call.read_view()
        body = retrieve(view, row, call.id, "", call.settings)
        if body.get(row.also_under) != call.parent:
            raise not_found(row.missing, row.short, call.id)
        return show(view, row, body, wanted)

    return handle


def _list_elsewhere(row: ObjectType) -> Handler:
    def handle(call: Call) -> Body:
        check_known(call.request.params, PAGING)
        view = call.list_view()
        found = of_other_parent(view, row, call.parent)
        if not found:
            view.existing(row.references[row.also_under], call.parent)
        return _page(call, view, row, found)

    return handle


def _list_inside(row: ObjectType, sublist: Sublist) -> Handler:
    def handle(call: Call) -> Body:
        check_known(call.request.params, PAGING)
        body = retrieve(call.list_view(), row, call.id, "", call.settings)
        return _page_of(call, entries(body, sublist))

    return handle


def _list_by_query(row: ObjectType, sublist: Sublist, name: str) -> Handler:
    def handle(call: Call) -> Body:
        params = call.request.params
        check_known(params, PAGING | {name})
        if name not in params.texts:
            raise missing_parameter(name)
        revision = call.list_view().find(row.name, params.texts[name])
        if revision is None or revision.removed:
            raise ApiError(400, f"No such {name}: '{params.texts[name]}'", code="resource_missing", param=name)
        return _page_of(call, entries(revision.body, sublist))

    return handle


def _page_of(call: Call, found: list[Body]) -> Body:
    """In the order they have; Stripe's newest first holds for objects."""
    expanded = "data.discounts" in call.request.params.lists.get("expand", [])

    def shown(body: Body) -> Body:
        return body if expanded else with_ids_only(body, "discounts")

    return page_v1(call.request, list(zip(count(), found, strict=False)), shown)


def _get_entry(row: ObjectType, sublist: Sublist) -> Handler:
    def handle(call: Call) -> Body:
        for _, revision in call.read_view().all(row.name):
            for entry in () if revision.removed else entries(revision.body, sublist):
                if entry["id"] == call.id:
                    return entry
        raise not_found("resource_missing", sublist.item, call.id)

    return handle


def _list_summaries(call: Call) -> Body:
    view = call.list_view()
    meter = retrieve(view, METER, call.id, "", call.settings)
    return _page_of(call, summaries(view, meter, call.request.params))
