"""What `doctor` finds out about the stack's secrets. They are never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from botocore.exceptions import ClientError

from billing_mirror.adapters.stripe_api import is_live, is_of_organization
from billing_mirror.core import times
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.events.signature import secrets_in
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.schedule import DAY

from ..failures import Failure
from ..stack.aws_failures import explain
from ..stack.session import Session
from ..stripe import ping
from ..stripe.answers import api_base, preview_version
from ..stripe.destinations import StripeDestinations
from ..stripe.setup_key import VARIABLE, offered_key
from ..words import count, moment
from .findings import Check, Finding, Level
from .metrics import total

BY_HAND: Final = "docs/deploy.md#by-hand"
_MINUTES_KEPT_FOR = 15 * DAY
"""CloudWatch keeps what it knows of each minute for 15 days."""


class _Secrets(Protocol):
    def describe_secret(self, **request: str) -> Mapping[str, datetime]: ...


def stripe_key(session: Session) -> Finding:
    """Whether the secret holds a key, of the mode that filled the table."""
    name, text = Check.STRIPE_KEY, _secret(session, Check.STRIPE_KEY, session.stack.stripe_key_arn)
    if isinstance(text, Finding):
        return text
    try:
        mode = "live" if is_live(text) else "test"
    except ConfigurationError:
        return Finding(name, Level.FAIL, "the secret holds no Stripe key", "docs/deploy.md#2-store-the-stripe-key")
    kind = "organization" if is_of_organization(text) else "restricted" if text.startswith("rk_") else "secret"
    if session.known_mode and mode != session.known_mode:
        return Finding(
            name, Level.FAIL, f"a {mode} key, and the table is {session.scope}", "Store a key of the right mode"
        )
    if kind == "secret":
        return Finding(name, Level.FAIL, f"a {mode} secret key: it may write", "Store a restricted, read-only key")
    return Finding(name, Level.OK, f"{kind}, {mode}")


def signing_secret(session: Session, destination: str, timeout: float) -> Finding:
    """Whether the functions accept what Stripe signs: shown by a ping, or by the events since the secret was stored.

    ``destination`` is the id of the destination to ping, empty for none; ``timeout`` seconds are waited for the ping.
    """
    text = _secret(session, Check.SIGNING_SECRET, session.stack.signing_secret_arn)
    if isinstance(text, Finding):
        return text
    try:
        stored = secrets_in(text)
    except ConfigurationError:
        if session.stack.parameters.get("PartnerEventBus"):
            return Finding(Check.SIGNING_SECRET, Level.OK, "none; EventBridge needs none")
        return Finding(
            Check.SIGNING_SECRET,
            Level.FAIL,
            "the secret holds no signing secret",
            f"Run: billing-mirror setup; or {BY_HAND}",
        )
    key = offered_key()
    if key and destination:
        return _pinged(session, key, destination, timeout)
    return _used(session, stored)


def _pinged(session: Session, key: str, destination: str, timeout: float) -> Finding:
    stripe = StripeDestinations(key, api_base=api_base(session), version=preview_version(session))
    function, started = session.stack.ingest_function, session.now()
    try:
        seconds = ping.seconds_until_seen(session, partial(stripe.ping, destination), function, timeout=timeout)
    except Failure as failure:
        return Finding(Check.SIGNING_SECRET, Level.UNKNOWN, failure.sentence, failure.remedy)
    if seconds is not None:
        return Finding(Check.SIGNING_SECRET, Level.OK, f"a ping arrived after {seconds:.1f} s")
    why = ping.why_not_seen(session, function, started)
    return Finding(
        Check.SIGNING_SECRET, Level.FAIL, f"a ping was not accepted: {why}", "Run: billing-mirror setup --new-secret"
    )


def _used(session: Session, stored: Sequence[str]) -> Finding:
    """What the metrics say about webhooks since the secret was stored, or in the last 15 days."""
    client: _Secrets = session.aws.client("secretsmanager")
    changed_at = client.describe_secret(SecretId=session.stack.signing_secret_arn)["LastChangedDate"].timestamp()
    since = max(changed_at, session.now() - _MINUTES_KEPT_FOR)
    accepted, refused = (
        int(total(session, "ingest", name, since)) for name in (Metric.ACCEPTED, Metric.SIGNATURE_FAILURES)
    )
    after = f"since {moment(times.iso(since))}"
    if accepted:
        return Finding(Check.SIGNING_SECRET, Level.OK, f"{count(accepted, 'webhook')} accepted {after}")
    if refused:
        return Finding(
            Check.SIGNING_SECRET,
            Level.FAIL,
            f"{count(refused, 'webhook')} {after}, and it fits the signature of none",
            f"Store the destination's secret ({BY_HAND}), or run: billing-mirror setup --new-secret",
        )
    return Finding(
        Check.SIGNING_SECRET,
        Level.UNKNOWN,
        f"{count(len(stored), 'secret')} stored; no webhook has arrived {after}",
        f"To have it tested by a ping, set {VARIABLE} to a key that may write event destinations",
    )


def _secret(session: Session, name: Check, arn: str) -> str | Finding:
    """The text of a secret, or that it could not be read."""
    try:
        return session.aws.secrets.get_secret_value(SecretId=arn).get("SecretString", "").strip()
    except ClientError as error:
        failure = explain(error)
        return Finding(name, Level.UNKNOWN, failure.sentence, failure.remedy)
