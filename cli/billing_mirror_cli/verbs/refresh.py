"""``billing-mirror refresh``: have objects fetched again now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror.core.messages import RefreshRequest, write_message
from billing_mirror.core.object_ref import ObjectRef

from .. import mirror
from ..failures import ExitCode
from ..refs import Known, known, ref_by_name, ref_of
from ..session import Session
from ..words import count

POLL_SECONDS = 0.5


def refresh(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of objects, mirrored or not.")],
    type_name: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Their type, where the ids do not say it.")
    ] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="ID", help="Their parent, where Stripe's URL needs it.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait so long for the writes.")
    ] = 60,
) -> None:
    """Fetch objects from Stripe again, and wait until the mirror has them.

    Exit code 0: all are fetched; 4: not yet.
    """
    refs = [_ref(session, object_id, type_name, parent) for object_id in ids]
    before = known(session, refs)
    asyncio.run(_request(session, refs))
    after = _wait(session, before, until=session.now() + timeout)
    for ref in refs:
        outcome = _outcome(before[ref], after[ref])
        session.output.value({"id": ref.id, "type": ref.type, "outcome": outcome, "token": after[ref].token})
        session.output.line(f"{ref.id}  {outcome}")
    waiting = [ref for ref in refs if not _is_written(before[ref], after[ref])]
    if waiting:
        session.output.note(
            f"{count(len(waiting), 'object')} not written yet: billing-mirror status shows the queue, "
            "billing-mirror quarantine list what failed"
        )
        raise typer.Exit(ExitCode.UNDECIDED)


def _ref(session: Session, object_id: str, type_name: str | None, parent: str | None) -> ObjectRef:
    found = mirror.get(session.reader, object_id, type_name)
    return ref_of(session, found) if found is not None else ref_by_name(session, object_id, type_name, parent)


async def _request(session: Session, refs: list[ObjectRef]) -> None:
    """Queues a refresh request for each object."""
    stack = session.stack
    queue = SqsQueue(session.aws.sqs, stack.queue_url, stack.quarantine_url)
    for ref in refs:
        request = RefreshRequest(
            livemode=ref.scope.livemode,
            context=ref.scope.context,
            type=ref.type,
            id=ref.id,
            parent=ref.parent,
        )
        await queue.send(write_message(request), group=f"{ref.scope}:requested")


def _wait(session: Session, before: Mapping[ObjectRef, Known], *, until: float) -> Mapping[ObjectRef, Known]:
    """What the mirror knows once every object was written, or when the time is over."""
    while True:
        after = known(session, [*before])
        if all(_is_written(before[ref], after[ref]) for ref in before) or session.now() >= until:
            return after
        session.sleep(POLL_SECONDS)


def _is_written(before: Known, after: Known) -> bool:
    return after.token > before.token


def _outcome(before: Known, after: Known) -> str:
    if not _is_written(before, after) or after.head is None:
        return "waiting"
    if after.head.deleted:
        return "Stripe has no such object"
    if before.head is None or before.head.deleted:
        return "new"
    return "unchanged" if before.head.digest == after.head.digest else "changed"
