"""Mutants of what becomes of messages, from the webhook to the acknowledgement."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ingest.accept import IngestAnswer, IngestDependencies, accept
from billing_mirror.ports import SigningSecrets
from billing_mirror.process.already_fresh import Known, is_fresh
from billing_mirror.process.batch import (
    OUT_OF_TIME,
    _group_key,
    _process_all,
    _process_in_time,
    _process_object,
    process_batch,
)
from billing_mirror.process.messages import MessageResult, ProcessDependencies, ReceivedMessage, Result, WorkItem
from billing_mirror.process.settle import UNFORESEEN_TRIES, _is_hopeless

from .registry import mutant, replaces


@mutant("only the first object of a batch is fetched", quick=True)
@replaces(_process_all)
async def fetches_first_object_only(
    groups: Sequence[list[WorkItem]], dependencies: ProcessDependencies, deadline: float
) -> dict[str, Result]:
    skipped: dict[str, Result] = {item.received.message_id: (Outcome.STORED, 0.0) for items in groups for item in items}
    return skipped | await _process_all(groups[:1], dependencies, deadline)


@mutant("messages are grouped by id, whatever the account")
@replaces(_group_key)
def groups_across_accounts(ref: ObjectRef) -> tuple[str, str]:
    return ref.id, ref.type


@mutant("a batch is acknowledged as a whole once one message is done")
@replaces(process_batch)
async def acknowledges_whole_batch(
    batch: Sequence[ReceivedMessage], dependencies: ProcessDependencies, *, deadline: float
) -> list[MessageResult]:
    ended = await process_batch(batch, dependencies, deadline=deadline)
    done = any(not one.retry for one in ended)
    return [replace(one, outcome=Outcome.STORED) if done else one for one in ended]


@mutant("a postponed message is acknowledged", quick=True)
@replaces(MessageResult.retry)
def never_later(self: MessageResult) -> bool:
    return False


@mutant("an event is marked as seen before the work on it")
@replaces(_process_object)
async def marks_event_first(
    items: list[WorkItem], ref: ObjectRef, head: Head | None, dependencies: ProcessDependencies
) -> Outcome:
    for item in items:
        if isinstance(item.message, Notification):
            mark = replace(ref, id=item.message.id)
            taken, _ = await dependencies.ports.mirror.claim(mark, 0.0)
            if taken > 1:
                return Outcome.ALREADY_FRESH
            break
    return await _process_object(items, ref, head, dependencies)


@mutant("a message that comes again counts as done")
@replaces(is_fresh)
def skips_redelivered(items: Sequence[WorkItem], known: Known, dependencies: ProcessDependencies) -> bool:
    return any(item.received.receive_count > 1 for item in items)


@mutant("a message that is not done in time is acknowledged")
@replaces(_process_in_time)
async def acknowledges_out_of_time(
    items: list[WorkItem],
    ref: ObjectRef,
    known: Known,
    dependencies: ProcessDependencies,
    deadline: float,
    slots: asyncio.Semaphore,
) -> Result:
    verdict = await _process_in_time(items, ref, known, dependencies, deadline, slots)
    return (Outcome.ALREADY_FRESH, dependencies.ports.clock.now()) if verdict is OUT_OF_TIME else verdict


@mutant("a 429 quarantines the message")
@replaces(_is_hopeless)
def gives_up_on_429(error: Exception, received: ReceivedMessage) -> bool:
    return (isinstance(error, TransientError) and error.throttled) or _is_hopeless(error, received)


@mutant("a long outage of Stripe quarantines messages")
@replaces(_is_hopeless)
def gives_up_on_outage(error: Exception, received: ReceivedMessage) -> bool:
    return received.receive_count >= UNFORESEEN_TRIES or _is_hopeless(error, received)


@mutant("Stripe gets a 200 although the queue did not take the message")
@replaces(accept)
async def answers_200_always(
    body: bytes, signature_header: str | None, dependencies: IngestDependencies, *, source: str = ""
) -> IngestAnswer:
    accepted = await accept(body, signature_header, dependencies, source=source)
    return replace(accepted, status=200) if accepted.metric is Metric.UNAVAILABLE else accepted


@dataclass(frozen=True, slots=True)
class StaleSecrets:
    """Implements ``ports.SigningSecrets``, and never reads the secrets again."""

    secrets: SigningSecrets

    async def current(self) -> Sequence[str]:
        return await self.secrets.current()

    async def refreshed(self) -> Sequence[str]:
        return await self.secrets.current()


@mutant("the cache of signing secrets is never refreshed")
@replaces(accept)
async def keeps_stale_secrets(
    body: bytes, signature_header: str | None, dependencies: IngestDependencies, *, source: str = ""
) -> IngestAnswer:
    stale = replace(dependencies, secrets=StaleSecrets(dependencies.secrets))
    return await accept(body, signature_header, stale, source=source)
