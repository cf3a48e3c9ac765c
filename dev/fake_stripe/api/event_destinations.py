"""Where does the account send its events? https://docs.stripe.com/api/v2/core/event_destinations

The form of parameters and answers is that of the classes of Stripe's Python library.
"""

from collections.abc import Mapping
from dataclasses import replace

from dev.fake_stripe.events.destination import Destination
from dev.fake_stripe.events.event import as_fetched, ping_event
from dev.fake_stripe.types.object_types import Body

from .object_routes import Call
from .paging import page_v2
from .protocol import ApiError, not_found, random_text

URL, SECRET = "webhook_endpoint.url", "webhook_endpoint.signing_secret"
"""Shown on request only; the secret by the call that creates it only."""
OBJECT = "v2.core.event_destination"
_CREATED_BY = frozenset(
    {
        "amazon_eventbridge",
        "description",
        "enabled_events",
        "event_payload",
        "events_from",
        "include",
        "metadata",
        "name",
        "type",
        "webhook_endpoint",
    }
)
_SOURCES = frozenset({"@self", "@accounts", "@organization_members", "@organization_members/@accounts"})
_UPDATED_BY = frozenset({"description", "enabled_events", "include", "metadata", "name", "webhook_endpoint"})


def list_event_destinations(call: Call) -> Body:
    """A page of the destinations, newest first."""
    included = call.request.params.lists.get("include", [])
    _check_included(included, {URL})
    found = [(number, one) for number, one in enumerate(call.backend.deliveries.destinations) if _is_of(call, one)]
    return page_v2(call.request, found[::-1], 20, lambda destination: _shown(call, destination, included))


def get_event_destination(call: Call) -> Body:
    included = call.request.params.lists.get("include", [])
    _check_included(included, {URL})
    return _shown(call, _find(call), included)


def create_event_destination(call: Call) -> Body:
    given = call.request.json
    _check_known(given, _CREATED_BY, required=("enabled_events", "event_payload", "name", "type"))
    _check_included(given.get("include", []), {URL, SECRET})
    _check_events(call, given)
    created = _of_kind(call, given)
    call.backend.deliveries.destinations.append(created)
    return _shown(call, created, given.get("include", []))


def update_event_destination(call: Call) -> Body:
    given, old = call.request.json, _find(call)
    _check_known(given, _UPDATED_BY)
    _check_included(given.get("include", []), {URL})
    _check_events(call, given)
    changed = replace(
        old,
        url=_url(given) if "webhook_endpoint" in given else old.url,
        events=tuple(given.get("enabled_events", old.events)),
        name=given.get("name", old.name),
        metadata=old.metadata | given.get("metadata", {}),
        selective=True,
    )
    return _replaced(call, old, changed, given.get("include", []))


def enable_event_destination(call: Call) -> Body:
    old = _find(call)
    return _replaced(call, old, replace(old, enabled=True, selective=True))


def disable_event_destination(call: Call) -> Body:
    old = _find(call)
    return _replaced(call, old, replace(old, enabled=False, selective=True))


def delete_event_destination(call: Call) -> Body:
    old = _find(call)
    call.backend.deliveries.destinations.remove(old)
    return {"id": old.id, "object": OBJECT}


def ping_event_destination(call: Call) -> Body:
    """Sends a ping to this destination alone, and answers with the event."""
    destination = _find(call)
    event = ping_event(destination.id, livemode=call.account.livemode)
    call.account.events[event.id] = event
    call.backend.deliveries.send_to(destination, event)
    return as_fetched(event, call.settings)


def _of_kind(call: Call, given: Body) -> Destination:
    common = {
        "payload": given["event_payload"],
        "events": tuple(given["enabled_events"]),
        "events_from": tuple(given.get("events_from", ["@self"])),
        "livemode": call.account.livemode,
        "selective": True,
        "name": given["name"],
        "metadata": given.get("metadata", {}),
    }
    if given["event_payload"] not in ("snapshot", "thin"):
        raise _invalid("event_payload")
    if not common["events_from"] or not _SOURCES.issuperset(common["events_from"]):
        raise _invalid("events_from")
    if given["type"] == "webhook_endpoint":
        return Destination(_url(given), (f"whsec_{random_text(32)}",), **common)
    if given["type"] == "amazon_eventbridge" and given.get("amazon_eventbridge", {}).keys() == {
        "aws_account_id",
        "aws_region",
    }:
        return Destination("", (), aws=given["amazon_eventbridge"], **common)
    raise _invalid("type")


def _url(given: Body) -> str:
    url = given.get("webhook_endpoint", {}).get("url", "")
    if not url.startswith(("http://", "https://")):
        raise _invalid("webhook_endpoint[url]")
    return str(url)


def _check_known(given: Body, known: frozenset[str], required: tuple[str, ...] = ()) -> None:
    wrong = sorted(given.keys() - known) or [name for name in required if not given.get(name)]
    if wrong:
        raise _invalid(wrong[0])


def _check_included(included: list[str], known: set[str]) -> None:
    if unknown := set(included) - known:
        raise ApiError(400, f"include: {URL} only", code="invalid_parameter", param=f"include: {min(unknown)}")


def _check_events(call: Call, given: Body) -> None:
    """The error with which Stripe refuses an event type is not published."""
    refused = call.settings["refused_event_types"]
    if refused and any(name.startswith(refused) for name in given.get("enabled_events", [])):
        message = f"Unknown event type: {refused}"
        raise ApiError(400, message, code="invalid_parameter", param="enabled_events")


def _invalid(name: str) -> ApiError:
    return ApiError(400, f"Not accepted: {name}", code="invalid_parameter", param=name)


def _is_of(call: Call, destination: Destination) -> bool:
    return destination.livemode in (None, call.account.livemode)


def _find(call: Call) -> Destination:
    found = (one for one in call.backend.deliveries.destinations if one.id == call.id and _is_of(call, one))
    destination = next(found, None)
    if destination is None:
        raise not_found("not_found", "event destination", call.id)
    return destination


def _replaced(call: Call, old: Destination, new: Destination, included: list[str] | None = None) -> Body:
    known = call.backend.deliveries.destinations
    known[known.index(old)] = new
    return _shown(call, new, included or [])


def _shown(call: Call, destination: Destination, included: list[str]) -> Body:
    return {
        "id": destination.id,
        "object": OBJECT,
        "created": destination.created,
        "enabled_events": list(destination.events),
        "event_payload": "snapshot" if destination.payload == "snapshot" else "thin",
        "events_from": list(destination.events_from),
        "livemode": call.account.livemode,
        "metadata": dict(destination.metadata),
        "name": destination.name,
        "status": "enabled" if destination.enabled else "disabled",
        **_kind(destination, included),
    }


def _kind(destination: Destination, included: list[str]) -> Mapping[str, object]:
    if destination.aws is None:
        secret = destination.secrets[0] if SECRET in included else None
        endpoint = {"url": destination.url if URL in included else None, "signing_secret": secret}
        return {"type": "webhook_endpoint", "webhook_endpoint": endpoint}
    region = destination.aws["aws_region"]
    bridge = {
        "aws_account_id": destination.aws["aws_account_id"],
        "aws_event_source_arn": f"arn:aws:events:{region}::event-source/aws.partner/stripe.com/{destination.id}",
        "aws_event_source_status": "pending",
    }
    return {"type": "amazon_eventbridge", "amazon_eventbridge": bridge}
