"""Where does the account send its events? https://docs.stripe.com/api/v2/core/event_destinations"""

from dev.fake_stripe.events.delivery import Destination
from dev.fake_stripe.types.object_types import Body

from .object_routes import Call
from .paging import page_v2
from .protocol import ApiError

_URL = "webhook_endpoint.url"
"""Shown on request only."""


def list_event_destinations(call: Call) -> Body:
    """A page of the destinations that the control calls have set."""
    included = call.request.params.lists.get("include", [])
    if unknown := set(included) - {_URL}:
        raise ApiError(400, f"include: {_URL} only", code="invalid_parameter", param=f"include: {min(unknown)}")
    found = list(enumerate(call.backend.deliveries.destinations))
    return page_v2(call.request, found, 20, lambda destination: _shown(destination, with_url=_URL in included))


def _shown(destination: Destination, *, with_url: bool) -> Body:
    return {
        "id": f"ed_test_{abs(hash(destination.url)):x}",
        "object": "v2.core.event_destination",
        "enabled_events": list(destination.events),
        "event_payload": "snapshot" if destination.payload == "snapshot" else "thin",
        "livemode": False,
        "name": "Billing Mirror",
        "status": "enabled" if destination.enabled else "disabled",
        "type": "webhook_endpoint",
        "webhook_endpoint": {"url": destination.url if with_url else None},
    }
