"""How a processed message ends: done, postponed, or quarantined."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace

from billing_mirror.core.errors import PermanentError, TransientError, UnstorableObject
from billing_mirror.core.events import backoff
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.refresh.members import REMOVALS_HELD

from .messages import MessageResult, ProcessDependencies, ReceivedMessage, Result, WorkItem

WRITTEN = frozenset({Outcome.STORED, Outcome.UNCHANGED, Outcome.CHAIN_ENDED, Outcome.REMOVALS_HELD, Outcome.REMOVED})
"""Outcomes that wrote the object."""
CHAIN_ENDED = "ten fetches in a row each led to the next; what should follow is left to the next event or verify run"
REASONS = {Outcome.CHAIN_ENDED: CHAIN_ENDED, Outcome.REMOVALS_HELD: REMOVALS_HELD}
"""Why an object that was stored needs attention all the same."""
UNFORESEEN_TRIES = 8
"""Receives after which an unforeseen error counts as permanent."""


async def settle(item: WorkItem, results: Mapping[str, Result], dependencies: ProcessDependencies) -> MessageResult:
    """Postpones or quarantines a message that failed. ``results`` are by message id."""
    if item.problem is not None:
        return await _fail(item, item.problem, dependencies)
    if item.other_mode:
        return MessageResult(item, Outcome.OTHER_MODE)
    if item.ref is None:
        return MessageResult(item, Outcome.IGNORED)
    result = results[item.received.message_id]
    if isinstance(result, Exception):
        return await _fail(item, result, dependencies)
    outcome, at = result
    return MessageResult(item, outcome, REASONS.get(outcome, ""), stored_at=at if outcome in WRITTEN else None)


async def _fail(item: WorkItem, error: Exception, dependencies: ProcessDependencies) -> MessageResult:
    received = item.received
    foreseen = isinstance(error, PermanentError | TransientError)
    result = MessageResult(
        item,
        Outcome.POSTPONED,
        reason=str(error) if foreseen else f"unforeseen {type(error).__name__}",
        trace="" if foreseen else _trace(error),
    )
    if isinstance(error, UnstorableObject) and error.was_noted:
        return replace(result, outcome=Outcome.UNSTORABLE)  # one message in quarantine says it
    try:
        if _is_hopeless(error, received):
            await dependencies.ports.queue.quarantine(received.body, reason=result.reason)
            return replace(result, outcome=Outcome.QUARANTINED)
        retry_after = error.retry_after if isinstance(error, TransientError) else None
        wait = backoff.seconds(received.message_id, received.receive_count, retry_after)
        await dependencies.ports.queue.postpone(received.receipt, wait)
    except TransientError:
        # The queue fails, too. SQS redelivers the message anyway.
        pass
    return result


def ends_all(error: Exception, items: Sequence[WorkItem]) -> bool:
    """Whether an error ends all messages about an object for good."""
    return all(_is_hopeless(error, item.received) for item in items)


def _is_hopeless(error: Exception, received: ReceivedMessage) -> bool:
    """Whether no later try can succeed."""
    if isinstance(error, TransientError):
        return False
    return isinstance(error, PermanentError) or received.receive_count >= UNFORESEEN_TRIES


def _trace(error: Exception) -> str:
    """The stack of an error without the error's text, which may quote what must not be logged."""
    return " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
