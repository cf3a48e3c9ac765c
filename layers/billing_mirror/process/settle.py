"""What becomes of a message after the work on it: done, later, or never."""

import traceback
from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core import backoff
from billing_mirror.core.errors import PermanentError, TransientError
from billing_mirror.core.outcome import Outcome

from .messages import MessageResult, ProcessDependencies, ReceivedMessage, Result, WorkItem

WRITTEN = frozenset({Outcome.STORED, Outcome.UNCHANGED, Outcome.REMOVED})
"""Outcomes after which the mirror shows what the message told, by this very write."""
UNFORESEEN_TRIES = 8
"""Receives after which an error that nobody foresaw is taken to be here to stay."""


async def settle(task: WorkItem, verdicts: Mapping[str, Result], dependencies: ProcessDependencies) -> MessageResult:
    """Acts on the verdict on one message; ``verdicts`` are by message id."""
    if task.problem is not None:
        return await _end_badly(task, task.problem, dependencies)
    if task.ref is None:
        return MessageResult(task, Outcome.IGNORED)
    verdict = verdicts[task.received.message_id]
    if isinstance(verdict, Exception):
        return await _end_badly(task, verdict, dependencies)
    outcome, at = verdict
    return MessageResult(task, outcome, stored_at=at if outcome in WRITTEN else None)


async def _end_badly(task: WorkItem, error: Exception, dependencies: ProcessDependencies) -> MessageResult:
    received = task.received
    foreseen = isinstance(error, PermanentError | TransientError)
    ended = MessageResult(
        task,
        Outcome.POSTPONED,
        reason=str(error) if foreseen else f"unforeseen {type(error).__name__}",
        trace="" if foreseen else _places(error),
    )
    try:
        if _is_hopeless(error, received):
            await dependencies.ports.queue.quarantine(received.body, reason=ended.reason)
            return replace(ended, outcome=Outcome.QUARANTINED)
        retry_after = error.retry_after if isinstance(error, TransientError) else None
        wait = backoff.seconds(received.message_id, received.receive_count, retry_after)
        await dependencies.ports.queue.postpone(received.receipt, wait)
    except TransientError:
        # The queue itself is in trouble; a message that is reported as failed comes back all the same.
        pass
    return ended


def _is_hopeless(error: Exception, received: ReceivedMessage) -> bool:
    """Whether no later try can succeed."""
    if isinstance(error, TransientError):
        return False
    return isinstance(error, PermanentError) or received.receive_count >= UNFORESEEN_TRIES


def _places(error: Exception) -> str:
    """Where an error came from, without its text: that may quote what must not be logged."""
    return " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
