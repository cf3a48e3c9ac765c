"""Every object of a type that Stripe lists, page by page, over all the lists that the type has, from any place on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from billing_mirror.core import body as bodies
from billing_mirror.core import paging
from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.catalog import TYPES, ApiLine, Listing, ObjectType
from billing_mirror.core.errors import Gone, NotShown, Refused, Unauthorized
from billing_mirror.core.known import UNCLAIMED, Head
from billing_mirror.core.place import Place
from billing_mirror.core.subject import Scope, Subject, fill

from .observe import walk
from .one_subject import World
from .ports import Listed

BATCH = 100
"""Owners of lists that are looked up at once."""
OWNERS_UNTIL_SAVED = 20
"""Owners after whose lists the place is kept: most of these lists are short."""
BEGINNING = Place()


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list, asked for at ``asked_at`` (seconds since 1970), with the parent that their URLs need.

    ``next`` is the place after it, where that is one to go on from. ``problem`` says why the list of ``owner`` could
    not be had; without it, ``owner`` is one whose own record of its list differs from what was shown: because it was
    never ``fetched`` but taken from a list, or else for no good reason. ``restarted`` says that a list has to be read
    from its beginning again.
    """

    entries: list[JsonObject]
    next: Place | None = None
    asked_at: float = 0.0
    stripe_version: str = ""
    request_id: str = ""
    parent: str | None = None
    owner: Subject | None = None
    fetched: bool = True
    problem: str = ""
    restarted: bool = False

    @property
    def ids(self) -> list[str]:
        return [identifier for entry in self.entries if (identifier := bodies.text_at(entry, "id"))]


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
    while here.listing < len(row.listings) and row.listings[here.listing] is listing:
        page = await _page(row, listing, filters, here, world)
        yield page
        here = page.next or here


async def _page(
    row: ObjectType, listing: Listing, filters: Sequence[Mapping[str, str]], here: Place, world: World
) -> Page:
    query = {**listing.query, **_on_request(row), **filters[here.filter]}
    again = Page([], next=replace(here, url="", first=""), restarted=True)
    asked_at = world.clock.now()
    try:
        answer = await world.stripe.get(here.url or paging.first_page(listing.url, query), api=row.api, context=None)
    except Unauthorized:
        raise
    except (Refused, Gone) as error:
        if here.url:
            return again  # its token has expired, or what it starts after was removed
        raise (Refused if here.filter else NotShown)(str(error)) from error
    entries = paging.entries(answer.body)
    url = paging.next_page(answer.body, path=listing.url, query=query)
    ids = [bodies.text_at(entry, "id") for entry in entries]
    if url is not None and (url == here.url or (here.first and here.first in ids)):
        return again  # it leads back to where it has been
    unseen = [number for number, one in enumerate(filters) if one and number not in here.shown]
    shown = [number for number in unseen if any(_passes(entry, filters[number]) for entry in entries)]
    here = replace(here, first=here.first or (ids[0] if ids else "") or "", shown=(*sorted([*here.shown, *shown]),))
    onward = replace(here, url=url) if url else _after_the_filter(here, len(filters))
    return Page(entries, onward, asked_at, answer.stripe_version, answer.request_id)


def _after_the_filter(here: Place, filters: int) -> Place:
    """The next list that has to be asked for: those whose objects were shown anyway are passed over."""
    left = [number for number in range(here.filter + 1, filters) if number not in here.shown]
    return replace(here, filter=left[0], url="", first="") if left else Place(listing=here.listing + 1)


async def _of_each_owner(
    row: ObjectType, listing: Listing, here: Place, scope: Scope, world: World
) -> AsyncIterator[Page]:
    owner_row = TYPES[listing.per or ""]
    unsaved = 0
    async for owner, head, listed in _owners(owner_row, scope, world, here):
        async for page in _of_owner(row, listing, owner, head, world):
            yield page
        unsaved += 1
        if unsaved == OWNERS_UNTIL_SAVED:
            yield Page([], next=replace(here, owner=listed.id, created=listed.created))
            unsaved = 0
    yield Page([], next=Place(listing=here.listing + 1))


async def _of_owner(row: ObjectType, listing: Listing, owner: Subject, head: Head, world: World) -> AsyncIterator[Page]:
    """The list of one owner, and whether the owner's own record of it is another."""
    shown: set[str] = set()
    try:
        async for page in _pages_of_owner(row, listing, owner, head, world):
            shown.update(page.ids)
            yield page
    except Unauthorized:
        raise
    except Refused as error:
        yield Page([], owner=owner, problem=str(error))
        return
    except Gone:
        return  # the owner was removed meanwhile
    if row.name in owner.row.members and head.members.get(row.name, frozenset()) != shown:
        owner = replace(owner, parent=head.parent if owner.row.nested else None)
        yield Page([], owner=owner, fetched=head.token != UNCLAIMED)


async def _pages_of_owner(
    row: ObjectType, listing: Listing, owner: Subject, head: Head, world: World
) -> AsyncIterator[Page]:
    if head.customer is None and "{customer}" in listing.query.values():
        return  # whose it is, is not known: there is no such list
    ids = {"id": owner.id, "parent": head.parent, "customer": head.customer}
    query = {name: fill(value, **ids) for name, value in listing.query.items()}
    url = fill(listing.url, **ids)
    parent = (head.parent if "{parent}" in listing.url else owner.id) if row.nested else None
    asked_at = world.clock.now()
    version = world.stripe.version(row.api)
    async for entries in walk(url, {**query, **_on_request(row)}, world.stripe, api=row.api, context=None):
        yield Page(entries, asked_at=asked_at, stripe_version=version, parent=parent)


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
