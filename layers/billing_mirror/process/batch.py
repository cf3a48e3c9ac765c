"""Process: bring the mirror up to date with what a batch of messages tells.

Read the messages, group them by subject, leave out what is already covered, then for all subjects at once:
claim, fetch, apply. Every message ends in exactly one :class:`Outcome`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core import mirror_state as known
from billing_mirror.core import times
from billing_mirror.core.errors import Refused, Retryable
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Message, Notification, Suspicion, Unreadable, read_message
from billing_mirror.core.mirror_state import READ_LAG, Claim, Head
from billing_mirror.core.object_ref import Subject, Untold, notified, suspected
from billing_mirror.core.outcome import Outcome
from billing_mirror.ports import Stripe
from billing_mirror.refresh.apply import World, apply, claim_and_observe

from .messages import Desk, Ended, Received, Task, Verdict
from .resolve import name, with_parent
from .settle import settle

AT_ONCE = 8
"""Subjects that are worked on at the same time: with all of them, each would have a little of Stripe's pace, and none
would come to its end."""
A_SECOND = 1.0
"""What v1 leaves out of the time at which something was made."""
NOT_SHOWN = "Stripe does not show the object, or not yet"
OUT_OF_TIME = Retryable("the function ran out of time")


async def refresh(batch: Sequence[Received], desk: Desk, *, deadline: float) -> list[Ended]:
    """Works through a batch; what is not done by ``deadline`` (seconds since 1970) is postponed."""
    tasks = await _named([_read(received, desk) for received in batch], desk, deadline)
    groups: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        if task.subject is not None:
            groups[_group_key(task.subject)].append(task)
    verdicts = await _refresh_all(list(groups.values()), desk, deadline)
    return list(await asyncio.gather(*(settle(task, verdicts, desk) for task in tasks)))


def _group_key(subject: Subject) -> tuple[str, str]:
    """Equal for messages that one fetch can answer."""
    return subject.key, subject.type


def _read(received: Received, desk: Desk) -> Task:
    try:
        message = read_message(received.body)
    except Unreadable as error:
        return Task(received, problem=Refused(str(error)))
    try:
        told = notified(message) if isinstance(message, Notification) else suspected(message)
    except Refused as error:
        return Task(received, message, problem=error)
    if _is_of_other_mode(message, desk.world.stripe):
        return Task(received, message, problem=Refused("the event's mode, live or test, is not the key's"))
    if isinstance(told, Untold):
        return Task(received, message, untold=told)
    return Task(received, message, told)


def _is_of_other_mode(message: Message, stripe: Stripe) -> bool:
    """Whether the message is about a live object and the key is a test key, or the other way round."""
    return message.livemode != stripe.livemode


async def _named(tasks: list[Task], desk: Desk, deadline: float) -> list[Task]:
    """The tasks, with the subjects that only fetched events name."""
    places = asyncio.Semaphore(AT_ONCE)
    return list(await asyncio.gather(*(_named_in_time(task, desk, deadline, places) for task in tasks)))


async def _named_in_time(task: Task, desk: Desk, deadline: float, places: asyncio.Semaphore) -> Task:
    if task.untold is None:
        return task
    async with places:
        try:
            async with asyncio.timeout(max(0.0, deadline - desk.world.clock.now())):
                return await name(task, desk.world)
        except TimeoutError:
            return replace(task, problem=OUT_OF_TIME)


async def _refresh_all(groups: Sequence[list[Task]], desk: Desk, deadline: float) -> dict[str, Verdict]:
    """The verdict on each message, by message id."""
    subjects = [task.subject for tasks in groups for task in tasks[:1] if task.subject is not None]
    try:
        heads = await desk.world.mirror.heads(subjects)
    except Retryable as error:
        return {task.received.message_id: error for tasks in groups for task in tasks}
    places = asyncio.Semaphore(AT_ONCE)
    verdicts = await asyncio.gather(
        *(
            _bounded(tasks, subject, heads.get(subject.key), desk, deadline, places)
            for tasks, subject in zip(groups, subjects, strict=True)
        )
    )
    return {
        task.received.message_id: verdict for tasks, verdict in zip(groups, verdicts, strict=True) for task in tasks
    }


async def _bounded(
    tasks: list[Task], subject: Subject, head: Head | None, desk: Desk, deadline: float, places: asyncio.Semaphore
) -> Verdict:
    clock = desk.world.clock
    async with places:
        left = deadline - clock.now()
        if left <= 0:
            return OUT_OF_TIME
        try:
            async with asyncio.timeout(left):
                outcome = await _refresh_one(tasks, subject, head, desk)
            return outcome, clock.now()
        except TimeoutError:
            return OUT_OF_TIME
        except Exception as error:  # noqa: BLE001 - one subject's failure must not take its neighbours along
            return error


async def _refresh_one(tasks: list[Task], subject: Subject, head: Head | None, desk: Desk) -> Outcome:
    if await _covered(tasks, subject, head, desk):
        return Outcome.ABSORBED
    subject = await with_parent(subject, tasks, head, desk.world)
    token, observation = await _fetch(subject, tasks, desk.world)
    if observation.body is None:
        await _require_gone(subject, tasks, observation.fetched_at, desk.world)
    return await apply(desk.world, subject, token, observation, head)


async def _fetch(subject: Subject, tasks: list[Task], world: World) -> tuple[int, Observation]:
    """Claims and fetches the object. The observation keeps when the newest event was made that caused the fetch."""
    events = [task.message for task in tasks if isinstance(task.message, Notification)]
    event = events[0].id if events else None
    token, observation = await claim_and_observe(world, subject, claimed_at=world.clock.now(), event=event)
    return token, replace(observation, told_at=max((one.created.timestamp() for one in events), default=0.0))


async def _covered(tasks: list[Task], subject: Subject, head: Head | None, desk: Desk) -> bool:
    """Whether the mirror shows what the messages tell, and will go on doing so."""
    if head is not None and _contradicts_tombstone(tasks, head):
        return False  # that Stripe has not shown it once is no answer to news of it
    sent_at = _last_told_at(tasks)
    if head is None or not known.covers(head, sent_at=sent_at, margin=desk.absorb_margin):
        return False
    # Who claimed after the mirrored look may have fetched before the change: its write would still replace.
    claim = (await desk.world.mirror.claims([subject])).get(subject.key)
    return _is_last_claim(head, claim)


def _contradicts_tombstone(tasks: list[Task], head: Head) -> bool:
    """Whether the mirror holds a tombstone, and some message tells of something else than a deletion."""
    return head.deleted and not all(_tells_of_the_end(task) for task in tasks)


def _is_last_claim(head: Head, claim: Claim | None) -> bool:
    """Whether nobody has claimed since the fetch that the mirror shows."""
    return claim is not None and claim.claimed == head.token


def _last_told_at(tasks: list[Task]) -> float:
    return max(_told_at(task) for task in tasks)


def _told_at(task: Task) -> float:
    """When there was something to look for, in seconds since 1970: a suspicion may have been sent ahead."""
    message = task.message
    return max(task.received.sent_at, message.not_before) if isinstance(message, Suspicion) else task.received.sent_at


def _may_appear_yet(tasks: list[Task], now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone.

    Having been shown before is no proof: one replica may be behind another.
    """
    young = [task for task in tasks if abs(now - _happened_at(task)) < READ_LAG]
    made = any(isinstance(one.message, Notification) and one.message.type.endswith(".created") for one in young)
    return made or (bool(young) and not any(_tells_of_the_end(task) for task in tasks))


