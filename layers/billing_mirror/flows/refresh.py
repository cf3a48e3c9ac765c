"""Process: bring the mirror up to date with what a batch of messages tells.

Read the messages, group them by subject, leave out what is already covered, then for all subjects at once:
claim, fetch, apply. Every message ends in exactly one :class:`Outcome`.
"""

import asyncio
import traceback
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from billing_mirror.core import backoff, body, known
from billing_mirror.core.drift import compare
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.items import Observation
from billing_mirror.core.known import Head
from billing_mirror.core.notification import (
    Message,
    Notification,
    Suspicion,
    Unreadable,
    read_message,
    write_message,
)
from billing_mirror.core.outcome import Outcome
from billing_mirror.core.subject import Subject, checked_id, named, notified, suspected

from .one_subject import World, apply, claim_and_observe
from .ports import Queue

READ_LAG = 60.0
"""Seconds for which Stripe may not yet show an object whose event it has sent."""
UNEXPECTED_TRIES = 8
"""Receives after which an error that nobody foresaw is taken to be here to stay."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the queue handed it over. ``sent_at`` is in seconds since 1970."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    receive_count: int


@dataclass(frozen=True, slots=True)
class Task:
    """A message that was understood. ``subject`` is None where it is about nothing that can be mirrored."""

    received: Received
    message: Message
    subject: Subject | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How one message ended.

    ``reason`` says why it did not end well, ``trace`` where an unforeseen error came from; ``stored_at`` is
    when it was written, in seconds since 1970.
    """

    received: Received
    outcome: Outcome
    task: Task | None = None
    reason: str = ""
    trace: str = ""
    unauthorized: bool = False
    stored_at: float | None = None

    @property
    def later(self) -> bool:
        """Whether the message must stay in the queue."""
        return self.outcome is Outcome.POSTPONED


@dataclass(frozen=True, slots=True)
class Desk:
    """The ports and settings that refreshing a batch takes. ``absorb_margin`` is in seconds; 0 is off."""

    world: World
    queue: Queue
    absorb_margin: float


OUT_OF_TIME = Retryable("the function ran out of time")

Verdict: TypeAlias = tuple[Outcome, float] | Exception
"""An outcome and when it was reached, or why there is none."""


async def refresh(batch: Sequence[Received], desk: Desk, *, deadline: float) -> list[Ended]:
    """Works through a batch; what is not done by ``deadline`` (seconds since 1970) is postponed."""
    read = {received.message_id: _read(received, desk) for received in batch}
    groups: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in read.values():
        if isinstance(task, Task) and task.subject is not None:
            groups[task.subject.key, task.subject.type].append(task)
    verdicts = await _refresh_all(list(groups.values()), desk, deadline)
    return list(
        await asyncio.gather(
            *(_settle(received, read[received.message_id], verdicts, desk) for received in batch)
        )
    )


def _read(received: Received, desk: Desk) -> Task | Refused:
    try:
        message = read_message(received.body)
        subject = notified(message) if isinstance(message, Notification) else suspected(message)
    except Unreadable as error:
        return Refused(str(error))
    except Refused as error:
        return error
    if message.livemode != desk.world.stripe.livemode:
        return Refused("the event is of the other mode (live or test) than the Stripe key")
    return Task(received, message, subject)


async def _refresh_all(groups: Sequence[list[Task]], desk: Desk, deadline: float) -> dict[str, Verdict]:
    """The verdict on each message, by message id."""
    subjects = [task.subject for tasks in groups for task in tasks[:1] if task.subject is not None]
    try:
        heads = await desk.world.mirror.heads(subjects)
    except Retryable as error:
        return {task.received.message_id: error for tasks in groups for task in tasks}
    verdicts = await asyncio.gather(
        *(
            _bounded(tasks, subject, heads.get(subject.key), desk, deadline)
            for tasks, subject in zip(groups, subjects, strict=True)
        )
    )
    return {
        task.received.message_id: verdict
        for tasks, verdict in zip(groups, verdicts, strict=True)
        for task in tasks
    }


async def _bounded(
    tasks: list[Task], subject: Subject, head: Head | None, desk: Desk, deadline: float
) -> Verdict:
    clock = desk.world.clock
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
    sent_at = max(task.received.sent_at for task in tasks)
    if known.covers(head, sent_at=sent_at, margin=desk.absorb_margin):
        return Outcome.ABSORBED
    subject = await _with_parent(subject, tasks, head, desk)
    event = next((task.message.id for task in tasks if isinstance(task.message, Notification)), None)
    token, observation = await claim_and_observe(desk.world, subject, event)
    if observation.live is None and _may_appear_yet(tasks, head, observation.fetched_at):
        raise Retryable("Stripe does not show the new object yet")
    # Before the write: once the object is stored, a redelivered message counts as covered.
    for suspect in [
        *_changed_with(subject, observation, head),
        *await _differing_members(subject, observation, desk),
    ]:
        await _send_suspicion(suspect, desk)
    return await apply(desk.world, subject, token, observation, head)


