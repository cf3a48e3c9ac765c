"""How does the stand-in serve synthetic data? In a process of its own, without storing the objects."""

import argparse
import json
import threading
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from dev.benchmarks.reconcile.synthetic_data import SUBSCRIPTION, SyntheticSubscriptions, body_of, number_of
from dev.benchmarks.server_process import KEY, Served, serve, started
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.faults import ApiFault
from dev.fake_stripe.api.paging import page_v2
from dev.fake_stripe.api.protocol import Answer, ApiError, Request, check_version
from dev.fake_stripe.api.server import StandInServer

LIST = SUBSCRIPTION.listings[0].url
COUNTS = "/_bench/counts"


class SyntheticServer(StandInServer):
    """The stand-in, which also answers the list of synthetic subscriptions and each subscription."""

    def __init__(self, count: int) -> None:
        super().__init__(Backend([KEY]))
        self.subscriptions = SyntheticSubscriptions(count)
        self.lists = 0
        self.gets: dict[str, int] = {}
        self._lock = threading.Lock()

    def respond(self, request: Request) -> tuple[Answer, ApiFault | None]:
        if request.path == COUNTS:
            return Answer(200, {"lists": self.lists, "gets": self.gets}), None
        if request.path != LIST and not request.path.startswith(f"{LIST}/"):
            return super().respond(request)
        if request.api_key != KEY:
            return ApiError(401, "Invalid API Key provided.", code="invalid_api_key").answer(v1=False), None
        try:
            check_version(request)
            body = self._page(request) if request.path == LIST else self._one(request.path.rpartition("/")[2])
            return Answer(200, body), None
        except ApiError as error:
            return error.answer(v1=False), None

    def _page(self, request: Request) -> dict[str, object]:
        unknown = request.params.names - {"limit", "page"}
        if unknown:
            raise ApiError(400, f"Not accepted: {min(unknown)}", code="invalid_parameter")
        with self._lock:
            self.lists += 1
        return page_v2(request, self.subscriptions, 20, lambda body: body)

    def _one(self, identifier: str) -> dict[str, object]:
        with self._lock:
            self.gets[identifier] = self.gets.get(identifier, 0) + 1
        number = number_of(identifier)
        if number is None or number >= len(self.subscriptions):
            raise ApiError(404, f"No such object: '{identifier}'", code="not_found")
        return dict(body_of(number))


def serving(count: int) -> AbstractContextManager[Served]:
    """A server while a block runs."""
    return started("dev.benchmarks.reconcile.synthetic_server", count)


def counts(api_base: str) -> dict[str, Any]:
    """Pages served so far, and fetches by id."""
    with urllib.request.urlopen(f"{api_base}{COUNTS}", timeout=10) as answer:  # noqa: S310
        gets: dict[str, Any] = json.load(answer)
    return gets


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.benchmarks.reconcile.synthetic_server", description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("state", type=Path, help="file for the address")
    options = parser.parse_args()
    serve(SyntheticServer(options.count), options.state)


if __name__ == "__main__":
    main()