async def _require_gone(subject: Subject, tasks: list[Task], now: float, world: World) -> None:
    """Raises ``Retryable`` where a missing object may be one that is not shown yet."""
    if _may_appear_yet(tasks, now):
        raise Retryable(NOT_SHOWN)
    if young_for := await _young_for(subject, tasks, now, world):
        raise Retryable(NOT_SHOWN, retry_after=young_for)


async def _young_for(subject: Subject, tasks: list[Task], now: float, world: World) -> float:
    """Seconds for which replicas, and lists too, may be behind what the mirror knows to be just made; 0 for no more.

    One whose deletion was told is gone, unless it has been made again since.
    """
    made_at = _made_at(await world.mirror.body(subject))
    ends = [_happened_at(one) for one in tasks if isinstance(one.message, Notification) and _tells_of_the_end(one)]
    told_of_its_end = any(end >= made_at + A_SECOND for end in ends)
    return max(0.0, READ_LAG - abs(now - made_at)) if not told_of_its_end else 0.0


def _made_at(body: JsonObject | None) -> float:
    return times.seconds(times.created(body.get("created"))) if body else 0.0


def _tells_of_the_end(task: Task) -> bool:
    if isinstance(task.message, Suspicion):
        return task.message.unlisted
    return isinstance(task.message, Notification) and task.message.type.endswith(".deleted")


def _happened_at(task: Task) -> float:
    # A test clock may have made it in the future: https://docs.stripe.com/billing/testing/test-clocks
    return task.message.created.timestamp() if isinstance(task.message, Notification) else task.received.sent_at
