"""How do notifications reach the webhook endpoint: signatures, retries, injected faults?

As docs.stripe.com/webhooks describes it: one `v1` signature per active secret, a new timestamp and signature
with every attempt, any 2xx is success, redirects are failures. Only the waits are shorter than Stripe's.
"""

import heapq
import http.client
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stripe import WebhookSignature

from dev.fake_stripe.api.encoding import dumps
from dev.fake_stripe.api.faults import Faults
from dev.fake_stripe.types.object_types import Body

from .destination import Destination
from .event import Event, as_sent

WORKERS = 8
FIRST_WAIT = 0.2
"""Seconds before the second attempt; doubles with every further attempt."""
LONGEST_HOLD = 0.5
"""Seconds after which events held back for reordering are sent, even if the window is not full."""
TIMEOUT = 30
LOST = "lost"
"""The outcome of an attempt that succeeded, but whose answer Stripe does not receive."""


@dataclass
class Delivery:
    """One notification for one destination."""

    event: Event
    sent_id: str
    """The id of the event, or of its snapshot."""
    payload: str
    destination: Destination
    faults: list[str] = field(default_factory=list)
    """Names of the fault settings that struck the delivery."""
    outcomes: list[int | str] = field(default_factory=list)
    """Status code of each attempt, or the name of the error."""
    state: str = "pending"