def _may_appear_yet(tasks: list[Task], head: Head | None, now: float) -> bool:
    """Whether a missing object may be one that Stripe does not show yet, rather than one that is gone."""
    return any(
        now - task.message.created.timestamp() < READ_LAG
        and (task.message.type.endswith(".created") or head is None)
        for task in tasks
        if isinstance(task.message, Notification) and not task.message.type.endswith(".deleted")
    )


async def _with_parent(subject: Subject, tasks: list[Task], head: Head | None, desk: Desk) -> Subject:
    """The subject with the parent that its URL needs: from a message, the mirror, or the fetched event."""
    if not subject.needs_parent:
        return subject
    told = (task.subject.parent for task in tasks if task.subject is not None and task.subject.parent)
    parent = (
        next(told, None) or (head.parent if head else None) or await _parent_in_event(subject, tasks, desk)
    )
    return replace(subject, parent=checked_id(parent))


async def _parent_in_event(subject: Subject, tasks: list[Task], desk: Desk) -> str:
    notification = next((task.message for task in tasks if isinstance(task.message, Notification)), None)
    path = subject.row.parent_in_event
    if notification is None or path is None:
        raise Refused(f"the parent of {subject.id} is not known")
    try:
        event = await desk.world.stripe.get(
            f"/v2/core/events/{notification.id}",
            api=subject.row.api,
            context=subject.scope.context,
            event=notification.id,
        )
    except Gone:
        raise Refused(f"the parent of {subject.id} is not known: Stripe no longer keeps its event") from None
    parent = body.text_at(event.body, f"data.{path}")
    if parent is None:
        raise Refused(f"the parent of {subject.id} is not known: its event does not name it")
    return parent


def _changed_with(subject: Subject, observation: Observation, head: Head | None) -> list[Subject]:
    """The object that a new one has changed, where Stripe may not say so itself."""
    changes = subject.row.changes
    if changes is None or observation.live is None or head is not None:
        return []
    identifier = body.text_at(observation.live, changes.path)
    return [subject.beside(changes.type, identifier)] if identifier else []


async def _differing_members(subject: Subject, observation: Observation, desk: Desk) -> list[Subject]:
    """The objects that the subject's lists show otherwise than the mirror does."""
    suspects: list[Subject] = []
    for type_name, listed in observation.listed.items():
        members = {
            identifier: named(subject.scope, type_name, identifier, subject.parent)
            for entry in listed
            if (identifier := body.text_at(entry, "id"))
        }
        heads = await desk.world.mirror.heads(members.values())
        by_id = {
            identifier: heads[member.key] for identifier, member in members.items() if member.key in heads
        }
        suspects += [members[identifier] for identifier in compare(listed, by_id)]
        if subject.parent is not None:
            async for identifier in desk.world.mirror.children(subject.scope, subject.parent, type_name):
                if identifier not in members:
                    suspects.append(named(subject.scope, type_name, identifier, subject.parent))
    return suspects


async def _send_suspicion(suspect: Subject, desk: Desk) -> None:
    suspicion = Suspicion(
        livemode=suspect.scope.livemode,
        context=suspect.scope.context,
        type=suspect.type,
        id=suspect.id,
        parent=suspect.parent,
    )
    await desk.queue.send(write_message(suspicion), group=f"{suspect.scope}:repair")


async def _settle(
    received: Received, read: Task | Refused, verdicts: dict[str, Verdict], desk: Desk
) -> Ended:
    """Acts on one verdict: the message is done, later, or never."""
    if isinstance(read, Refused):
        return await _end_badly(Ended(received, Outcome.QUARANTINED), read, desk)
    if read.subject is None:
        return Ended(received, Outcome.IGNORED, read)
    verdict = verdicts[received.message_id]
    if isinstance(verdict, Exception):
        return await _end_badly(Ended(received, Outcome.POSTPONED, read), verdict, desk)
    outcome, at = verdict
    return Ended(received, outcome, read, stored_at=at if outcome in WRITTEN else None)


WRITTEN = frozenset({Outcome.STORED, Outcome.UNCHANGED, Outcome.REMOVED})
"""Outcomes after which the mirror shows what the message told, by this very write."""


async def _end_badly(ended: Ended, error: Exception, desk: Desk) -> Ended:
    received = ended.received
    foreseen = isinstance(error, Refused | Retryable)
    ended = replace(
        ended,
        reason=str(error) if foreseen else f"unforeseen {type(error).__name__}",
        trace="" if foreseen else _places(error),
        unauthorized=isinstance(error, Unauthorized),
    )
    never = isinstance(error, Refused) or (not foreseen and received.receive_count >= UNEXPECTED_TRIES)
    try:
        if never:
            await desk.queue.quarantine(received.body, reason=ended.reason)
            return replace(ended, outcome=Outcome.QUARANTINED)
        retry_after = error.retry_after if isinstance(error, Retryable) else None
        wait = backoff.seconds(received.message_id, received.receive_count, retry_after)
        await desk.queue.postpone(received.receipt, wait)
    except Retryable:
        # The queue itself is in trouble; a message that is reported as failed comes back all the same.
        pass
    return replace(ended, outcome=Outcome.POSTPONED)


def _places(error: Exception) -> str:
    """Where an error came from, without its text: that may quote what must not be logged."""
    return " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
