"""Every object of a type that Stripe lists, page by page, over all the lists that the type has, from any place on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import TYPES, ApiLine, Listing, ObjectType
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.errors import Gone, NotShown, Refused, Unauthorized
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.mirror_state import UNCLAIMED, Head
from billing_mirror.core.object_ref import Scope, Subject, fill
from billing_mirror.ports import Listed
from billing_mirror.refresh.apply import World

from .pages import Page, read_page

BATCH = 100
"""Owners of lists that are looked up at once."""
OWNERS_UNTIL_SAVED = 20
"""Owners after whose lists the place is kept: most of these lists are short."""
PAGES_UNTIL_SAVED = 20
"""Pages of one owner's list after which the place is kept: a shorter one is read from its beginning again."""
BEGINNING = Place()


async def pages(row: ObjectType, scope: Scope, world: World, place: Place = BEGINNING) -> AsyncIterator[Page]:
    """Raises ``NotShown`` where Stripe has no such list for this account, except where that was to be expected."""
    for number in range(place.listing, len(row.listings)):
        listing = row.listings[number]
        here = place if number == place.listing else Place(listing=number)
        try:
            if listing.per is None:
                found = _of_account(row, listing, here, world)
            else:
                found = _of_each_owner(row, listing, here, scope, world)
            async for page in found:
                yield page
        except NotShown:
            if not listing.doubtful:
                raise


async def _of_account(row: ObjectType, listing: Listing, here: Place, world: World) -> AsyncIterator[Page]:
    """The plain list, then what it may hide and did not show."""
    filters = [{}, *({name: value} for name, values in listing.hidden.items() for value in values)]
    number = here.listing
    while here.listing == number:
        query = {**listing.query, **_on_request(row), **filters[here.filter]}
        try:
            page = await read_page(listing.url, query, here, world, api=row.api)
        except (NotShown, Gone) as error:
            raise (Refused if here.filter else NotShown)(str(error)) from error
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
    row: ObjectType, listing: Listing, here: Place, scope: Scope, world: World
) -> AsyncIterator[Page]:
    unsaved = 0
    async for owner, head, listed in _owners(TYPES[listing.per or ""], scope, world, here):
        try:
            async for page in _of_owner(row, listing, owner, head, here, world):
                yield page
        except Unauthorized:
            raise
        except Refused as error:
            yield Page([], owner=owner, problem=str(error))
        except Gone:
            pass  # the owner was removed meanwhile
        here = Place(listing=here.listing, owner=listed.id, created=listed.created)
        unsaved += 1
        if unsaved == OWNERS_UNTIL_SAVED:
            yield Page([], next=here)
            unsaved = 0
    yield Page([], next=Place(listing=here.listing + 1))


async def _of_owner(
    row: ObjectType, listing: Listing, owner: Subject, head: Head, here: Place, world: World
) -> AsyncIterator[Page]:
    """The list of one owner, and whether the owner's own record of it is another."""
    if head.customer is None and "{customer}" in listing.query.values():
        return  # whose it is, is not known: there is no such list
    ids = {"id": owner.id, "parent": head.parent, "customer": head.customer}
    query = {**{name: fill(value, **ids) for name, value in listing.query.items()}, **_on_request(row)}
    path = fill(listing.url, **ids)
    parent = (head.parent if "{parent}" in listing.url else owner.id) if row.nested else None
    if here.url.partition("?")[0] != path:
        here = replace(here, url="", first="")  # nobody was stopped amid this list
    shown: set[str] | None = None if here.url else set()
    going_on: Place | None = here
    numbers = count(1)
    while going_on is not None:
        page = await read_page(path, query, going_on, world, api=row.api)
        shown = set() if page.restarted else shown
        if shown is not None:
            shown.update(page.ids)
        going_on = page.next
        yield replace(page, parent=parent, next=None if next(numbers) % PAGES_UNTIL_SAVED else going_on)
    # Of a long list that was taken up in its middle, the beginning is not known here.
    if shown is not None and row.name in owner.row.members and head.members.get(row.name, frozenset()) != shown:
        owner = replace(owner, parent=head.parent if owner.row.nested else None)
        yield Page([], owner=owner, fetched=head.token != UNCLAIMED)


async def _owners(
    row: ObjectType, scope: Scope, world: World, here: Place
) -> AsyncIterator[tuple[Subject, Head, Listed]]:
    """The owners after the place, in the order of the mirror's index."""
    batch: list[Listed] = []
    async for listed in world.mirror.ids(scope, row.name, since=here.created or None):
        if listed > Listed(here.created, here.owner):
            batch.append(listed)
        if len(batch) == BATCH:
            for found in await _with_heads(row, scope, batch, world):
                yield found
            batch.clear()
    for found in await _with_heads(row, scope, batch, world):
        yield found


async def _with_heads(
    row: ObjectType, scope: Scope, batch: Sequence[Listed], world: World
) -> list[tuple[Subject, Head, Listed]]:
    owners = [(Subject(scope, row, listed.id), listed) for listed in batch]
    heads = await world.mirror.heads(owner for owner, _ in owners)
    return [
        (owner, heads[owner.key], listed)
        for owner, listed in owners
        if owner.key in heads and not heads[owner.key].deleted
    ]


def _on_request(row: ObjectType) -> Mapping[str, str]:
    """A list shows gated fields on request, like a fetch; without them every object would seem to differ.

    https://docs.stripe.com/api/expanding_objects
    """
    if row.api is ApiLine.PREVIEW:
        return {f"include[{place}]": name for place, name in enumerate(row.include)}
    return {f"expand[{place}]": f"data.{name}" for place, name in enumerate(row.include)}


def _passes(entry: JsonObject, filters: Mapping[str, str]) -> bool:
    return all(_as_filter(entry.get(name)) == value for name, value in filters.items())


def _as_filter(value: Json) -> str | None:
    """A value as a list's filter spells it."""
    return str(value).lower() if isinstance(value, bool) else bodies.text_at({"value": value}, "value")
