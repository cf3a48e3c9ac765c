"""``billing-mirror doctor``: is everything set up, and how to mend what is not?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from billing_mirror.adapters.stripe_api import StripeApi

from ..failures import ExitCode, Failure
from ..health import aws_checks, run_checks, secret_checks
from ..health.alarm_checks import alarms
from ..health.connected_checks import connected_accounts
from ..health.facts import read_facts
from ..health.findings import Check, Finding, Level
from ..health.stream_check import stream
from ..health.verdict import Facts
from ..stack.aws_failures import explain
from ..stack.session import Session
from ..stripe import key_checks, ping
from ..stripe.answers import connect
from ..stripe.destination_checks import Found
from ..stripe.destination_checks import check as check_destinations
from ..stripe.destination_plan import Kind, Wanted
from ..stripe.setting_up import wanted_by
from ..words import count

_STYLES = {Level.OK: "green", Level.UNKNOWN: "yellow", Level.FAIL: "bold red"}


def doctor(
    session: Session,
    *,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait so long for a ping.")
    ] = ping.TIMEOUT_SECONDS,
) -> None:
    """Check the set-up, and say how to mend what is wrong.

    It checks credentials, stack, other stacks on its table, Stripe key, account and permissions, event destinations,
    secrets, queue, schedule, table, its stream, alarms and reconcile. It changes nothing. With a key that may write
    event destinations in STRIPE_SETUP_KEY, it has Stripe send a ping. Exit code 0: all is well; 1: something is not, or
    could not be checked.
    """
    wrong = 0
    for finding in _findings(session, timeout):
        wrong += finding.level is not Level.OK
        session.output.value(finding.to_json() | {"remedy": session.output.with_options(finding.remedy)})
        level = finding.level.upper() if finding.level is Level.FAIL else finding.level
        session.output.line(f"{level:<8} {finding.name:<18} {finding.sentence}", _STYLES[finding.level])
        if finding.remedy:
            session.output.remedy(finding.remedy, indent=" " * 28)
    session.output.line(count(wrong, "problem") if wrong else "All is well.", "bold")
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _findings(session: Session, timeout: float) -> Iterator[Finding]:
    yield aws_checks.credentials(session)
    yield aws_checks.versions(session)
    yield from _checked(Check.OTHER_STACKS, lambda: aws_checks.other_stacks(session))
    yield from _checked(Check.STRIPE_KEY, lambda: [secret_checks.stripe_key(session)])
    facts = _facts(session)
    stripe = _connected(session)
    destinations = Found([])
    if isinstance(stripe, Finding):
        yield stripe
    else:
        yield key_checks.account(stripe, session.account)
        if stripe.has_own_account:
            yield from key_checks.key_permissions(stripe, facts.newest if isinstance(facts, Facts) else {})
        destinations = check_destinations(stripe, _wanted(session), session.now())
        yield from destinations.findings
    yield from _checked(
        Check.SIGNING_SECRET, lambda: [secret_checks.signing_secret(session, destinations.identifier, timeout)]
    )
    yield from _checked(Check.QUEUE, lambda: [aws_checks.queue(session)])
    yield from _checked(Check.SCHEDULE, lambda: [aws_checks.schedule(session)])
    yield from _checked(Check.TABLE, lambda: [aws_checks.table(session)])
    yield from _checked(Check.STREAM, lambda: stream(session))
    yield from _checked(Check.ALARMS, lambda: [*alarms(session)])
    yield from _checked(Check.CONNECTED_ACCOUNTS, lambda: [*connected_accounts(session)])
    if isinstance(facts, Finding):
        yield facts
    else:
        yield from run_checks.conclude(facts)


def _facts(session: Session) -> Facts | Finding:
    try:
        return read_facts(session)
    except ClientError as error:
        return _not_checked(Check.RECONCILE, error)


def _connected(session: Session) -> StripeApi | Finding:
    name = Check.KEY_PERMISSIONS
    try:
        return connect(session)
    except Failure as failure:
        return Finding(name, Level.UNKNOWN, failure.sentence, failure.remedy)
    except ClientError as error:
        return _not_checked(name, error)


def _wanted(session: Session) -> list[Wanted]:
    """The destinations that would serve the stack; the bus of EventBridge only where the stack reads one."""
    kinds = [Kind.WEBHOOK, *([Kind.EVENT_BRIDGE] if session.stack.parameters.get("PartnerEventBus") else [])]
    return [wanted_by(session, kind) for kind in kinds]


def _checked(name: Check, check: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of a check, or that AWS did not allow it."""
    try:
        return check()
    except ClientError as error:
        return [_not_checked(name, error)]


def _not_checked(name: Check, error: ClientError) -> Finding:
    failure = explain(error)
    return Finding(name, Level.UNKNOWN, failure.sentence, failure.remedy)
