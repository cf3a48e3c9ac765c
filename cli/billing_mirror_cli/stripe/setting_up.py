"""The steps of `setup`. Each may be the last one that happens, so each leaves what the next call can continue from."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.events.signature import secrets_in
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.runs.connected import NONE, ConnectedAccounts

from ..failures import Failure
from ..stack import signing_secrets
from ..stack.aws_failures import explain
from ..stack.session import Session
from .destination_plan import Kind, Plan, Wanted, plan, released_events
from .destinations import SECRET, RefusedParameters, StripeDestinations


def wanted_by(session: Session, kind: Kind) -> Wanted:
    """The destination that the stack should have."""
    stack = session.stack
    of_connected = bool(ConnectedAccounts.parse(stack.parameters.get("Contexts") or NONE))
    if kind is Kind.WEBHOOK:
        return Wanted(kind=kind, stack=stack.name, url=stack.webhook_url, of_connected=of_connected)
    account = session.aws.client("sts").get_caller_identity()["Account"]
    return Wanted(
        kind=kind,
        stack=stack.name,
        account=account,
        region=session.aws.region,
        event_bus=stack.parameters.get("PartnerEventBus", ""),
        of_connected=of_connected,
    )


def require_same_account(session: Session, stripe: StripeDestinations) -> None:
    """Raises :class:`Failure` where the key's account is known not to be the one that filled the mirror."""
    account = session.account if session.known_mode else ""
    other = stripe.account() if account else None
    if other is not None and other != account:
        raise Failure(
            f"The key belongs to the account {other}, and the stack mirrors {account}", f"Give a key of {account}"
        )


def create(
    session: Session, stripe: StripeDestinations, wanted: Wanted, events: list[str]
) -> tuple[JsonObject, list[str]]:
    """Creates the destination and stores its secret. Returns it, and the event types that Stripe does not offer."""
    before = signing_secrets.stored(session) if wanted.kind is Kind.WEBHOOK else ()
    try:
        made, left_out = stripe.create(wanted.parameters(events)), list[str]()
    except RefusedParameters:
        released = released_events()
        made = stripe.create(wanted.parameters(released))
        left_out = [name for name in events if name not in released]
    if wanted.kind is Kind.WEBHOOK:
        _store(session, stripe, made, before)
    return made, left_out


def update(
    stripe: StripeDestinations, wanted: Wanted, shown: list[JsonObject], planned: Plan, events: list[str]
) -> tuple[Plan, list[str]]:
    """Changes the destination. Returns what was changed, and the event types that Stripe does not offer."""
    left_out: list[str] = []
    if planned.added or planned.removed:
        try:
            stripe.change(planned.identifier, {"enabled_events": [*events]})
        except RefusedParameters:
            released = released_events()
            left_out = [name for name in events if name not in released]
            planned = plan(wanted, shown, released)
            if planned.added or planned.removed:
                stripe.change(planned.identifier, {"enabled_events": [*released]})
    if planned.enable:
        stripe.enable(planned.identifier)
    return planned, left_out


def _store(session: Session, stripe: StripeDestinations, made: JsonObject, before: tuple[str, ...]) -> None:
    """Stores the new destination's secret, which Stripe shows once; without it, the destination is of no use."""
    identifier = text_at(made, "id") or ""
    try:
        (secret,) = secrets_in(text_at(made, SECRET) or "")
        signing_secrets.store_beside(session, secret, before)
    except (ClientError, BotoCoreError) as error:
        stripe.delete(identifier)
        why = explain(error)
        raise Failure(
            f"{why.sentence}: the signing secret could not be stored, and the new destination was deleted again",
            why.remedy,
        ) from error
    except (ConfigurationError, ValueError) as error:
        stripe.delete(identifier)
        raise Failure(
            "Stripe's answer holds no signing secret; the new destination was deleted again",
            "Create it in Stripe: docs/deploy.md#3-add-the-webhook-destination",
        ) from error
