"""All lists of a type at Stripe, page by page, from any checkpoint on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeAlias

from billing_mirror.core.catalog import TYPES, Listing, ObjectType
from billing_mirror.core.errors import ListRefused, NotFound, PermanentError, Unauthorized
from billing_mirror.core.object_ref import ObjectRef, Scope, fill_template, key_id
from billing_mirror.core.runs.checkpoints import FIRST_PAGE, IndexPosition, ListCheckpoint, PagePosition
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN, Head
from billing_mirror.ports import Ports
from billing_mirror.refresh.references import is_of_account

from ..gather import gather_all
from .account_list import read_account_list
from .index_walk import walk_index
from .missing import is_gone
from .pages import ObjectPage, RestartedList, ResumePoint, on_request_in_list, read_page

OWNERS_PER_CHECKPOINT = 20
"""Owners whose lists are read between two checkpoints: most of these lists are short."""
OWNERS_AT_ONCE = 8
"""Owners whose first pages are requested at the same time."""
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


@dataclass(frozen=True, slots=True)
class _OwnerList:
    """The list of an owner, of which one page was requested."""

    owner: _Owner
    path: str
    query: Mapping[str, str]
    page: ObjectPage | RestartedList | Exception
    """Where Stripe refuses it, the reason."""
    resumed: bool
    """Whether it is not the first page."""


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
    async for owners in _owners(TYPES[listing.per or ""], scope, ports, start.owner):
        opened = await gather_all(_open(object_type, listing, owner, checkpoint.page, ports) for owner in owners)
        for owner, found in zip(owners, opened, strict=True):
            if found is not None:
                async for step in _read_or_explain(object_type, listing, found, checkpoint, ports):
                    yield step
            checkpoint = ListCheckpoint(listing=start.listing, owner=owner.position)
            unsaved += 1
            if unsaved == OWNERS_PER_CHECKPOINT:
                yield ResumePoint(checkpoint)
                unsaved = 0
    yield ResumePoint(ListCheckpoint(listing=start.listing + 1))


async def _read_or_explain(
    object_type: ObjectType, listing: Listing, found: _OwnerList, start: ListCheckpoint, ports: Ports
) -> AsyncIterator[ListStep]:
    try:
        async for step in _read_owner_list(object_type, listing, found, start, ports):
            yield step
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        if reason := await _why_unreadable(error, listing, found.owner, ports):
            yield UnreadableList(found.owner.ref, reason)


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


async def _owners(
    object_type: ObjectType, scope: Scope, ports: Ports, after: IndexPosition
) -> AsyncIterator[Sequence[_Owner]]:
    """The owners after a position, some at a time, in the order of the mirror's index."""
    async for batch in walk_index(ports.mirror, scope, object_type.name, after):
        refs = [ObjectRef(scope, object_type, entry.id) for entry in batch.entries]
        heads = await ports.mirror.heads(refs)
        found = [
            _Owner(ref, head, IndexPosition(entry.created, key_id(entry.id)))
            for ref, entry in zip(refs, batch.entries, strict=True)
            if (head := heads.get(ref.key)) is not None and not head.deleted
        ]
        for start in range(0, len(found), OWNERS_AT_ONCE):
            yield found[start : start + OWNERS_AT_ONCE]


async def _open(
    object_type: ObjectType, listing: Listing, owner: _Owner, resume: PagePosition, ports: Ports
) -> _OwnerList | None:
    """The list of an owner with its first page, or with the page at which it resumes; None where it has none yet."""
    if owner.head.customer is None and "{customer}" in listing.query.values():
        return None  # the list needs a customer
    ids_of_owner = {"id": owner.ref.id, "parent": owner.head.parent, "customer": owner.head.customer}
    filters = listing.query
    if listing.account_query and is_of_account(owner.ref.object_type, await ports.mirror.body(owner.ref)):
        filters = listing.account_query
    query = {name: fill_template(value, **ids_of_owner) for name, value in filters.items()}
    query |= on_request_in_list(object_type)
    path = fill_template(listing.url, **ids_of_owner)
    resumed = resume.url.partition("?")[0] == path  # or else the stored page belongs to another list
    page: ObjectPage | RestartedList | Exception
    try:
        page = await _page(object_type, path, query, resume if resumed else FIRST_PAGE, ports)
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        page = error
    return _OwnerList(owner, path, query, page, resumed)


async def _page(
    object_type: ObjectType, path: str, query: Mapping[str, str], position: PagePosition, ports: Ports
) -> ObjectPage | RestartedList:
    return await read_page(path, query, position, ports, api=object_type.api, kind=object_type.name)


async def _read_owner_list(
    object_type: ObjectType, listing: Listing, found: _OwnerList, start: ListCheckpoint, ports: Ports
) -> AsyncIterator[ListStep]:
    """Reads the list of one owner, and compares the ids on it with the owner's mirrored members."""
    owner, page = found.owner, found.page
    parent = _parent_of_members(object_type, listing, owner)
    resumed, shown = found.resumed, set[str]()
    for number in count(1):
        if isinstance(page, Exception):
            raise page
        position: PagePosition | None
        if isinstance(page, RestartedList):
            resumed, shown, position = False, set(), FIRST_PAGE
            yield page
        else:
            shown.update(page.ids)
            position = page.next
            yield replace(page, parent=parent)
        if position is None:
            break
        if number % PAGES_PER_CHECKPOINT == 0:
            yield ResumePoint(replace(start, page=position))
        page = await _page(object_type, found.path, found.query, position, ports)
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
