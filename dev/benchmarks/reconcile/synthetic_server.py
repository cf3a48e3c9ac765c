"""How does the stand-in serve synthetic data? In a process of its own, without storing the objects."""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.benchmarks.reconcile.synthetic_data import SUBSCRIPTION, SyntheticSubscriptions, body_of, number_of
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.faults import ApiFault
from dev.fake_stripe.api.paging import page_v2
from dev.fake_stripe.api.protocol import Answer, ApiError, Request, check_version
from dev.fake_stripe.api.server import StandInServer
from dev.sandbox import child_process
from dev.sandbox.toolchain import ROOT, SetupError, child_environment

KEY = "rk_test_benchmark"
LIST = SUBSCRIPTION.listings[0].url
COUNTS = "/_bench/counts"
_SECONDS = 20.0


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


@dataclass(frozen=True)
class Served:
    """The address of a synthetic server."""

    api_base: str
    pid: int


@contextlib.contextmanager
def serving(count: int) -> Iterator[Served]:
    """A server while the block runs; it ends with this process."""
    with tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder:
        state, log = Path(folder) / "state.json", Path(folder) / "server.log"
        process = child_process.start(
            [
                sys.executable,
                "-m",
                "dev.sandbox.child_process",
                "dev.benchmarks.reconcile.synthetic_server",
                str(count),
                str(state),
            ],
            log=log,
            environ=child_environment() | {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}"},
            directory=ROOT,
            detached=False,
        )
        try:
            yield Served(_address(state, log), process.pid)
        finally:
            child_process.stop(process.pid)


def _address(state: Path, log: Path) -> str:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(state.read_text())["api_base"])
        time.sleep(0.02)
    raise SetupError(f"The synthetic server did not start: {log.read_text()[-500:]}")


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
    with SyntheticServer(options.count) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options.state.write_text(json.dumps({"api_base": server.api_base}))
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
