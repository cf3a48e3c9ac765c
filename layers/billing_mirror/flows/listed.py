"""Every object of a type that Stripe lists, page by page, over all the lists that the type has."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from billing_mirror.core import body as bodies
from billing_mirror.core.body import Json, JsonObject
from billing_mirror.core.catalog import TYPES, ApiLine, Listing, ObjectType
from billing_mirror.core.errors import Gone, Refused, Unauthorized
from billing_mirror.core.known import Head
from billing_mirror.core.subject import Scope, Subject, fill, named

from .observe import walk
from .one_subject import World

BATCH = 100
"""Owners of lists that are looked up at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list, with the parent that their URLs need."""

    entries: list[JsonObject]
    parent: str | None = None


async def pages(row: ObjectType, scope: Scope, world: World) -> AsyncIterator[Page]:
    """Raises ``Retryable`` or ``Refused`` where a list cannot be had, except where that was to be expected."""
    for listing in row.listings:
        try:
            if listing.per is None:
                async for entries in _plain_and_hidden(row, listing, world):
                    yield Page(entries)
            else:
                async for page in _of_each_owner(row, listing, TYPES[listing.per], scope, world):
                    yield page
        except Unauthorized:
            raise
        except Refused:
            if not listing.doubtful:
                raise


async def _plain_and_hidden(row: ObjectType, listing: Listing, world: World) -> AsyncIterator[list[JsonObject]]:
    """The plain list, then what it may hide and did not show."""
    hidden = dict(listing.hidden)
    asked = {**listing.query, **_on_request(row)}
    async for entries in walk(listing.url, asked, world.stripe, api=row.api, context=None):
        for name, value in listing.hidden.items():
            if any(_as_filter(entry.get(name)) == value for entry in entries):
                hidden.pop(name, None)
        yield entries
    for name, value in hidden.items():
        async for entries in walk(listing.url, {**asked, name: value}, world.stripe, api=row.api, context=None):
            yield entries


async def _of_each_owner(
    row: ObjectType, listing: Listing, owner_row: ObjectType, scope: Scope, world: World
) -> AsyncIterator[Page]:
    async for owner, head in _owners(owner_row, scope, world):
        ids = {"id": owner.id, "parent": head.parent, "customer": head.customer}
        try:
            url = fill(listing.url, **ids)
            query = {name: fill(value, **ids) for name, value in listing.query.items()}
        except Refused:
            continue  # an owner without a customer has no such list
        try:
            async for entries in walk(url, {**query, **_on_request(row)}, world.stripe, api=row.api, context=None):
                yield Page(entries, (head.parent if "{parent}" in listing.url else owner.id) if row.nested else None)
        except Gone:
            continue  # the owner was removed meanwhile


async def _owners(row: ObjectType, scope: Scope, world: World) -> AsyncIterator[tuple[Subject, Head]]:
    batch: list[Subject] = []
    async for identifier in world.mirror.ids(scope, row.name):
        batch.append(named(scope, row.name, identifier))
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
