"""One batch of the table's stream -> event bus and history.

At least once, and per object in the order of tokens: the batch is worked on from its start, and from the first record
that fails on, all are delivered again. A record that can never succeed goes to the dead-letter queue, and holds nothing
up. Nothing here touches an object: the mirror does not notice whether this runs.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from billing_mirror.core import json_body
from billing_mirror.core.change import Change, change_between, detail
from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.history import Entry
from billing_mirror.core.stream_record import StreamRecord
from billing_mirror.ports import BusEvent

from .dependencies import ChangesDependencies, FeedResult, RawRecord, Told
from .keep import keep

MAX_EVENTS = 10
MAX_REQUEST = 240 * 1024
"""Bytes of a request, below the 256 KB that it may have. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


@dataclass(frozen=True, slots=True)
class _Work:
    """One record, decided: its change, if any, and the event that tells it."""

    sequence: str
    record: StreamRecord | None = None
    change: Change | None = None
    event: BusEvent | None = None
    problem: str = ""


async def publish_changes(
    batch: Sequence[RawRecord], dependencies: ChangesDependencies, *, deadline: float
) -> FeedResult:
    """Tells the changes of a batch. What is not done at the ``deadline`` (seconds since 1970) is delivered again."""
    told: list[Told] = []
    unchanged = 0
    unreadable: list[str] = []
    for group in _groups([_decide(raw, dependencies) for raw in batch]):
        if dependencies.clock.now() >= deadline:
            return FeedResult(told, unchanged, unreadable, group[0].sequence, "out of time")
        ended = await _tell(group, dependencies)
        for work, outcome in zip(group, ended, strict=True):
            if isinstance(outcome, TransientError):
                return FeedResult(told, unchanged, unreadable, work.sequence, str(outcome))
            if work.problem:
                unreadable.append(work.problem)
            elif work.change is None:
                unchanged += 1
            else:
                told.append(Told(work.change, outcome))
    return FeedResult(told, unchanged, unreadable, None)


def _decide(raw: RawRecord, dependencies: ChangesDependencies) -> _Work:
    sequence = dependencies.sequence_of(raw)
    try:
        record = dependencies.read(raw)
        change = change_between(record.before, record.after)
        event = _event(change) if change is not None and dependencies.bus is not None else None
    except Exception as error:  # noqa: BLE001 - one record must not stop the stream
        reason = str(error) if isinstance(error, PermanentError) else f"{type(error).__name__} in a record"
        return _Work(sequence, problem=reason)
    return _Work(sequence, record, change, event)


def _event(change: Change) -> BusEvent:
    return BusEvent(change.detail_type, json_body.write(detail(change)))


def _groups(works: Sequence[_Work]) -> Iterator[list[_Work]]:
    """Neighbours that are told at once: one of each object at most, so that its changes stay in order."""
    group: list[_Work] = []
    keys: set[str] = set()
    events, size = 0, 0
    for work in works:
        key = work.record.key if work.record is not None else ""
        own = work.event.size if work.event is not None else 0
        if group and ((key in keys) or (own and (events == MAX_EVENTS or size + own > MAX_REQUEST))):
            yield group
            group, keys, events, size = [], set(), 0, 0
        group.append(work)
        keys |= {key} if work.change is not None else set()
        events += own > 0
        size += own
    if group:
        yield group


async def _tell(group: Sequence[_Work], dependencies: ChangesDependencies) -> list[Entry | TransientError | None]:
    """The entry of each, or why it has to be delivered again."""
    kept = await asyncio.gather(*(_keep(work, dependencies) for work in group))
    sent = await _send(
        [work for work, one in zip(group, kept, strict=True) if work.event and _is_kept(one)], dependencies
    )
    return [sent.get(work.sequence, one) if _is_kept(one) else one for work, one in zip(group, kept, strict=True)]


def _is_kept(outcome: Entry | TransientError | None) -> bool:
    return not isinstance(outcome, TransientError)


async def _keep(work: _Work, dependencies: ChangesDependencies) -> Entry | TransientError | None:
    try:
        if work.problem:
            await dependencies.dead_letters.quarantine(
                json_body.write({"sequence_number": work.sequence}), reason=work.problem
            )
        elif work.record is not None and work.change is not None and dependencies.history is not None:
            return await keep(dependencies.history, work.record, work.change, days=dependencies.history_days)
    except TransientError as error:
        return error
    return None


async def _send(works: Sequence[_Work], dependencies: ChangesDependencies) -> dict[str, TransientError]:
    """By sequence number, why an event was not taken."""
    events = [work.event for work in works if work.event is not None]
    if dependencies.bus is None or not events:
        return {}
    try:
        problems = await dependencies.bus.put(events)
    except TransientError as error:
        return {work.sequence: error for work in works}
    return {work.sequence: TransientError(problem) for work, problem in zip(works, problems, strict=True) if problem}
