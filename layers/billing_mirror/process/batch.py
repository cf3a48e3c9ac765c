"""Process: bring the mirror up to date with what a batch of messages tells.

Read the messages, group them by subject, leave out what is already covered, then for all subjects at once:
claim, fetch, apply. Every message ends in exactly one :class:`Outcome`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import mirror_state, times
from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Message, Notification, RefreshRequest, Unreadable, read_message
from billing_mirror.core.mirror_state import READ_LAG, Claim, Head
from billing_mirror.core.object_ref import ObjectRef, UnresolvedRef, ref_from_event, ref_from_request
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Ports, Stripe
from billing_mirror.refresh.apply import apply, claim_and_fetch

from .messages import MessageResult, ProcessDependencies, ReceivedMessage, Result, WorkItem
from .resolve import resolve, resolve_parent
from .settle import settle

MAX_CONCURRENCY = 8
"""Subjects that are worked on at the same time: with all of them, each would have a little of Stripe's pace, and none
would come to its end."""
A_SECOND = 1.0
"""What v1 leaves out of the time at which something was made."""
NOT_SHOWN = "Stripe does not show the object, or not yet"
OUT_OF_TIME = TransientError("the function ran out of time")


async def process_batch(
    batch: Sequence[ReceivedMessage], dependencies: ProcessDependencies, *, deadline: float
) -> list[MessageResult]:
    """Works through a batch; what is not done by ``deadline`` (seconds since 1970) is postponed."""
    tasks = await _resolve_all([_parse(received, dependencies) for received in batch], dependencies, deadline)
    groups: dict[tuple[str, str], list[WorkItem]] = defaultdict(list)
    for task in tasks:
        if task.ref is not None:
            groups[_group_key(task.ref)].append(task)
    verdicts = await _process_all(list(groups.values()), dependencies, deadline)
    return list(await asyncio.gather(*(settle(task, verdicts, dependencies) for task in tasks)))


def _group_key(ref: ObjectRef) -> tuple[str, str]:
    """Equal for messages that one fetch can answer."""
    return ref.key, ref.type


def _parse(received: ReceivedMessage, dependencies: ProcessDependencies) -> WorkItem:
    try:
        message = read_message(received.body)
    except Unreadable as error:
        return WorkItem(received, problem=PermanentError(str(error)))
    try:
        told = ref_from_event(message) if isinstance(message, Notification) else ref_from_request(message)
    except PermanentError as error:
        return WorkItem(received, message, problem=error)
    if _is_of_other_mode(message, dependencies.ports.stripe):
        return WorkItem(received, message, problem=PermanentError("the event's mode, live or test, is not the key's"))
    if isinstance(told, UnresolvedRef):
        return WorkItem(received, message, unresolved=told)
    return WorkItem(received, message, told)


def _is_of_other_mode(message: Message, stripe: Stripe) -> bool:
    """Whether the message is about a live object and the key is a test key, or the other way round."""
    return message.livemode != stripe.livemode


async def _resolve_all(tasks: list[WorkItem], dependencies: ProcessDependencies, deadline: float) -> list[WorkItem]:
    """The tasks, with the subjects that only fetched events name."""
    places = asyncio.Semaphore(MAX_CONCURRENCY)
    return list(await asyncio.gather(*(_resolve_in_time(task, dependencies, deadline, places) for task in tasks)))


async def _resolve_in_time(
    task: WorkItem, dependencies: ProcessDependencies, deadline: float, places: asyncio.Semaphore
) -> WorkItem:
    if task.unresolved is None:
        return task
    async with places:
        try:
            async with asyncio.timeout(max(0.0, deadline - dependencies.ports.clock.now())):
                return await resolve(task, dependencies.ports)
        except TimeoutError:
            return replace(task, problem=OUT_OF_TIME)


async def _process_all(
    groups: Sequence[list[WorkItem]], dependencies: ProcessDependencies, deadline: float
) -> dict[str, Result]:
    """The verdict on each message, by message id."""
    refs = [task.ref for tasks in groups for task in tasks[:1] if task.ref is not None]
    try:
        heads = await dependencies.ports.mirror.heads(refs)
    except TransientError as error:
        return {task.received.message_id: error for tasks in groups for task in tasks}
    places = asyncio.Semaphore(MAX_CONCURRENCY)
    verdicts = await asyncio.gather(
        *(
            _process_in_time(tasks, ref, heads.get(ref.key), dependencies, deadline, places)
            for tasks, ref in zip(groups, refs, strict=True)
        )
    )
    return {
        task.received.message_id: verdict for tasks, verdict in zip(groups, verdicts, strict=True) for task in tasks
    }


async def _process_in_time(
    tasks: list[WorkItem],
    ref: ObjectRef,
    head: Head | None,
    dependencies: ProcessDependencies,
    deadline: float,
    places: asyncio.Semaphore,
) -> Result:
    clock = dependencies.ports.clock
    async with places:
        left = deadline - clock.now()
        if left <= 0:
            return OUT_OF_TIME
        try:
            async with asyncio.timeout(left):
                outcome = await _process_object(tasks, ref, head, dependencies)
            return outcome, clock.now()
        except TimeoutError:
            return OUT_OF_TIME
        except Exception as error:  # noqa: BLE001 - one subject's failure must not take its neighbours along
            return error


async def _process_object(
    tasks: list[WorkItem], ref: ObjectRef, head: Head | None, dependencies: ProcessDependencies
) -> Outcome:
    if await _is_already_fresh(tasks, ref, head, dependencies):
        return Outcome.ALREADY_FRESH
    ref = await resolve_parent(ref, tasks, head, dependencies.ports)
    token, observation = await _fetch(ref, tasks, dependencies.ports)
    if observation.body is None:
        await _require_not_found(ref, tasks, observation.fetched_at, dependencies.ports)
    return await apply(dependencies.ports, ref, token, observation, head)


async def _fetch(ref: ObjectRef, tasks: list[WorkItem], ports: Ports) -> tuple[int, Observation]:
    """Claims and fetches the object. The observation keeps when the newest event was made that caused the fetch."""
    events = [task.message for task in tasks if isinstance(task.message, Notification)]
    event = events[0].id if events else None
    token, observation = await claim_and_fetch(ports, ref, claimed_at=ports.clock.now(), event=event)
    return token, replace(observation, last_event_at=max((one.created.timestamp() for one in events), default=0.0))


async def _is_already_fresh(
    tasks: list[WorkItem], ref: ObjectRef, head: Head | None, dependencies: ProcessDependencies
) -> bool:
    """Whether the mirror shows what the messages tell, and will go on doing so."""
    if head is not None and _contradicts_tombstone(tasks, head):
        return False  # that Stripe has not shown it once is no answer to news of it
    sent_at = _last_relevant_at(tasks)
    if head is None or not mirror_state.is_fresh_enough(head, sent_at=sent_at, margin=dependencies.clock_skew_margin):
        return False
    # Who claimed after the mirrored look may have fetched before the change: its write would still replace.
    claim = (await dependencies.ports.mirror.claims([ref])).get(ref.key)
    return _is_last_claim(head, claim)


def _contradicts_tombstone(tasks: list[WorkItem], head: Head) -> bool:
    """Whether the mirror holds a tombstone, and some message tells of something else than a deletion."""
    return head.deleted and not all(_announces_deletion(task) for task in tasks)


def _is_last_claim(head: Head, claim: Claim | None) -> bool:
    """Whether nobody has claimed since the fetch that the mirror shows."""
    return claim is not None and claim.claimed == head.token


def _last_relevant_at(tasks: list[WorkItem]) -> float:
    return max(_relevant_at(task) for task in tasks)


def _relevant_at(task: WorkItem) -> float:
    """When there was something to look for, in seconds since 1970: a suspicion may have been sent ahead."""
    message = task.message
    return (
        max(task.received.sent_at, message.not_before) if isinstance(message, RefreshRequest) else task.received.sent_at
    )


def _may_appear_yet(tasks: list[WorkItem], now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone.

    Having been shown before is no proof: one replica may be behind another.
    """
    young = [task for task in tasks if abs(now - _happened_at(task)) < READ_LAG]
    made = any(isinstance(one.message, Notification) and one.message.type.endswith(".created") for one in young)
    return made or (bool(young) and not any(_announces_deletion(task) for task in tasks))


