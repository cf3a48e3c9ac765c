"""Process: bring the mirror up to date with a batch of messages.

Parse the messages, group them by object, skip what is already fresh; then claim, fetch and apply the objects
concurrently, owners first. Every message ends in exactly one :class:`Outcome`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from billing_mirror.core.errors import PermanentError, TransientError, Unauthorized, WrongAccount
from billing_mirror.core.events.messages import Message, Notification, Unreadable, read_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event, ref_from_request
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import NO_EVENTS, AlreadyClaimed, Head, LastEvents
from billing_mirror.ports import Stripe
from billing_mirror.refresh.apply import apply, claim_and_fetch
from billing_mirror.refresh.claims import Superseded, release_at_final_error

from .already_fresh import Known, is_fresh, newest_events, read_known
from .coalescing import after_last_claim, after_others, coalesce, earliest_claim_awaited
from .messages import MessageResult, ProcessDependencies, ReceivedMessage, Result, WorkItem
from .not_found import require_not_found
from .order import owners_first
from .resolve import resolve, resolve_parent
from .second_look import is_second_look, shows_lists
from .settle import ends_all, settle

MAX_CONCURRENCY = 16
"""Objects that are refreshed at the same time. Each takes a thread at times.

A whole batch of the default size, and more than are on their way at one endpoint, where Stripe takes 25 requests a
second and half a second an answer. The other containers use the rest of the budget of the account.
"""
OUT_OF_TIME = TransientError("the function ran out of time")


async def process_batch(
    batch: Sequence[ReceivedMessage], dependencies: ProcessDependencies, *, deadline: float
) -> list[MessageResult]:
    """Processes a batch; what is not done by ``deadline`` (seconds since 1970) is postponed."""
    parsed = _postponed(await _account_problem(dependencies), [_parse(received, dependencies) for received in batch])
    if dependencies.note_accounts is not None:
        await dependencies.note_accounts(parsed)
    items = await _resolve_all(parsed, dependencies, deadline)
    groups: dict[tuple[str, str], list[WorkItem]] = defaultdict(list)
    for item in items:
        if item.ref is not None:
            groups[_group_key(item.ref)].append(item)
    results = await _process_all(list(groups.values()), dependencies, deadline)
    return list(await asyncio.gather(*(settle(item, results, dependencies) for item in items)))


async def _account_problem(dependencies: ProcessDependencies) -> TransientError | None:
    """Why the key cannot be used for now."""
    try:
        if dependencies.account is not None:
            await dependencies.account.confirm()
    except TransientError as error:
        return error
    except Unauthorized:
        return None  # the next request is refused too, or the key is checked before it
    return None


def _postponed(error: TransientError | None, items: list[WorkItem]) -> list[WorkItem]:
    """The items with what keeps them all waiting. With a wrong key, nothing is quarantined either.

    They keep their messages, which the log names, and lose what would be worked on.
    """
    if error is None:
        return items
    unconditional = isinstance(error, WrongAccount)
    return [_waiting(one, error) if unconditional or one.problem is None else one for one in items]


def _waiting(item: WorkItem, error: TransientError) -> WorkItem:
    return replace(item, ref=None, unresolved=None, other_mode=False, problem=error)


def _group_key(ref: ObjectRef) -> tuple[str, str]:
    """Equal for messages that one fetch can answer."""
    return ref.key, ref.type


def _parse(received: ReceivedMessage, dependencies: ProcessDependencies) -> WorkItem:
    try:
        message = read_message(received.body)
    except Unreadable as error:
        return WorkItem(received, problem=PermanentError(str(error)))
    if _is_of_other_mode(message, dependencies.ports.stripe):
        return WorkItem(received, message, other_mode=True)
    try:
        ref = ref_from_event(message) if isinstance(message, Notification) else ref_from_request(message)
    except PermanentError as error:
        return WorkItem(received, message, problem=error)
    if isinstance(ref, UnresolvedRef):
        return WorkItem(received, message, unresolved=ref)
    return WorkItem(received, message, ref)


def _is_of_other_mode(message: Message, stripe: Stripe) -> bool:
    """Whether the message is about a live object and the key is a test key, or the other way round."""
    return message.livemode != stripe.livemode


async def _resolve_all(items: list[WorkItem], dependencies: ProcessDependencies, deadline: float) -> list[WorkItem]:
    """The items, with the refs that only fetched events name."""
    slots = asyncio.Semaphore(MAX_CONCURRENCY)
    return list(await asyncio.gather(*(_resolve_in_time(item, dependencies, deadline, slots) for item in items)))


async def _resolve_in_time(
    item: WorkItem, dependencies: ProcessDependencies, deadline: float, slots: asyncio.Semaphore
) -> WorkItem:
    if item.unresolved is None:
        return item
    async with slots:
        try:
            async with asyncio.timeout(max(0.0, deadline - dependencies.ports.clock.now())):
                return await resolve(item, dependencies.ports)
        except TimeoutError:
            return replace(item, problem=OUT_OF_TIME)


async def _process_all(
    groups: Sequence[list[WorkItem]], dependencies: ProcessDependencies, deadline: float
) -> dict[str, Result]:
    """The result of each message, by message id."""
    slots = asyncio.Semaphore(MAX_CONCURRENCY)

    async def process(stage: Sequence[list[WorkItem]]) -> dict[str, Result]:
        return await _process_objects(stage, dependencies, deadline, slots)

    return await owners_first(groups, process)


async def _process_objects(
    groups: Sequence[list[WorkItem]], dependencies: ProcessDependencies, deadline: float, slots: asyncio.Semaphore
) -> dict[str, Result]:
    refs = [item.ref for items in groups for item in items[:1] if item.ref is not None]
    try:
        known = await read_known(groups, refs, dependencies)
    except TransientError as error:
        return {item.received.message_id: error for items in groups for item in items}
    results = await asyncio.gather(
        *(
            _process_in_time(items, ref, known[ref], dependencies, deadline, slots)
            for items, ref in zip(groups, refs, strict=True)
        )
    )
    return {item.received.message_id: result for items, result in zip(groups, results, strict=True) for item in items}


async def _process_in_time(
    items: list[WorkItem],
    ref: ObjectRef,
    known: Known,
    dependencies: ProcessDependencies,
    deadline: float,
    slots: asyncio.Semaphore,
) -> Result:
    clock = dependencies.ports.clock
    if is_fresh(items, known, dependencies):
        return Outcome.ALREADY_FRESH, clock.now()
    left = deadline - clock.now()
    if left <= 0:
        return OUT_OF_TIME
    try:
        async with asyncio.timeout(left):
            known = await after_others(ref, items, known, dependencies)
            if is_fresh(items, known, dependencies):
                return Outcome.ALREADY_FRESH, clock.now()
            outcome = await _process_unless_answered(items, ref, known, dependencies.of_next_object(), slots)
        return outcome, clock.now()
    except TimeoutError:
        return OUT_OF_TIME
    except Exception as error:  # noqa: BLE001 - one object's failure must not end the others
        return error


async def _process_unless_answered(
    items: list[WorkItem], ref: ObjectRef, known: Known, dependencies: ProcessDependencies, slots: asyncio.Semaphore
) -> Outcome:
    """Processes an object, unless what another worker has claimed for the same events answers them."""
    try:
        async with slots:
            return await _process_object(items, ref, known.head, dependencies)
    except AlreadyClaimed:  # and wait without a slot
        known = await after_last_claim(ref, dependencies)
    if is_fresh(items, known, dependencies):
        return Outcome.ALREADY_FRESH
    async with slots:
        return await _process_object(items, ref, known.head, replace(dependencies, waits_for_claims=False))


async def _process_object(
    items: list[WorkItem], ref: ObjectRef, head: Head | None, dependencies: ProcessDependencies
) -> Outcome:
    ports = dependencies.ports
    ref = await resolve_parent(ref, items, head, ports)
    if await shows_lists(ref, items, head, dependencies):
        return Outcome.ALREADY_FRESH
    try:
        token, observation = await _fetch(ref, items, head, dependencies)
    except Superseded:
        return Outcome.SUPERSEDED
    async with release_at_final_error(ports.mirror, ref, token, partial(ends_all, items=items)):
        if observation.body is None:
            await require_not_found(ref, items, observation.fetched_at, dependencies)
        return await apply(ports, ref, token, observation, head, hops=_hops(items))


def _hops(items: Sequence[WorkItem]) -> int:
    """The length of the longest chain that led to the fetch: no message that is answered with it starts anew."""
    return max(item.hops for item in items)


async def _fetch(
    ref: ObjectRef, items: list[WorkItem], head: Head | None, dependencies: ProcessDependencies
) -> tuple[int, Observation]:
    """Claims and fetches the object. The observation keeps the newest events that caused the fetch."""
    events = [item.message for item in items if isinstance(item.message, Notification)]
    newest = newest_events(items)
    ids = tuple(dict.fromkeys(event.identity for event in newest))
    return await claim_and_fetch(
        dependencies.ports,
        ref,
        claimed_at=dependencies.ports.clock.now(),
        head=head,
        events=LastEvents(newest[0].created.timestamp(), ids) if newest else NO_EVENTS,
        event=events[0].id if events else None,
        all_lists=any(is_second_look(item) for item in items),
        is_final=partial(ends_all, items=items),
        before_fetch=partial(coalesce, ref=ref, items=items, dependencies=dependencies),
        unless_since=earliest_claim_awaited(items, dependencies),
    )
