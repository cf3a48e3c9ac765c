"""Every object of a type that Stripe lists, page by page, over all the lists that the type has."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from billing_mirror.core import body as bodies
from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.catalog import TYPES, ApiLine, Listing, ObjectType
from billing_mirror.core.errors import Gone, NotShown, Refused, Unauthorized
from billing_mirror.core.known import Head
from billing_mirror.core.subject import Scope, Subject, fill

from .observe import walk
from .one_subject import World

BATCH = 100
"""Owners of lists that are looked up at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list, with the parent that their URLs need.

    ``problem`` says why the list of ``owner`` could not be had; without it, ``owner`` is one whose own record of its
    list differs from what was shown.
    """

    entries: list[JsonObject]
    parent: str | None = None
    owner: Subject | None = None
    problem: str = ""


async def pages(row: ObjectType, scope: Scope, world: World) -> AsyncIterator[Page]:
    """Raises ``NotShown`` where Stripe has no such list for this account, except where that was to be expected."""
    for listing in row.listings:
        try:
            if listing.per is None:
                async for entries in _plain_and_hidden(row, listing, world):
                    yield Page(entries)
            else:
                async for page in _of_each_owner(row, listing, TYPES[listing.per], scope, world):
                    yield page
        except NotShown:
            if not listing.doubtful:
                raise


async def _plain_and_hidden(row: ObjectType, listing: Listing, world: World) -> AsyncIterator[list[JsonObject]]:
    """The plain list, then what it may hide and did not show."""
    first = True
    hidden = [(name, value) for name, values in listing.hidden.items() for value in values]
    asked = {**listing.query, **_on_request(row)}
    try:
        async for entries in walk(listing.url, asked, world.stripe, api=row.api, context=None):
            first = False
            hidden = [one for one in hidden if not any(_as_filter(entry.get(one[0])) == one[1] for entry in entries)]
            yield entries
    except Unauthorized:
        raise
    except (Refused, Gone) as error:
        if first:
            raise NotShown(str(error)) from error
        raise
    for name, value in hidden:
        async for entries in walk(listing.url, {**asked, name: value}, world.stripe, api=row.api, context=None):
            yield entries


async def _of_each_owner(
    row: ObjectType, listing: Listing, owner_row: ObjectType, scope: Scope, world: World
) -> AsyncIterator[Page]:
    async for owner, head in _owners(owner_row, scope, world):
        shown: set[str] = set()
        try:
            async for page in _of_owner(row, listing, owner, head, world):
                shown.update(identifier for entry in page.entries if (identifier := bodies.text_at(entry, "id")))
                yield page
        except Unauthorized:
            raise
        except Refused as error:
            yield Page([], owner=owner, problem=str(error))
            continue
        except Gone:
            continue  # the owner was removed meanwhile
        if row.name in owner_row.members and head.members.get(row.name, frozenset()) != shown:
            yield Page([], owner=replace(owner, parent=head.parent if owner_row.nested else None))


async def _of_owner(row: ObjectType, listing: Listing, owner: Subject, head: Head, world: World) -> AsyncIterator[Page]:
    if head.customer is None and "{customer}" in listing.query.values():
        return  # whose it is, is not known: there is no such list
    ids = {"id": owner.id, "parent": head.parent, "customer": head.customer}
    query = {name: fill(value, **ids) for name, value in listing.query.items()}
    url = fill(listing.url, **ids)
    parent = (head.parent if "{parent}" in listing.url else owner.id) if row.nested else None
    async for entries in walk(url, {**query, **_on_request(row)}, world.stripe, api=row.api, context=None):
        yield Page(entries, parent)


async def _owners(row: ObjectType, scope: Scope, world: World) -> AsyncIterator[tuple[Subject, Head]]:
    batch: list[Subject] = []
    async for identifier in world.mirror.ids(scope, row.name):
        batch.append(Subject(scope, row, identifier))
        if len(batch) == BATCH:
            for found in await _with_heads(batch, world):
                yield found
            batch.clear()
    for found in await _with_heads(batch, world):
        yield found


async def _with_heads(owners: list[Subject], world: World) -> list[tuple[Subject, Head]]:
    heads = await world.mirror.heads(owners)
    return [(owner, heads[owner.key]) for owner in owners if owner.key in heads and not heads[owner.key].deleted]


def _on_request(row: ObjectType) -> Mapping[str, str]:
    """A list shows gated fields on request, like a fetch; without them every object would seem to differ.

    https://docs.stripe.com/api/expanding_objects
    """
    if row.api is ApiLine.PREVIEW:
        return {f"include[{place}]": name for place, name in enumerate(row.include)}
    return {f"expand[{place}]": f"data.{name}" for place, name in enumerate(row.include)}


def _as_filter(value: Json) -> str | None:
    """A value as a list's filter spells it."""
    return str(value).lower() if isinstance(value, bool) else bodies.text_at({"value": value}, "value")
