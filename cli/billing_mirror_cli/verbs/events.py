"""``billing-mirror events``: the event types to choose in Stripe."""

from __future__ import annotations

from ..stack.session import Session
from ..stripe.event_types import event_types
from ..words import count


def events(session: Session) -> None:
    """Print the event types to choose for the event destination in Stripe; needs no stack."""
    names = event_types()
    session.output.value([*names])
    for name in names:
        session.output.line(name)
    session.output.note(f"{count(len(names), 'event type')}; choose thin events")
