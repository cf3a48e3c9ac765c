"""How does a benchmark run a stand-in? In a process of its own: its processor time and locks are not the client's."""

import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.fake_stripe.api.server import StandInServer
from dev.sandbox import child_process
from dev.sandbox.toolchain import ROOT, SetupError, child_environment

KEY = "rk_test_benchmark"
"""The one key that the servers accept."""
_SECONDS = 20.0
"""For a server to start."""


@dataclass(frozen=True)
class Served:
    """The address of a server, and its process."""

    api_base: str
    pid: int


@contextlib.contextmanager
def started(module: str, argument: object) -> Iterator[Served]:
    """A server while the block runs, which ends with this process: ``python -m MODULE ARGUMENT FILE-FOR-THE-ADDRESS``.

    Raises :class:`SetupError` where it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="billing-mirror-bench-") as folder:
        state, log = Path(folder) / "state.json", Path(folder) / "server.log"
        process = child_process.start(
            [sys.executable, "-m", "dev.sandbox.child_process", module, str(argument), str(state)],
            log=log,
            environ=child_environment() | {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}"},
            directory=ROOT,
            detached=False,
        )
        try:
            yield Served(_address(module, state, log), process.pid)
        finally:
            child_process.stop(process.pid)


def serve(server: StandInServer, state: Path) -> None:
    """Serves until a signal, and writes the address into a file: what the started process does."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.write_text(json.dumps({"api_base": server.api_base}))
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


def _address(module: str, state: Path, log: Path) -> str:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(state.read_text())["api_base"])
        time.sleep(0.02)
    raise SetupError(f"{module} did not start: {log.read_text()[-500:]}")
