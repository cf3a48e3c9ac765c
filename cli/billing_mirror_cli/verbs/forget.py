"""``billing-mirror forget``: remove what only the mirror still holds of customers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import typer

from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.forgetting import FORGET, MAX_CUSTOMERS, ForgetRequest

from ..failures import ExitCode, usage
from ..prompts import confirm
from ..runs.invocation import Invocation
from ..runs.records import capitalized
from ..stack.parts import Stack
from ..stack.session import Session
from ..words import count

POLL_SECONDS = 1.0


def forget(
    session: Session,
    customers: Annotated[list[str], typer.Argument(metavar="CUSTOMER", help="Ids of customers.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the bodies that only the mirror still holds of customers: delete or redact them at Stripe first.

    The last bodies of removed objects, former states, and messages in quarantine that hold personal data are removed.
    What Stripe still shows stays as Stripe shows it. Ids stay. Reads the whole table; may be repeated at any time.

    The archive of published changes cannot remove an event before ChangesArchiveDays.

    Exit code 0: the table holds no body of them; 1: Stripe still shows objects, or some could not be fetched.
    """
    chosen = [*dict.fromkeys(customers)]
    parts = (chosen[start : start + MAX_CUSTOMERS] for start in range(0, len(chosen), MAX_CUSTOMERS))
    requests = [_request(session, part) for part in parts]
    if not yes:
        confirm(f"Remove for ever what only the mirror holds of {', '.join(chosen)}?")
    objects, shown, failed = 0, Counter[str](), 0
    for answer in (answer for request in requests for answer in _answers(session, request)):
        session.output.value(answer)
        objects += _number(answer, "objects")
        shown.update(_shown(answer))
        failed += _tell_failures(session, answer)
    session.output.line(f"Objects found: {objects:,}.")
    if shown:
        listed = ", ".join(f"{number:,} {name}" for name, number in sorted(shown.items()))
        session.output.line(f"Stripe still shows {listed}: the mirror shows them, too.")
        session.output.note("Delete or redact them at Stripe, then forget the customer again.")
    if failed:
        session.output.note(f"{count(failed, 'object')} could not be fetched: repeat the command.")
    if shown or failed:
        raise typer.Exit(ExitCode.FAILED)
    session.output.line(_end(session.stack), "bold green")


def _end(stack: Stack) -> str:
    """What is left of them; the archive of an event bus cannot remove an event."""
    days = stack.parameters.get("ChangesArchiveDays", "0")
    if stack.parameters.get("Changes") == "on" and days != "0":
        return f"The table holds no body of them. The archive of changes keeps theirs for up to {days} days."
    return "The mirror holds no body of them."


def _request(session: Session, customers: list[str]) -> JsonObject:
    """The request. Raises :class:`Failure` with reconcile's own sentence where it would refuse."""
    context: JsonObject = {"context": session.context} if session.context else {}
    request: JsonObject = {"job": FORGET, "customers": [*customers], **context}
    try:
        ForgetRequest.parse(request)
    except InvalidRequest as error:
        raise usage(capitalized(str(error)), "billing-mirror forget takes ids of customers") from error
    return request


def _answers(session: Session, request: JsonObject) -> Iterator[JsonObject]:
    """The answers of as many invocations as the table needs: each continues where the one before ran out of time."""
    while True:
        invocation = Invocation(session.aws.functions, session.stack.reconcile_function, request)
        while not invocation.ended:
            invocation.wait(POLL_SECONDS)
        answer = invocation.answer  # of a function that has failed it raises
        if invocation.lost is not None:
            raise invocation.lost
        yield answer
        if not answer.get("more"):
            return
        request = {**request, "cursor": answer.get("cursor", "")}


def _number(answer: JsonObject, name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 0


def _shown(answer: JsonObject) -> dict[str, int]:
    shown = answer.get("shown")
    return (
        {name: number for name, number in shown.items() if isinstance(number, int)} if isinstance(shown, dict) else {}
    )


def _tell_failures(session: Session, answer: JsonObject) -> int:
    failed = answer.get("failed")
    objects = [one for one in failed if isinstance(one, dict)] if isinstance(failed, list) else []
    for one in objects:
        session.output.line(f"{one.get('id')}  {one.get('reason')}")
    return len(objects)
