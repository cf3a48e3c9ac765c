"""``billing-mirror setup``: have Stripe send its events to the stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from billing_mirror.core.json_body import JsonObject, text_at

from ..failures import Failure
from ..stack import signing_secrets
from ..stack.session import Session
from ..stripe import ping, setting_up
from ..stripe.answers import api_base, preview_version
from ..stripe.destination_plan import Kind, Plan, Wanted, event_source, plan, replacing
from ..stripe.destinations import StripeDestinations
from ..stripe.event_types import event_types
from ..stripe.setup_key import setup_key
from ..words import count


class _Signing(StrEnum):
    """What happens to the stack's signing secret."""

    STORED = "stored"
    KEPT = "kept"
    NONE = "none"


REPLACE = "billing-mirror setup --new-secret"


@dataclass
class _Done:
    """What one call has found and changed, or would change."""

    wanted: Wanted
    dry_run: bool
    action: str = "none"
    identifier: str = ""
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    signing: _Signing = _Signing.KEPT
    ping_seconds: float | None = None
    next_steps: list[str] = field(default_factory=list)

    def to_json(self) -> JsonObject:
        seconds = None if self.ping_seconds is None else Decimal(f"{self.ping_seconds:.1f}")
        return {
            "dry_run": self.dry_run,
            "action": self.action,
            "destination": self.identifier or None,
            "type": self.wanted.kind.value,
            "url": self.wanted.url or None,
            "added": [*self.added],
            "removed": [*self.removed],
            "left_out": [*self.left_out],
            "signing_secret": self.signing.value,
            "ping_seconds": seconds,
            "next": [*self.next_steps],
        }


def setup(
    session: Session,
    *,
    kind: Annotated[
        Kind, typer.Option("--type", help="How Stripe delivers: to the stack's webhook, or through Amazon EventBridge.")
    ] = Kind.WEBHOOK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")] = False,
    new_secret: Annotated[
        bool,
        typer.Option(
            "--new-secret", help="Replace the webhook's destination by a new one, whose secret is stored too."
        ),
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait so long for the ping.")
    ] = ping.TIMEOUT_SECONDS,
) -> None:
    """Have Stripe send thin events of all mirrored types to the stack.

    It creates or updates the event destination, stores its signing secret beside those that are stored, and waits for
    a ping. The key for it is in STRIPE_SETUP_KEY, on standard input, or typed; it is never stored. Repeat it at will.
    Exit code 0: all is set up; 1: not.
    """
    stripe = StripeDestinations(setup_key(session), api_base=api_base(session), version=preview_version(session))
    setting_up.require_same_account(session, stripe)
    wanted, shown = setting_up.wanted_by(session, kind), stripe.every()
    planned = plan(wanted, shown, event_types())
    done = _Done(wanted, dry_run, identifier=planned.identifier)
    if kind is Kind.EVENT_BRIDGE:
        done.signing = _Signing.NONE
    replaced = planned.identifier if new_secret and kind is Kind.WEBHOOK else ""
    if planned.is_new or replaced:
        made = _create(session, stripe, done)
    else:
        _require_sources(wanted, planned)
        _require_secret(session, wanted)
        made = next(one for one in shown if one.get("id") == planned.identifier)
        _update(session, stripe, shown, planned, done)
    _say(session, done, planned)
    if not dry_run:
        started = session.now()
        _ping(session, stripe, made, done, timeout=timeout)
        if done.ping_seconds is not None and replaced:
            stripe.delete(replaced)
            session.output.line(f"{'':<19} {replaced} is deleted")
        _require_ping(session, done, started)
    session.output.value(done.to_json())
    _end(session, done)


def _create(session: Session, stripe: StripeDestinations, done: _Done) -> JsonObject:
    done.action, done.added = "create", event_types()
    if done.signing is _Signing.KEPT:
        done.signing = _Signing.STORED
    if done.dry_run:
        return {}
    made, done.left_out = setting_up.create(session, stripe, done.wanted, event_types())
    done.added = [name for name in done.added if name not in done.left_out]
    done.identifier = text_at(made, "id") or ""
    return made


