"""Events about one object, and the object that they are found to be about."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from billing_mirror.core.events.messages import Notification, RelatedObject
from billing_mirror.core.events.related_object import ref_from_event
from billing_mirror.core.object_ref import ObjectRef, Scope

SUBSCRIPTION = "v2.billing.rate_card_subscription"
RATE = "v2.billing.rate_card_rate"
CADENCE = "v2.billing.cadence"
UNKNOWN = "v2.money.thing"
LIVE = Scope(livemode=True)
IDS = st.from_regex(r"[A-Za-z0-9_.~-]{1,60}", fullmatch=True).filter(lambda text: text.strip("."))


def event(
    related: RelatedObject | None,
    *,
    name: str = "v2.some.event",
    context: str | None = None,
    livemode: bool = True,
) -> Notification:
    return Notification(
        id="evt_1",
        type=name,
        created=datetime(2025, 1, 1, tzinfo=UTC),
        livemode=livemode,
        context=context,
        related_object=related,
    )


def about(type_name: str, object_id: str, url: str) -> ObjectRef:
    found = ref_from_event(event(RelatedObject(id=object_id, type=type_name, url=url)))
    assert isinstance(found, ObjectRef)
    return found


def ref_of(related: RelatedObject, name: str = "v1.some.event") -> ObjectRef:
    """The object that an event about this one is about."""
    found = ref_from_event(event(related, name=name))
    assert isinstance(found, ObjectRef)
    return found
