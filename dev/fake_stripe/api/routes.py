"""Which operation does a request name, and what is the answer?"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from dev.fake_stripe.account.backend import ORGANIZATION_KEYS, OWN_ACCOUNT, Backend
from dev.fake_stripe.account.state import Account
from dev.fake_stripe.events.event import as_fetched
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import Body

from . import event_destinations as destinations
from .faults import ERRORS, ApiFault, refuse_fields
from .object_routes import Call, object_routes
from .paging import page_v2
from .protocol import Answer, ApiError, Request, check_version, created_bounds, instant_of, not_found, now, within

MOST_EVENT_TYPES = 20
"""Event types that one list of events can be filtered by."""


@dataclass(frozen=True)
class Route:
    path: str
    """With placeholders, as Stripe names an endpoint."""
    handle: Callable[[Call], Body]
    method: str = "GET"

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


def _get_event(call: Call) -> Body:
    event = call.account.events.get(call.path_ids["id"])
    if event is None or event.created < _oldest(call):
        raise not_found("not_found", "event", call.path_ids["id"])
    return as_fetched(event, call.backend.faults.settings)


def _list_events(call: Call) -> Body:
    params = call.request.params
    unknown = params.names - {"created", "limit", "object_id", "types", "page"}
    types = params.lists.get("types", [])
    if unknown or len(types) > MOST_EVENT_TYPES:
        name = min(unknown, default="types")
        raise ApiError(400, f"Not accepted: {name}", code="invalid_parameter", param=name)
    bounds = created_bounds(params, instant_of)
    object_id = params.texts.get("object_id")
    oldest = _oldest(call)
    found = [
        (position, event)
        for position, event in reversed(list(enumerate(call.account.events.values())))
        if (not types or event.type in types)
        and object_id in (None, event.object_id)
        and event.created >= oldest
        and within(event.created, bounds)
    ]
    return page_v2(call.request, found, 20, lambda event: as_fetched(event, call.backend.faults.settings))


def _oldest(call: Call) -> datetime:
    kept = timedelta(seconds=call.backend.faults.settings["event_retention_seconds"])
    return now() - kept


def _get_own_account(call: Call) -> Body:
    return {"id": call.account.context or OWN_ACCOUNT, "object": "account"}


_DESTINATIONS = "/v2/core/event_destinations"
ROUTES = (
    Route("/v1/account", _get_own_account),
    Route(_DESTINATIONS, destinations.list_event_destinations),
    Route(_DESTINATIONS, destinations.create_event_destination, "POST"),
    Route(f"{_DESTINATIONS}/{{id}}", destinations.get_event_destination),
    Route(f"{_DESTINATIONS}/{{id}}", destinations.update_event_destination, "POST"),
    Route(f"{_DESTINATIONS}/{{id}}", destinations.delete_event_destination, "DELETE"),
    Route(f"{_DESTINATIONS}/{{id}}/enable", destinations.enable_event_destination, "POST"),
    Route(f"{_DESTINATIONS}/{{id}}/disable", destinations.disable_event_destination, "POST"),
    Route(f"{_DESTINATIONS}/{{id}}/ping", destinations.ping_event_destination, "POST"),
    Route("/v2/core/events", _list_events),
    Route("/v2/core/events/{id}", _get_event),
    *(Route(path, handle) for object_type in OBJECT_TYPES.values() for path, handle in object_routes(object_type)),
)
PATTERNS = tuple((route.pattern, route) for route in ROUTES)


def find_route(request: Request) -> tuple[Route, dict[str, str]] | None:
    for pattern, route in PATTERNS:
        match = pattern.fullmatch(request.path)
        if match and request.method == route.method:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def respond(backend: Backend, request: Request) -> tuple[Answer, ApiFault | None]:
    """The answer, and the fault to inject while sending it."""
    with backend.lock:
        found = find_route(request)
        operation = f"{request.method} {found[0].path if found else request.path}"
        fault = backend.faults.api_fault(f"{request.path}?{request.query}" if request.query else request.path)
        try:
            answer = Answer(200, _handle(backend, request, operation, found, fault))
        except ApiError as error:
            answer = error.answer(v1=request.is_v1)
        backend.requests[operation, answer.status] += 1
    return answer, fault


def _handle(
    backend: Backend,
    request: Request,
    operation: str,
    found: tuple[Route, dict[str, str]] | None,
    fault: ApiFault | None,
) -> Body:
    error = fault.error() if fault else None
    if error is not None:
        raise error
    account = _authenticate(backend, request)
    if request.method != "GET" and request.api_key in backend.read_only:
        raise ApiError(403, ERRORS[403][2], code="forbidden")
    check_version(request)
    backend.limiter.check(
        f"{account.context}/{account.livemode}",
        operation,
        backend.faults.settings["rate_limit"],
        time.monotonic(),
    )
    if found is None:
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        raise ApiError(404, message, code="" if request.is_v1 else "not_found")
    lists = request.params.lists
    requested = [*lists.get("expand", []), *lists.get("include", [])]
    refuse_fields(backend.faults.settings["refused_fields"], request.path, requested, v1=request.is_v1)
    route, path_ids = found
    if fault and fault.body == "repeated":
        request = request.first_page()
    return route.handle(Call(backend, account, request, path_ids))


def _authenticate(backend: Backend, request: Request) -> Account:
    livemode = backend.keys.get(request.api_key)
    if livemode is None:
        raise ApiError(401, "Invalid API Key provided.", code="" if request.is_v1 else "invalid_api_key")
    if request.api_key.startswith(ORGANIZATION_KEYS) and not request.context:
        raise ApiError(400, "Requests with a key of an organization must have the header Stripe-Context.")
    return backend.account(request.context or backend.owners.get(request.api_key, ""), livemode=livemode)