class Deliveries:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.destinations: list[Destination] = []
        self.all: list[Delivery] = []
        self.dropped: list[str] = []
        self._due: list[tuple[float, int, Delivery | None]] = []
        self._held: list[Delivery] = []
        self._open = 0
        self._ticket = itertools.count()
        self._lock = threading.Lock()
        self._work_is_due = threading.Condition(self._lock)
        self._something_ended = threading.Condition(self._lock)
        self._closed = False
        for _ in range(WORKERS):
            threading.Thread(target=self._work, daemon=True).start()

    def send(self, event: Event) -> None:
        """Send an event, with the faults that are set."""
        if self.faults.delivery_fault("drop", event.type):
            self.dropped.append(event.id)
            return
        duplicate = self.faults.delivery_fault("duplicate", event.type)
        delay = self.faults.delivery_fault("delay", event.type)
        reorder = self.faults.delivery_fault("reorder", event.type)
        struck = {"duplicate": duplicate, "delay": delay, "reorder": reorder}
        for delivery in self._make(event, copies=duplicate.copies if duplicate else 1):
            delivery.faults += [name for name, fault in struck.items() if fault]
            if reorder:
                self._hold(delivery, reorder.window)
            else:
                self._put(delivery, self.faults.rng.uniform(*delay.seconds) if delay else 0)

    def send_without_faults(self, event: Event) -> None:
        for delivery in self._make(event, copies=1):
            self._put(delivery, 0)

    def send_to(self, destination: Destination, event: Event) -> None:
        """Send an event to one destination, whatever it is enabled for."""
        for delivery in self._to(destination, event, copies=1) if destination.url else ():
            self._put(delivery, 0)

    def settle(self, timeout: float) -> bool:
        """Wait until no delivery is pending; False after the timeout."""
        with self._lock:
            return self._something_ended.wait_for(lambda: self._open == 0, timeout)

    def report(self) -> Body:
        with self._lock:
            states = Counter(delivery.state for delivery in self.all)
            outcomes = [str(outcome) for delivery in self.all for outcome in delivery.outcomes]
            return {
                "pending": states["pending"],
                "delivered": states["delivered"],
                "failed": states["failed"],
                "attempts": len(outcomes),
                "statuses": dict(Counter(outcomes)),
                "dropped": list(self.dropped),
                "deliveries": [
                    {
                        "event_id": delivery.sent_id,
                        "type": delivery.event.type,
                        "url": delivery.destination.url,
                        "state": delivery.state,
                        "attempts": list(delivery.outcomes),
                        "faults": list(delivery.faults),
                    }
                    for delivery in self.all
                ],
            }

    def forget(self) -> None:
        """Drop the record of deliveries that have ended."""
        with self._lock:
            self.all = [delivery for delivery in self.all if delivery.state == "pending"]
            self.dropped.clear()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._work_is_due.notify_all()

    def _make(self, event: Event, copies: int) -> list[Delivery]:
        wanting = [destination for destination in self.destinations if destination.wants(event)]
        return [delivery for destination in wanting for delivery in self._to(destination, event, copies)]

    def _to(self, destination: Destination, event: Event, copies: int) -> list[Delivery]:
        return [
            Delivery(event, str(payload.get("id")), dumps(payload), destination)
            for payload in self._payloads(event, destination)
            for _ in range(copies)
        ]

    def _payloads(self, event: Event, destination: Destination) -> list[Body]:
        """The payloads for a destination: the thin event, its snapshot, or both; v2 has no snapshots."""
        thin = destination.payload != "snapshot" or event.verbatim
        snapshot = destination.payload != "thin" and event.snapshot is not None
        sent = [as_sent(event, self.faults.settings)] if thin else []
        return sent + ([event.snapshot] if snapshot and event.snapshot else [])

    def _put(self, delivery: Delivery, wait: float) -> None:
        with self._lock:
            self._add(delivery)
            self._schedule(delivery, wait)

    def _add(self, delivery: Delivery) -> None:
        self.all.append(delivery)
        self._open += 1

    def _hold(self, delivery: Delivery, window: int) -> None:
        with self._lock:
            self._add(delivery)
            self._held.append(delivery)
            if len(self._held) >= window:
                self._release()
            elif len(self._held) == 1:
                self._schedule(None, LONGEST_HOLD)

    def _release(self) -> None:
        """Send what is held back, in another order than it came."""
        came = list(self._held)
        self._held.clear()
        order = list(came)
        self.faults.rng.shuffle(order)
        for delivery in order if order != came else reversed(came):
            self._schedule(delivery, 0)

    def _schedule(self, delivery: Delivery | None, wait: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + wait, next(self._ticket), delivery))
        self._work_is_due.notify()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._is_due_or_closed():
                    self._work_is_due.wait(self._wait_time())
                if self._closed:
                    return
                delivery = self._next_delivery()
            if delivery is not None:
                self._attempt(delivery)

    def _is_due_or_closed(self) -> bool:
        return self._closed or bool(self._due and self._due[0][0] <= time.monotonic())

    def _wait_time(self) -> float | None:
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None

    def _next_delivery(self) -> Delivery | None:
        if not self._is_due_or_closed() or not self._due:
            return None
        _, _, delivery = heapq.heappop(self._due)
        if self._due:
            self._work_is_due.notify()  # another worker has to wait for the next delivery
        if delivery is None:
            self._release()
        return delivery

    def _attempt(self, delivery: Delivery) -> None:
        outcome = post(delivery.destination, delivery.payload)
        is_success = isinstance(outcome, int) and 200 <= outcome < 300
        with self._lock:
            if is_success and self.faults.delivery_fault("lost_answer", delivery.event.type):
                outcome, is_success = LOST, False
                delivery.faults.append("lost_answer")
            delivery.outcomes.append(outcome)
            tries = len(delivery.outcomes)
            if is_success:
                self._end(delivery, "delivered")
            elif tries >= self.faults.settings["delivery_tries"]:
                self._end(delivery, "failed")
            else:
                self._schedule(delivery, FIRST_WAIT * 2 ** (tries - 1))

    def _end(self, delivery: Delivery, state: str) -> None:
        delivery.state = state
        self._open -= 1
        self._something_ended.notify_all()


def signature(payload: str, secrets: tuple[str, ...]) -> str:
    """One header with the time and a `v1` signature per secret."""
    now = int(time.time())
    headers = [WebhookSignature.generate_signature_header(payload, secret, now) for secret in secrets]
    return ",".join([f"t={now}", *(header.partition(",")[2] for header in headers)])


def post(destination: Destination, payload: str) -> int | str:
    url = urlsplit(destination.url)
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.hostname or "", url.port, timeout=TIMEOUT)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signature(payload, destination.secrets),
    }
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("POST", target, payload.encode(), headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    else:
        return response.status
    finally:
        connection.close()
