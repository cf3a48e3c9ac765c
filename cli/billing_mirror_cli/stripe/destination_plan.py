"""What an event destination should be, and what is to be changed: values in, a plan out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.json_body import JsonObject, text_at

from .destinations import SECRET, URL
from .event_types import event_types

STACK = "billing_mirror_stack"
"""The member of a destination's metadata that names its stack."""
THIN = "thin"


class Kind(StrEnum):
    """How Stripe delivers: a destination's ``type``."""

    WEBHOOK = "webhook_endpoint"
    EVENT_BRIDGE = "amazon_eventbridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The destination of one stack. ``url`` belongs to a webhook, ``account`` and ``region`` (AWS's) to EventBridge."""

    kind: Kind
    stack: str
    url: str = ""
    account: str = ""
    region: str = ""
    event_bus: str = ""
    """The partner event bus that the stack reads already; empty for none."""
    of_connected: bool = False
    """Whether connected accounts send their events here, too. Stripe takes it at the creation only."""

    def parameters(self, events: Sequence[str]) -> JsonObject:
        """What creates it."""
        common: JsonObject = {
            "name": f"Billing Mirror: {self.stack}",
            "type": self.kind.value,
            "event_payload": THIN,
            "enabled_events": [*events],
            "metadata": {STACK: self.stack},
            **({"events_from": ["@self", "@accounts"]} if self.of_connected else {}),
        }
        if self.kind is Kind.WEBHOOK:
            return {**common, "webhook_endpoint": {"url": self.url}, "include": [SECRET, URL]}
        return {**common, "amazon_eventbridge": {"aws_account_id": self.account, "aws_region": self.region}}

    def is_met_by(self, shown: JsonObject) -> bool:
        """Whether this is the stack's destination. One for snapshot events cannot become one for thin events."""
        if shown.get("type") != self.kind or shown.get("event_payload") != THIN:
            return False
        if self.kind is Kind.WEBHOOK:
            return text_at(shown, URL) == self.url
        if self.event_bus:
            return event_source(shown) == self.event_bus
        is_here = text_at(shown, "amazon_eventbridge.aws_account_id") == self.account
        return is_here and f":{self.region}:" in _arn(shown) and text_at(shown, f"metadata.{STACK}") == self.stack


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``identifier`` is empty where the destination is to be created."""

    identifier: str
    added: Sequence[str]
    removed: Sequence[str]
    enable: bool
    others: Sequence[str] = ()
    """Further destinations that send thin events to the same stack."""

    @property
    def is_new(self) -> bool:
        return not self.identifier

    @property
    def changes_nothing(self) -> bool:
        return not (self.is_new or self.added or self.removed or self.enable)


def plan(wanted: Wanted, shown: Sequence[JsonObject], events: Sequence[str]) -> Plan:
    """What makes one of the destinations the wanted one, with exactly these event types."""
    ours = sorted((one for one in shown if wanted.is_met_by(one)), key=lambda one: one.get("status") != "enabled")
    if not ours:
        return Plan("", [*events], [], enable=False)
    chosen = enabled_events(ours[0])
    return Plan(
        text_at(ours[0], "id") or "",
        [name for name in events if name not in chosen],
        sorted(chosen - {*events}),
        enable=ours[0].get("status") != "enabled",
        others=[text_at(one, "id") or "" for one in ours[1:]],
    )


def enabled_events(shown: JsonObject) -> set[str]:
    """The event types that a destination sends."""
    found = shown.get("enabled_events")
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()


def released_events() -> list[str]:
    """The event types that Stripe offers to every account: those of types in a preview are left out."""
    previews = tuple(f"{one.name}." for one in TYPES.values() if one.api is ApiChannel.PREVIEW)
    return [name for name in event_types() if not name.startswith(previews)]


def event_source(shown: JsonObject) -> str:
    """The name of the partner event source of an EventBridge destination, which is its bus's name too."""
    return _arn(shown).partition("event-source/")[2]


def _arn(shown: JsonObject) -> str:
    return text_at(shown, "amazon_eventbridge.aws_event_source_arn") or ""
