"""Every object of a type that Stripe lists, page by page, over all the lists that the type has, from any place on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES, ApiChannel, Listing, ObjectType
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.errors import ListUnavailable, NotFound, PermanentError, Unauthorized
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef, Scope, fill_template
from billing_mirror.ports import IndexEntry, Ports

from .pages import Page, read_page

BATCH = 100
"""Owners of lists that are looked up at once."""
OWNERS_UNTIL_SAVED = 20
"""Owners after whose lists the place is kept: most of these lists are short."""
PAGES_UNTIL_SAVED = 20
"""Pages of one owner's list after which the place is kept: a shorter one is read from its beginning again."""
BEGINNING = Place()


async def pages(object_type: ObjectType, scope: Scope, ports: Ports, place: Place = BEGINNING) -> AsyncIterator[Page]:
    """Raises ``NotShown`` where Stripe has no such list for this account, except where that was to be expected."""
    for number in range(place.listing, len(object_type.listings)):
        listing = object_type.listings[number]
        here = place if number == place.listing else Place(listing=number)
        try:
            if listing.per is None:
                found = _of_account(object_type, listing, here, ports)
            else:
                found = _of_each_owner(object_type, listing, here, scope, ports)
            async for page in found:
                yield page
        except ListUnavailable:
            if not listing.may_be_refused:
                raise


async def _of_account(object_type: ObjectType, listing: Listing, here: Place, ports: Ports) -> AsyncIterator[Page]:
    """The plain list, then what it may hide and did not show."""
    filters = [{}, *({name: value} for name, values in listing.hidden_filters.items() for value in values)]
    number = here.listing
    while here.listing == number:
        query = {**listing.query, **_on_request(object_type), **filters[here.filter]}
        try:
            page = await read_page(listing.url, query, here, ports, api=object_type.api)
        except (ListUnavailable, NotFound) as error:
            raise (PermanentError if here.filter else ListUnavailable)(str(error)) from error
        unseen = [number for number, one in enumerate(filters) if one and number not in here.shown]
        shown = [number for number in unseen if any(_passes(entry, filters[number]) for entry in page.entries)]
        here = replace(page.next or here, shown=(*sorted([*here.shown, *shown]),))
        here = here if page.next else _after_the_filter(here, len(filters))
        yield replace(page, next=here)


def _after_the_filter(here: Place, filters: int) -> Place:
    """The next list that has to be asked for: those whose objects were shown anyway are passed over."""
    left = [number for number in range(here.filter + 1, filters) if number not in here.shown]
    return replace(here, filter=left[0], url="", first="") if left else Place(listing=here.listing + 1)


async def _of_each_owner(
    object_type: ObjectType, listing: Listing, here: Place, scope: Scope, ports: Ports
) -> AsyncIterator[Page]:
    unsaved = 0
    async for owner, head, listed in _owners(TYPES[listing.per or ""], scope, ports, here):
        try:
            async for page in _of_owner(object_type, listing, owner, head, here, ports):
                yield page
        except Unauthorized:
            raise
        except PermanentError as error:
            yield Page([], owner=owner, problem=str(error))
        except NotFound:
            pass  # the owner was removed meanwhile
        here = Place(listing=here.listing, owner=listed.id, created=listed.created)
        unsaved += 1
        if unsaved == OWNERS_UNTIL_SAVED:
            yield Page([], next=here)
            unsaved = 0
    yield Page([], next=Place(listing=here.listing + 1))


async def _of_owner(
    object_type: ObjectType, listing: Listing, owner: ObjectRef, head: Head, here: Place, ports: Ports
) -> AsyncIterator[Page]:
    """The list of one owner, and whether the owner's own record of it is another."""
    if head.customer is None and "{customer}" in listing.query.values():
        return  # whose it is, is not known: there is no such list
    ids = {"id": owner.id, "parent": head.parent, "customer": head.customer}
    query = {**{name: fill_template(value, **ids) for name, value in listing.query.items()}, **_on_request(object_type)}
    path = fill_template(listing.url, **ids)
    parent = (head.parent if "{parent}" in listing.url else owner.id) if object_type.nested else None
    if here.url.partition("?")[0] != path:
        here = replace(here, url="", first="")  # nobody was stopped amid this list
    shown: set[str] | None = None if here.url else set()
    going_on: Place | None = here
    numbers = count(1)
    while going_on is not None:
        page = await read_page(path, query, going_on, ports, api=object_type.api)
        shown = set() if page.restarted else shown
        if shown is not None:
            shown.update(page.ids)
        going_on = page.next
        yield replace(page, parent=parent, next=None if next(numbers) % PAGES_UNTIL_SAVED else going_on)
    # Of a long list that was taken up in its middle, the beginning is not known here.
    if (
        shown is not None
        and object_type.name in owner.object_type.members
        and head.members.get(object_type.name, frozenset()) != shown
    ):
        owner = replace(owner, parent=head.parent if owner.object_type.nested else None)
        yield Page([], owner=owner, fetched=head.token != UNCLAIMED_TOKEN)


async def _owners(
    object_type: ObjectType, scope: Scope, ports: Ports, here: Place
) -> AsyncIterator[tuple[ObjectRef, Head, IndexEntry]]:
    """The owners after the place, in the order of the mirror's index."""
    batch: list[IndexEntry] = []
    async for listed in ports.mirror.ids(scope, object_type.name, since=here.created or None):
        if listed > IndexEntry(here.created, here.owner):
            batch.append(listed)
        if len(batch) == BATCH:
            for found in await _with_heads(object_type, scope, batch, ports):
                yield found
            batch.clear()
    for found in await _with_heads(object_type, scope, batch, ports):
        yield found


async def _with_heads(
    object_type: ObjectType, scope: Scope, batch: Sequence[IndexEntry], ports: Ports
) -> list[tuple[ObjectRef, Head, IndexEntry]]:
    owners = [(ObjectRef(scope, object_type, listed.id), listed) for listed in batch]
    heads = await ports.mirror.heads(owner for owner, _ in owners)
    return [
        (owner, heads[owner.key], listed)
        for owner, listed in owners
        if owner.key in heads and not heads[owner.key].deleted
    ]


def _on_request(object_type: ObjectType) -> Mapping[str, str]:
    """A list shows gated fields on request, like a fetch; without them every object would seem to differ.

    https://docs.stripe.com/api/expanding_objects
    """
    if object_type.api is ApiChannel.PREVIEW:
        return {f"include[{place}]": name for place, name in enumerate(object_type.include)}
    return {f"expand[{place}]": f"data.{name}" for place, name in enumerate(object_type.include)}


def _passes(entry: JsonObject, filters: Mapping[str, str]) -> bool:
    return all(_as_filter(entry.get(name)) == value for name, value in filters.items())


def _as_filter(value: Json) -> str | None:
    """A value as a list's filter spells it."""
    return str(value).lower() if isinstance(value, bool) else json_body.text_at({"value": value}, "value")
