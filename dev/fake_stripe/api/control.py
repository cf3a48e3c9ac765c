"""Which control calls can a test make? README.md lists the calls under `/_control/` with their JSON."""

from collections import Counter
from collections.abc import Callable, Mapping

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.account.loading import announce, put
from dev.fake_stripe.events.destination import PAYLOADS, Destination
from dev.fake_stripe.events.event import Event, ping_event
from dev.fake_stripe.types.object_types import Body

from .protocol import ApiError, now

PREFIX = "/_control/"
EXACT = frozenset({"create", "update", "put", "usage", "meter_error"})
"""Calls whose numbers keep all of their digits."""


def _destinations(backend: Backend, given: Body) -> Body:
    destination = Destination(
        given["url"],
        tuple(given["secrets"]),
        given.get("payload") or "thin",
        tuple(given.get("events") or ("*",)),
        given.get("enabled", True),
    )
    if not destination.url.startswith(("http://", "https://")) or not destination.secrets:
        raise ApiError(400, "A destination has a URL and at least one secret.", code="invalid_destination")
    if destination.payload not in PAYLOADS:
        raise ApiError(400, f"payload: one of {', '.join(PAYLOADS)}", code="invalid_destination")
    backend.deliveries.destinations = [destination]
    return {"destinations": [destination.url]}


def _no_destinations(backend: Backend, _: Body) -> Body:
    backend.deliveries.destinations = []
    return {"destinations": []}


def _accounts(backend: Backend, given: Body) -> Body:
    for context in given["contexts"]:
        backend.register(context)
    return {"contexts": sorted({context for context, _ in backend.accounts if context})}


def _emit(backend: Backend, given: Body) -> Body:
    if given.get("ping"):
        event, fetchable = ping_event(), True
    else:
        event = Event(
            given["notification"],
            now(),
            data=given.get("data"),
            changes=given.get("changes"),
            verbatim=True,
        )
        fetchable = bool(given.get("fetchable"))
    context = event.notification.get("context") or ""
    backend.publish(event, context=context, fetchable=fetchable)
    return {"event_id": event.id}


def _redeliver(backend: Backend, given: Body) -> Body:
    backend.redeliver(given["event_id"])
    return {"event_id": given["event_id"]}


def _set_faults(backend: Backend, given: Body) -> Body:
    backend.faults.set(given)
    return backend.faults.settings


def _get_faults(backend: Backend, _: Body) -> Body:
    return backend.faults.settings


def _clear_faults(backend: Backend, _: Body) -> Body:
    backend.faults.clear()
    return backend.faults.settings


def _objects(backend: Backend, given: Body) -> Body:
    return {"objects": backend.truth(given.get("type"))}


def _requests(backend: Backend, _: Body) -> Body:
    by_endpoint: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    for (operation, status), count in backend.requests.items():
        by_endpoint[operation] += count
        by_status[str(status)] += count
    return {"total": by_endpoint.total(), "by_endpoint": dict(by_endpoint), "by_status": dict(by_status)}


def _reset_requests(backend: Backend, _: Body) -> Body:
    backend.requests.clear()
    return {"total": 0}


def _events(backend: Backend, _: Body) -> Body:
    """Every event that exists, sent or dropped."""
    return {
        "events": [event.notification for account in backend.accounts.values() for event in account.events.values()]
    }


def _counts(backend: Backend, _: Body) -> Body:
    """How many events there are, and how often each fault has struck."""
    events = sum(len(account.events) for account in backend.accounts.values())
    return {"events": events, "faults": dict(backend.faults.struck)}


def _deliveries(backend: Backend, _: Body) -> Body:
    return backend.deliveries.report()


def _forget_deliveries(backend: Backend, _: Body) -> Body:
    backend.deliveries.forget()
    return backend.deliveries.report()


CALLS: Mapping[tuple[str, str], Callable[[Backend, Body], Body]] = {
    ("POST", "destinations"): _destinations,
    ("DELETE", "destinations"): _no_destinations,
    ("POST", "accounts"): _accounts,
    ("POST", "keys"): Backend.add_key,
    ("POST", "create"): Backend.create,
    ("POST", "update"): Backend.update,
    ("POST", "transition"): Backend.transition,
    ("POST", "remove"): Backend.remove,
    ("POST", "put"): put,
    ("POST", "announce"): announce,
    ("POST", "usage"): Backend.record_usage,
    ("POST", "meter_error"): Backend.report_meter_error,
    ("POST", "emit"): _emit,
    ("POST", "redeliver"): _redeliver,
    ("POST", "faults"): _set_faults,
    ("GET", "faults"): _get_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "objects"): _objects,
    ("GET", "events"): _events,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _reset_requests,
    ("GET", "counts"): _counts,
    ("GET", "deliveries"): _deliveries,
    ("DELETE", "deliveries"): _forget_deliveries,
}


def control(backend: Backend, method: str, path: str, given: Body) -> Body:
    name = path.removeprefix(PREFIX)
    if (method, name) == ("POST", "settle"):
        # Without the lock: the deliveries that this waits for may need the lock.
        settled = backend.deliveries.settle(given.get("timeout", 10))
        return {"settled": settled}
    call = CALLS.get((method, name))
    if call is None:
        raise ApiError(404, f"No such control call: {method} {path}", code="not_found")
    with backend.lock:
        try:
            return call(backend, given)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"{type(error).__name__}: {error}"
            raise ApiError(400, message, code="invalid_control_call") from error
