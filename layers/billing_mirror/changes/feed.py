"""One batch of the table's stream -> event bus and history.

At least once, and per object in the order of tokens: the batch is worked on from its start, and from the first record
that fails on, all are delivered again. A record that can never succeed goes to the dead-letter queue, and holds nothing
up. Nothing here touches an object: the mirror does not notice whether this runs.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from billing_mirror.core import json_body
from billing_mirror.core.changes.change import Change, change_between, detail, is_erasure
from billing_mirror.core.changes.history import Entry, entry
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.ports import BusEvent

from .dependencies import ChangesDependencies, FeedResult, RawRecord

MAX_EVENTS = 10
MAX_REQUEST = 240 * 1024
"""Bytes of a request, below the 256 KB that it may have. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before records that have failed are tried again; the last one repeats until the deadline."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One record: its change, if any, the event that announces it, and what is kept of it."""

    sequence: str
    record: StreamRecord | None = None
    change: Change | None = None
    event: BusEvent | None = None
    entry: Entry | None = None
    erases: bool = False
    problem: str = ""


class _Progress:
    """What is done of a batch."""

    def __init__(self) -> None:
        self.published: list[Change] = []
        self.unchanged = 0
        self.unreadable: list[str] = []

    def done(self, work: _Work) -> None:
        if work.problem:
            self.unreadable.append(work.problem)
        elif work.change is None:
            self.unchanged += 1
        else:
            self.published.append(work.change)

    def result(self, resume_at: str | None, reason: str = "") -> FeedResult:
        return FeedResult(self.published, self.unchanged, self.unreadable, resume_at, reason)


async def publish_changes(
    batch: Sequence[RawRecord], dependencies: ChangesDependencies, *, deadline: float
) -> FeedResult:
    """Publishes the changes of a batch. What is not done at the ``deadline`` (seconds since 1970) is delivered again.

    Lambda repeats a batch only so often. So an outage of minutes passes within one invocation.
    """
    progress = _Progress()
    for group in _groups([_work_of(raw, dependencies) for raw in batch]):
        left: Sequence[_Work] = group
        failures = 0
        while left:
            if dependencies.clock.now() >= deadline:
                return progress.result(left[0].sequence, "out of time")
            left, problem = await _publish(left, dependencies, progress, deadline)
            if problem is not None:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                if dependencies.clock.now() + pause >= deadline:
                    return progress.result(left[0].sequence, str(problem))
                await dependencies.clock.sleep(pause)
    return progress.result(None)


def _work_of(raw: RawRecord, dependencies: ChangesDependencies) -> _Work:
    sequence = dependencies.sequence_of(raw)
    try:
        record = dependencies.read(raw)
        change = change_between(record.before, record.after)
        event = _event(change) if change is not None and dependencies.bus is not None else None
        keeps = dependencies.history is not None
        kept = entry(record.before, record.after, change, days=dependencies.history_days) if keeps else None
    except Exception as error:  # noqa: BLE001 - one record must not stop the stream
        foreseen = isinstance(error, PermanentError)
        reason = str(error) if foreseen else f"a record of the stream cannot be read: {type(error).__name__}"
        return _Work(sequence, problem=reason)
    return _Work(sequence, record, change, event, kept, is_erasure(record.before, record.after))


def _event(change: Change) -> BusEvent:
    return BusEvent(change.detail_type, json_body.write(detail(change)))


def _groups(works: Sequence[_Work]) -> Iterator[list[_Work]]:
    """Neighbours that are published at once: one of each object at most, so that its writes stay in order."""
    group: list[_Work] = []
    keys: set[str] = set()
    events, size = 0, 0
    for work in works:
        key = work.record.key if work.record is not None else ""
        own_size = work.event.size if work.event is not None else 0
        if group and ((key in keys) or (own_size and (events == MAX_EVENTS or size + own_size > MAX_REQUEST))):
            yield group
            group, keys, events, size = [], set(), 0, 0
        group.append(work)
        keys |= {key} if work.change is not None or work.erases or work.entry is not None else set()
        events += own_size > 0
        size += own_size
    if group:
        yield group


async def _publish(
    group: Sequence[_Work], dependencies: ChangesDependencies, progress: _Progress, deadline: float
) -> tuple[Sequence[_Work], TransientError | None]:
    """What is left of the group, from the first record that has failed on, and why that one has."""
    failures = await _keep_all(group, dependencies, deadline)
    sent = await _send([work for work, one in zip(group, failures, strict=True) if one is None], dependencies)
    for at, (work, failed) in enumerate(zip(group, failures, strict=True)):
        failure = failed or sent.get(work.sequence)
        if failure is not None:
            return group[at:], failure
        progress.done(work)
    return (), None


async def _keep_all(
    group: Sequence[_Work], dependencies: ChangesDependencies, deadline: float
) -> list[TransientError | None]:
    """Why a record has to be tried again, for each.

    Waits for all of them: after a failure, the others would run within another invocation.
    """
    failures: list[TransientError | None] = []
    for failure in await asyncio.gather(
        *(_keep(work, dependencies, deadline) for work in group), return_exceptions=True
    ):
        if failure is not None and not isinstance(failure, TransientError):
            raise failure
        failures.append(failure)
    return failures


async def _keep(work: _Work, dependencies: ChangesDependencies, deadline: float) -> None:
    """Writes what the history keeps of a record, or the dead letter. Raises ``TransientError``."""
    history = dependencies.history
    if work.problem:
        body = json_body.write({"sequence_number": work.sequence})
        await dependencies.dead_letters.quarantine(body, reason=work.problem)
    elif work.record is not None and history is not None and work.erases:
        while not await history.empty(work.record.key, dependencies.clock.now()):
            if dependencies.clock.now() >= deadline:
                raise TransientError("the history of an erased object is long: its other entries are emptied next time")
    elif work.record is not None and history is not None and work.entry is not None:
        await history.keep(work.record.key, work.entry)


async def _send(works: Sequence[_Work], dependencies: ChangesDependencies) -> dict[str, TransientError]:
    """By sequence number, why an event was not taken."""
    telling = [work for work in works if work.event is not None]
    events = [work.event for work in telling if work.event is not None]
    if dependencies.bus is None or not events:
        return {}
    try:
        problems = await dependencies.bus.put(events)
    except TransientError as error:
        return {work.sequence: error for work in telling}
    return {work.sequence: TransientError(problem) for work, problem in zip(telling, problems, strict=True) if problem}
