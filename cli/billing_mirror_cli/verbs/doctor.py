"""``billing-mirror doctor``: is everything set up, and how to mend what is not?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import typer
from botocore.exceptions import ClientError

from billing_mirror.adapters.stripe_api import StripeApi

from ..failures import ExitCode, Failure
from ..health import aws_checks
from ..health.findings import Finding, Level
from ..stack.aws_failures import explain
from ..stack.session import Session
from ..stripe import checks as stripe_checks
from ..stripe.answers import connect
from ..words import count

_STYLES = {Level.OK: "green", Level.UNKNOWN: "yellow", Level.FAIL: "bold red"}


def doctor(session: Session) -> None:
    """Check the set-up, and say how to mend what is wrong.

    It checks credentials, stack, Stripe key and its permissions, event destination, secrets, queue and reconcile. It
    changes nothing. Exit code 0: all is well; 1: something is not, or could not be checked.
    """
    wrong = 0
    for finding in _findings(session):
        wrong += finding.level is not Level.OK
        session.output.value(finding.to_json())
        level = finding.level.upper() if finding.level is Level.FAIL else finding.level
        session.output.line(f"{level:<8} {finding.name:<18} {finding.sentence}", _STYLES[finding.level])
        if finding.remedy:
            session.output.line(f"{'':<27} {finding.remedy}")
    session.output.line(count(wrong, "problem") if wrong else "All is well.", "bold")
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _findings(session: Session) -> Iterator[Finding]:
    yield aws_checks.credentials(session)
    yield aws_checks.versions(session)
    yield _checked("Stripe key", lambda: aws_checks.stripe_key(session))
    yield from _of_stripe(session)
    yield _checked("signing secret", lambda: aws_checks.signing_secret(session))
    yield _checked("queue", lambda: aws_checks.deliveries(session))
    try:
        yield from aws_checks.health(session)
    except ClientError as error:
        yield _not_checked("reconcile", error)


def _of_stripe(session: Session) -> Iterator[Finding]:
    stripe: StripeApi | None = None
    try:
        stripe = connect(session)
    except Failure as failure:
        yield Finding("key permissions", Level.UNKNOWN, failure.sentence, failure.remedy)
    if stripe is not None:
        yield stripe_checks.key_permissions(stripe)
        yield stripe_checks.destination(stripe, session.stack.webhook_url)


def _checked(name: str, check: Callable[[], Finding]) -> Finding:
    """The finding of a check, or that AWS did not allow it."""
    try:
        return check()
    except ClientError as error:
        return _not_checked(name, error)


def _not_checked(name: str, error: ClientError) -> Finding:
    failure = explain(error)
    return Finding(name, Level.UNKNOWN, failure.sentence, failure.remedy)
