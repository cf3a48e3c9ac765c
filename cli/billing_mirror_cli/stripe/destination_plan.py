"""What an event destination should be, and what is to be changed: values in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.json_body import JsonObject, text_at

from .destinations import SECRET, URL
from .event_types import event_types

STACK = "billing_mirror_stack"
"""The member of a destination's metadata that names its stack."""
THIN = "thin"
_OWN = "@self"
_CONNECTED = "@accounts"
_OF_ORGANIZATION = "@organization_members"


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
            **({"events_from": [_OWN, _CONNECTED]} if self.of_connected else {}),
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

    def lacks(self, shown: Iterable[JsonObject]) -> str:
        """Whose events these destinations together do not send; empty for none. Stripe cannot change it."""
        sources = {source for one in shown for source in _sources(one)}
        if any(source.startswith(_OF_ORGANIZATION) for source in sources):
            return ""
        if _OWN not in sources:
            return "the account itself"
        return "connected accounts, which Contexts asks for" if self.of_connected and sources == {_OWN} else ""


def replacing(kind: str) -> str:
    """What a person does about a destination of this kind that lacks some account's events."""
    if kind == Kind.WEBHOOK:
        return "Stripe cannot change that; replace it: billing-mirror setup --new-secret"
    return f"Stripe cannot change that; delete it there, then: billing-mirror setup --type {kind}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``identifier`` is empty where the destination is to be created."""

    identifier: str
    added: Sequence[str]
    removed: Sequence[str]
    enable: bool
    others: Sequence[str] = ()
    """Further destinations that send thin events to the same stack, for no reason."""
    lacks: str = ""
    """Whose events the destinations do not send."""

    @property
    def is_new(self) -> bool:
        return not self.identifier

    @property
    def changes_nothing(self) -> bool:
        return not (self.is_new or self.added or self.removed or self.enable)


def plan(wanted: Wanted, shown: Sequence[JsonObject], events: Sequence[str]) -> Plan:
    """What makes one of the destinations the wanted one, with exactly these event types."""
    met = [one for one in shown if wanted.is_met_by(one)]
    ours = sorted(met, key=lambda one: (bool(wanted.lacks([one])), one.get("status") != "enabled"))
    if not ours:
        return Plan("", [*events], [], enable=False)
    first, *others = ours
    chosen = enabled_events(first)
    return Plan(
        text_at(first, "id") or "",
        [name for name in events if name not in chosen],
        sorted(chosen - {*events}),
        enable=first.get("status") != "enabled",
        others=[] if wanted.lacks([first]) else [text_at(one, "id") or "" for one in others],
        lacks=wanted.lacks([first, *(one for one in others if one.get("status") == "enabled")]),
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


def event_region(shown: JsonObject) -> str:
    """The region of an EventBridge destination; empty for a webhook."""
    _, _, after = _arn(shown).partition(":events:")
    return after.partition(":")[0]


def _sources(shown: JsonObject) -> set[str]:
    found = shown.get("events_from")
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else {_OWN}


def _arn(shown: JsonObject) -> str:
    return text_at(shown, "amazon_eventbridge.aws_event_source_arn") or ""
