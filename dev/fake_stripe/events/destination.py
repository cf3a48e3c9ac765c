"""Where are events sent, and which of them? https://docs.stripe.com/api/v2/core/event_destinations/object"""

from dataclasses import dataclass, field

from dev.fake_stripe.api.protocol import now, random_text, rfc3339
from dev.fake_stripe.types.object_types import Body

from .event import Event

PAYLOADS = ("thin", "snapshot", "both")


def _new_id() -> str:
    return f"ed_test_61{random_text(40)}"


@dataclass(frozen=True)
class Destination:
    url: str
    """Empty for an EventBridge destination."""
    secrets: tuple[str, ...]
    payload: str = "thin"
    events: tuple[str, ...] = ("*",)
    """The event types that the API shows as enabled."""
    enabled: bool = True
    livemode: bool | None = None
    """None: both modes."""
    events_from: tuple[str, ...] = ("@self",)
    """Whose events: of the account itself, or of its connected accounts (`@accounts`), or both."""
    selective: bool = False
    """Whether it gets no other events than those enabled. One that a test has set gets all."""
    id: str = field(default_factory=_new_id)
    name: str = "Billing Mirror"
    metadata: Body = field(default_factory=dict)
    aws: Body | None = None
    """The account and the region of an EventBridge destination."""
    created: str = field(default_factory=lambda: rfc3339(now()))

    def wants(self, event: Event) -> bool:
        """Whether the event is sent here. EventBridge is not sent to: a test puts events on its bus."""
        if not self.url:
            return False
        if not self.selective:
            return True
        is_chosen = "*" in self.events or event.type in self.events
        is_from = ("@accounts" if event.notification.get("context") else "@self") in self.events_from
        return self.enabled and is_chosen and is_from and self.livemode in (None, event.notification.get("livemode"))
