"""All lists of a type at Stripe, page by page, from any checkpoint on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeAlias

from billing_mirror.core.catalog import TYPES, Listing, ObjectType
from billing_mirror.core.checkpoints import FIRST_PAGE, IndexPosition, ListCheckpoint, PagePosition
from billing_mirror.core.errors import ListRefused, NotFound, PermanentError, Unauthorized
from billing_mirror.core.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.core.object_ref import ObjectRef, Scope, fill_template, key_id
from billing_mirror.ports import Ports
from billing_mirror.refresh.references import is_of_account

from .account_list import read_account_list
from .index_walk import walk_index
from .missing import is_gone
from .pages import ObjectPage, RestartedList, ResumePoint, on_request_in_list, read_page

OWNERS_PER_CHECKPOINT = 20
"""Owners whose lists are read between two checkpoints: most of these lists are short."""
PAGES_PER_CHECKPOINT = 20
"""Pages of one owner's list between two checkpoints: a shorter list is read again from its beginning."""
BEGINNING = ListCheckpoint()


@dataclass(frozen=True, slots=True)
class DifferingOwner:
    """An owner whose mirrored members differ from the list that was read."""

    owner: ObjectRef
    was_fetched: bool
    """False for an owner that a backfill inserted from a list: its members were never fetched."""


@dataclass(frozen=True, slots=True)
class UnreadableList:
    """An owner whose list cannot be read."""

    owner: ObjectRef
    reason: str


ListStep: TypeAlias = ObjectPage | RestartedList | DifferingOwner | UnreadableList | ResumePoint


@dataclass(frozen=True, slots=True)
class _Owner:
    ref: ObjectRef
    head: Head
    position: IndexPosition


async def read_lists(
    object_type: ObjectType, scope: Scope, ports: Ports, start: ListCheckpoint = BEGINNING
) -> AsyncIterator[ListStep]:
    """Raises ``ListRefused`` where Stripe refuses a list of the account, unless the catalog expects that."""
    for number in range(start.listing, len(object_type.listings)):
        listing = object_type.listings[number]
        checkpoint = start if number == start.listing else ListCheckpoint(listing=number)
        try:
            steps: AsyncIterator[ListStep]
            if listing.per is None:
                steps = read_account_list(object_type, listing, checkpoint, ports)
            else:
                steps = _read_owner_lists(object_type, listing, checkpoint, scope, ports)
            async for step in steps:
                yield step
        except ListRefused:
            if not listing.may_be_refused:
                raise


# ---- lists of owners


async def _read_owner_lists(
    object_type: ObjectType, listing: Listing, start: ListCheckpoint, scope: Scope, ports: Ports
) -> AsyncIterator[ListStep]:
    checkpoint = start
    unsaved = 0
    async for owner in _owners(TYPES[listing.per or ""], scope, ports, start.owner):
        try:
            async for step in _read_owner_list(object_type, listing, owner, checkpoint, ports):
                yield step
        except Unauthorized:
            raise
        except (PermanentError, NotFound) as error:
            if reason := await _why_unreadable(error, listing, owner, ports):
                yield UnreadableList(owner.ref, reason)
        checkpoint = ListCheckpoint(listing=start.listing, owner=owner.position)
        unsaved += 1
        if unsaved == OWNERS_PER_CHECKPOINT:
            yield ResumePoint(checkpoint)
            unsaved = 0
    yield ResumePoint(ListCheckpoint(listing=start.listing + 1))


async def _why_unreadable(
    error: PermanentError | NotFound, listing: Listing, owner: _Owner, ports: Ports
) -> str | None:
    """Why the list of an owner could not be read; None where the catalog or the owner's removal explains it."""
    if isinstance(error, PermanentError):
        return None if _is_expected(error, listing) else str(error)
    is_removed = await is_gone(_with_parent(owner), ports)
    return None if is_removed else f"{error}: Stripe shows the owner, and not its list"


def _is_expected(error: PermanentError, listing: Listing) -> bool:
    """Whether the catalog expects the refusal of a list. Raises it where all lists of its kind will be refused."""
    if not isinstance(error, ListRefused) or listing.may_be_refused:
        return isinstance(error, ListRefused)
    if error.lacks_filter:
        raise error
    return False


async def _owners(object_type: ObjectType, scope: Scope, ports: Ports, after: IndexPosition) -> AsyncIterator[_Owner]:
    """The owners after a position, in the order of the mirror's index."""
    async for batch in walk_index(ports.mirror, scope, object_type.name, after):
        refs = [ObjectRef(scope, object_type, entry.id) for entry in batch.entries]
        heads = await ports.mirror.heads(refs)
        for ref, entry in zip(refs, batch.entries, strict=True):
            head = heads.get(ref.key)
            if head is not None and not head.deleted:
                yield _Owner(ref, head, IndexPosition(entry.created, key_id(entry.id)))


async def _read_owner_list(
    object_type: ObjectType, listing: Listing, owner: _Owner, start: ListCheckpoint, ports: Ports
) -> AsyncIterator[ListStep]:
    """Reads the list of one owner, and compares the ids on it with the owner's mirrored members."""
    if owner.head.customer is None and "{customer}" in listing.query.values():
        return  # the list needs a customer, and the owner has none yet
    ids_of_owner = {"id": owner.ref.id, "parent": owner.head.parent, "customer": owner.head.customer}
    filters = listing.query
    if listing.account_query and is_of_account(owner.ref.object_type, await ports.mirror.body(owner.ref)):
        filters = listing.account_query
    query = {name: fill_template(value, **ids_of_owner) for name, value in filters.items()}
    query |= on_request_in_list(object_type)
    path = fill_template(listing.url, **ids_of_owner)
    parent = _parent_of_members(object_type, listing, owner)
    # Where the stored page belongs to another list, start at the first page.
    position: PagePosition | None = start.page if start.page.url.partition("?")[0] == path else FIRST_PAGE
    resumed, shown = position != FIRST_PAGE, set[str]()
    numbers = count(1)
    while position is not None:
        page = await read_page(path, query, position, ports, api=object_type.api, kind=object_type.name)
        if isinstance(page, RestartedList):
            resumed, shown, position = False, set(), FIRST_PAGE
            yield page
        else:
            shown.update(page.ids)
            position = page.next
            yield replace(page, parent=parent)
        if position is not None and next(numbers) % PAGES_PER_CHECKPOINT == 0:
            yield ResumePoint(replace(start, page=position))
    if not resumed and _members_differ(object_type, owner, shown):
        yield _differing(owner)


def _parent_of_members(object_type: ObjectType, listing: Listing, owner: _Owner) -> str | None:
    if not object_type.nested:
        return None
    return owner.head.parent if "{parent}" in listing.url else owner.ref.id


def _members_differ(object_type: ObjectType, owner: _Owner, shown: set[str]) -> bool:
    mirrored = owner.head.members.get(object_type.name, frozenset())
    return object_type.name in owner.ref.object_type.members and mirrored != shown


def _differing(owner: _Owner) -> DifferingOwner:
    return DifferingOwner(_with_parent(owner), was_fetched=owner.head.token != UNCLAIMED_TOKEN)


def _with_parent(owner: _Owner) -> ObjectRef:
    parent = owner.head.parent if owner.ref.object_type.nested else None
    return replace(owner.ref, parent=parent)