def _update(session: Session, stripe: StripeDestinations, shown: list[JsonObject], planned: Plan, done: _Done) -> None:
    if not done.dry_run:
        planned, done.left_out = setting_up.update(stripe, done.wanted, shown, planned, event_types())
    done.action = "none" if planned.changes_nothing else "update"
    done.added, done.removed = [*planned.added], [*planned.removed]
    for other in planned.others:
        session.output.note(f"{other} sends to the same stack, which is harmless; delete it in Stripe")


def _require_sources(wanted: Wanted, planned: Plan) -> None:
    if planned.lacks:
        raise Failure(f"{planned.identifier} does not send the events of {planned.lacks}", replacing(wanted.kind))


def _require_secret(session: Session, wanted: Wanted) -> None:
    if wanted.kind is Kind.WEBHOOK and not signing_secrets.stored(session):
        raise Failure(
            "The destination exists, and the stack holds no signing secret; Stripe shows one only once",
            f"Copy it from Stripe's dashboard (docs/deploy.md#by-hand), or: {REPLACE}",
        )


def _say(session: Session, done: _Done, planned: Plan) -> None:
    """The destination and its secret, as they are or would be."""
    would = "would be " if done.dry_run else ""
    target = done.wanted.url or f"EventBridge in {done.wanted.account}, {done.wanted.region}"
    line = "{:<19} {}".format
    if done.action == "create":
        session.output.line(line("event destination", f"{done.identifier} {would}created".strip()))
        session.output.line(line("", f"thin events of {count(len(done.added), 'type')}, to {target}"))
    elif done.action == "none":
        session.output.line(line("event destination", f"{done.identifier} is as it should be, to {target}"))
    else:
        session.output.line(line("event destination", f"{done.identifier} {would}updated, to {target}"))
        if planned.enable:
            session.output.line(line("", f"{would}enabled"))
        for sign, names in (("+", done.added), ("-", done.removed)):
            for name in names:
                session.output.line(line("", f"{sign} {name}"))
    if done.left_out:
        session.output.line(line("", f"Stripe does not offer this account {count(len(done.left_out), 'preview type')}"))
    if done.signing is not _Signing.NONE:
        stays = "" if done.signing is _Signing.STORED else "stays as it is"
        session.output.line(line("signing secret", stays or f"{would}stored"))


def _ping(session: Session, stripe: StripeDestinations, made: JsonObject, done: _Done, *, timeout: float) -> None:
    function = session.stack.ingest_function
    if done.wanted.kind is Kind.EVENT_BRIDGE:
        function, bus = session.stack.process_function, event_source(made)
        if bus != done.wanted.event_bus:
            steps = [
                f"aws events create-event-bus --name {bus} --event-source-name {bus}",
                f'{session.stack.deploy}, with PartnerEventBus = "{bus}" in stacks/{session.stack.name}.toml',
                "billing-mirror setup --type amazon_eventbridge",
            ]
            done.next_steps = [session.output.with_options(step) for step in steps]
            return
    done.ping_seconds = ping.seconds_until_seen(
        session, partial(stripe.ping, done.identifier), function, timeout=timeout
    )


def _require_ping(session: Session, done: _Done, started: float) -> None:
    if done.next_steps:
        return
    if done.ping_seconds is not None:
        session.output.line(f"{'ping':<19} arrived after {done.ping_seconds:.1f} s")
        return
    if done.wanted.kind is Kind.EVENT_BRIDGE:
        raise Failure(
            "The ping has not reached the queue", "Is the event bus active? docs/deploy.md#amazon-eventbridge"
        )
    why = ping.why_not_seen(session, session.stack.ingest_function, started)
    raise Failure(
        f"The ping has not been accepted: {why}",
        f"Store the destination's secret (docs/deploy.md#by-hand), or: {REPLACE}",
    )


def _end(session: Session, done: _Done) -> None:
    if done.next_steps:
        session.output.line("Then, within seven days:")
        for step in done.next_steps:
            session.output.line(f"  {step}")
    elif done.dry_run:
        session.output.line("Nothing was changed.", "bold")
    elif done.action == "none":
        session.output.line("All was set up; nothing was changed.", "bold green")
    else:
        session.output.line("Stripe's events reach the stack.", "bold green")
