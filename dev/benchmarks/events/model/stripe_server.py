"""What did Stripe have to answer? The stand-in in a process of its own, which takes its time and counts by cause."""

import argparse
import contextlib
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

from dev.benchmarks.server_process import KEY, serve, started
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.control import PREFIX
from dev.fake_stripe.api.encoding import dumps
from dev.fake_stripe.api.faults import ApiFault
from dev.fake_stripe.api.protocol import Answer, Request
from dev.fake_stripe.api.routes import find_route
from dev.fake_stripe.api.server import StandInServer

REQUESTS = "/_bench/requests"

CAUSES = ("object", "event lookup", "member list", "sub-list", "reference", "second look", "other")
"""Why a request was made, as far as Stripe can tell:

*object* shows a state that the client has not seen, of an object that an event has named; *reference* is the same of an
object that no event has named; *member list* and *sub-list* show a page that it has not seen. *second look* shows what
it has seen: an object in the same state, or the same page of a list.
"""


class RecordingServer(StandInServer):
    """The stand-in, with an answer time and with counts by cause and by status."""

    def __init__(self, answer_seconds: float) -> None:
        super().__init__(Backend([KEY]))
        self._answer_seconds = answer_seconds
        self._causes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._shown: set[str] = set()
        self._announced: set[str] = set()
        self._events_seen: Counter[int] = Counter()
        self._recording = threading.Lock()

    def respond(self, request: Request) -> tuple[Answer, ApiFault | None]:
        if request.path == REQUESTS:
            return Answer(200, self._drained()), None
        time.sleep(self._answer_seconds / 2)  # half of the time on the way there, half on the way back
        answer, fault = super().respond(request)
        if not request.path.startswith(PREFIX):
            self._record(request, answer)
        time.sleep(self._answer_seconds / 2)
        return answer, fault

    def _drained(self) -> dict[str, dict[str, int]]:
        with self._recording:
            counts = {"causes": dict(self._causes), "statuses": dict(self._statuses)}
            self._causes.clear()
            self._statuses.clear()
        return counts

    def _record(self, request: Request, answer: Answer) -> None:
        with self._recording:
            self._statuses[str(answer.status)] += 1
            is_refused = answer.status == 429 or answer.status >= 500
            self._causes["refused" if is_refused else self._cause(request, answer)] += 1

    def _cause(self, request: Request, answer: Answer) -> str:
        found = find_route(request)
        if found is None or request.path == "/v1/account":
            return "other"
        path = found[0].path
        if path == "/v2/core/events/{id}":
            return "event lookup"
        state = sha256(f"{request.path} {request.query} {dumps(answer.body)}".encode()).hexdigest()
        if state in self._shown:
            return "second look"
        self._shown.add(state)
        if not path.endswith("}"):
            return "sub-list" if request.is_v1 else "member list"
        return "object" if self._is_announced(request.path.rpartition("/")[2]) else "reference"

    def _is_announced(self, identifier: str) -> bool:
        with self.backend.lock:
            for number, account in enumerate(self.backend.accounts.values()):
                new = islice(account.events.values(), self._events_seen[number], None)
                self._announced.update(event.object_id for event in new)
                self._events_seen[number] = len(account.events)
        return identifier in self._announced


@contextlib.contextmanager
def serving(answer_seconds: float) -> Iterator[str]:
    """The address of a server while the block runs."""
    with started("dev.benchmarks.events.model.stripe_server", answer_seconds) as served:
        yield served.api_base


def drain(api_base: str) -> dict[str, dict[str, int]]:
    """Requests since the last drain, as ``causes`` and as ``statuses``."""
    with urllib.request.urlopen(f"{api_base}{REQUESTS}", timeout=30) as answer:  # noqa: S310
        counts: dict[str, dict[str, int]] = json.load(answer)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.benchmarks.events.model.stripe_server", description=__doc__)
    parser.add_argument("answer_seconds", type=float)
    parser.add_argument("state", type=Path, help="file for the address")
    options = parser.parse_args()
    serve(RecordingServer(options.answer_seconds), options.state)


if __name__ == "__main__":
    main()
