"""How does Python code make the stand-in's control calls?"""

from collections.abc import Sequence
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from .api.encoding import dumps, exact
from .types.object_types import Body


class ControlError(Exception):
    """The stand-in refused a control call; `code` is Stripe's where a rule of Stripe's refused it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class StandIn:
    """The control calls of a running stand-in. `context` None is the key's own account."""

    def __init__(self, api_base: str) -> None:
        self.api_base = api_base
        self._address = urlsplit(api_base)

    def destination(
        self,
        url: str,
        secrets: Sequence[str],
        payload: str = "thin",
        *,
        events: Sequence[str] = ("*",),
        enabled: bool = True,
    ) -> None:
        """Send notifications to a URL from now on, signed with each secret; payload: `thin`, `snapshot` or `both`.

        The API shows the destination with these `events`, and as `enabled` or not.
        """
        given = {"url": url, "secrets": list(secrets), "payload": payload, "events": list(events), "enabled": enabled}
        self._call("POST", "destinations", given)

    def no_destination(self) -> None:
        """Send notifications nowhere from now on."""
        self._call("DELETE", "destinations")

    def accounts(self, contexts: Sequence[str]) -> None:
        self._call("POST", "accounts", {"contexts": list(contexts)})

    def key(self, key: str, account: str = "", *, read_only: bool = False) -> str:
        """Accept another key, of the shared account or of an account of its own; returns the account's id."""
        given = {"key": key, "account": account, "read_only": read_only}
        return str(self._call("POST", "keys", given)["account"])

    def create(
        self,
        object_type: str,
        fields: Body | None = None,
        *,
        parent: str | None = None,
        context: str | None = None,
        without_event: bool = False,
        livemode: bool | None = None,
    ) -> Body:
        """Create an object; returns GET's answer."""
        given: Body = {"type": object_type, "fields": fields or {}, "without_event": without_event}
        return self._call("POST", "create", given | _given(parent=parent, context=context, livemode=livemode))

    def put(
        self,
        object_type: str,
        body: Body,
        *,
        parent: str | None = None,
        context: str | None = None,
        livemode: bool | None = None,
    ) -> str:
        """Keep a body as it is, without any event; returns its id."""
        given: Body = {"type": object_type, "body": body}
        optional = _given(parent=parent, context=context, livemode=livemode)
        return str(self._call("POST", "put", given | optional)["id"])

    def announce(self, identifier: str, event: str | None = None, *, context: str | None = None) -> str:
        """Send an event about an object that did not change; returns the event's id."""
        given = {"id": identifier} | _given(event=event, context=context)
        return str(self._call("POST", "announce", given)["event_id"])

    def update(self, identifier: str, fields: Body, *, without_event: bool = False, context: str | None = None) -> Body:
        given: Body = {"id": identifier, "fields": fields, "without_event": without_event}
        return self._call("POST", "update", given | _given(context=context))

    def transition(self, identifier: str, to: str, *, without_event: bool = False, context: str | None = None) -> Body:
        given: Body = {"id": identifier, "to": to, "without_event": without_event}
        return self._call("POST", "transition", given | _given(context=context))

    def remove(self, identifier: str, *, without_event: bool = False, context: str | None = None) -> Body:
        return self._call(
            "POST", "remove", {"id": identifier, "without_event": without_event} | _given(context=context)
        )

    def usage(
        self,
        meter: str,
        customer: str,
        value: int | str | Decimal,
        *,
        timestamp: int | None = None,
        context: str | None = None,
    ) -> None:
        """Report usage as a meter event does; now, unless a Unix time is given."""
        given: Body = {"meter": meter, "customer": customer, "value": value}
        self._call("POST", "usage", given | _given(timestamp=timestamp, context=context))

    def meter_error(self, meter: str | None = None, data: Body | None = None, *, context: str | None = None) -> str:
        """Report usage that Stripe could not count, with or without a meter; returns the event's id."""
        given = _given(meter=meter, data=data, context=context)
        return str(self._call("POST", "meter_error", given)["event_id"])

    def emit(self, notification: Body, *, fetchable: bool = False, data: Body | None = None) -> str:
        """Sign and send a notification unchanged; returns its event id."""
        given = {"notification": notification, "fetchable": fetchable, "data": data}
        return str(self._call("POST", "emit", given)["event_id"])

    def ping(self) -> str:
        return str(self._call("POST", "emit", {"ping": True})["event_id"])

    def redeliver(self, event_id: str) -> None:
        self._call("POST", "redeliver", {"event_id": event_id})

    def faults(self, **settings: Any) -> Body:  # noqa: ANN401 - each setting has its own shape
        """Change the settings named; returns all of them."""
        return self._call("POST", "faults", settings)

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def objects(self, object_type: str | None = None) -> list[Body]:
        """The truth: id, type, context, path, removed, and the body of GET's present answer (None: a 404)."""
        query = f"?{urlencode({'type': object_type})}" if object_type else ""
        found: list[Body] = self._call("GET", f"objects{query}")["objects"]
        return found

    def events(self) -> list[Body]:
        """Every event that exists, delivered or not."""
        found: list[Body] = self._call("GET", "events")["events"]
        return found

    def counts(self) -> Body:
        """`events`: how many there are; `faults`: how often each has struck since the start."""
        return self._call("GET", "counts")

    def requests(self) -> Body:
        """`total`, `by_endpoint` and `by_status` of the API calls so far."""
        return self._call("GET", "requests")

    def reset_requests(self) -> None:
        self._call("DELETE", "requests")

    def deliveries(self) -> Body:
        return self._call("GET", "deliveries")

    def forget_deliveries(self) -> None:
        self._call("DELETE", "deliveries")

    def settle(self, timeout: float = 10) -> bool:
        """Wait until no delivery is pending; False after the timeout."""
        return bool(self._call("POST", "settle", {"timeout": timeout})["settled"])

    def _call(self, method: str, name: str, given: Body | None = None) -> Body:
        connection = HTTPConnection(self._address.hostname or "", self._address.port)
        try:
            body = None if given is None else dumps(given).encode()
            connection.request(method, f"/_control/{name}", body)
            response = connection.getresponse()
            answer: Body = exact(response.read())
        finally:
            connection.close()
        if response.status != 200:
            error = answer["error"]
            raise ControlError(response.status, error["code"], error["message"])
        return answer


def _given(**optional: object) -> Body:
    """The arguments that are not None."""
    return {name: value for name, value in optional.items() if value is not None}