async def _require_not_found(ref: ObjectRef, tasks: list[WorkItem], now: float, ports: Ports) -> None:
    """Raises ``Retryable`` where a missing object may be one that is not shown yet."""
    if _may_appear_yet(tasks, now):
        raise TransientError(NOT_SHOWN)
    if young_for := await _young_for(ref, tasks, now, ports):
        raise TransientError(NOT_SHOWN, retry_after=young_for)


async def _young_for(ref: ObjectRef, tasks: list[WorkItem], now: float, ports: Ports) -> float:
    """Seconds for which replicas, and lists too, may be behind what the mirror knows to be just made; 0 for no more.

    One whose deletion was told is gone, unless it has been made again since.
    """
    made_at = _made_at(await ports.mirror.body(ref))
    ends = [_happened_at(one) for one in tasks if isinstance(one.message, Notification) and _announces_deletion(one)]
    told_of_its_end = any(end >= made_at + A_SECOND for end in ends)
    return max(0.0, READ_LAG - abs(now - made_at)) if not told_of_its_end else 0.0


def _made_at(body: JsonObject | None) -> float:
    return times.seconds(times.created(body.get("created"))) if body else 0.0


def _announces_deletion(task: WorkItem) -> bool:
    if isinstance(task.message, RefreshRequest):
        return task.message.unlisted
    return isinstance(task.message, Notification) and task.message.type.endswith(".deleted")


def _happened_at(task: WorkItem) -> float:
    # A test clock may have made it in the future: https://docs.stripe.com/billing/testing/test-clocks
    return task.message.created.timestamp() if isinstance(task.message, Notification) else task.received.sent_at
