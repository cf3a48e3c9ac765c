"""Which faults does a soak inject? Stripe fails, and the process function is killed at random."""

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from dev.fake_stripe.client import StandIn
from dev.fake_stripe.types.object_types import Body

SHORTEST_LIFE = 1.0
"""Seconds: the shortest time between two kills."""


def all_faults(seed: int) -> Body:
    """Settings of the stand-in: about every eighth request fails; every fifth event is repeated, late or reordered.

    The product promises to survive these faults without reconcile: no event is lost for good, and a GET reflects the
    change that its event announced.
    """
    return {
        "seed": seed,
        "duplicate": {"probability": 0.05, "copies": 3},
        "delay": {"probability": 0.05, "seconds": [0.5, 8.0]},
        "reorder": {"probability": 0.1, "window": 4},
        "lost_answer": {"probability": 0.03},
        "api": [
            {"status": 429, "reason": "endpoint-rate", "probability": 0.02},
            {"status": 409, "probability": 0.01},
            {"status": 500, "probability": 0.02},
            {"status": "503html", "probability": 0.01},
            {"slow": 1.0, "probability": 0.02},
            {"slow": 12.0, "probability": 0.003},  # longer than the functions' timeout
            {"body": "truncated", "probability": 0.01},
            {"body": "cut_json", "probability": 0.01},
            {"body": "garbled", "probability": 0.01},
            {"body": "foreign", "probability": 0.01},
            {"body": "reset", "probability": 0.01},
        ],
        "stale_lists": {"seconds": 2.0, "path_prefix": "/v2/"},
    }


@contextlib.contextmanager
def failing_stripe(stripe: StandIn, seed: int) -> Iterator[None]:
    """Makes Stripe fail while the block runs."""
    stripe.faults(**all_faults(seed))
    try:
        yield
    finally:
        stripe.clear_faults()


class Killer:
    """Kills processes of a function at random while the block runs; the emulator starts new processes."""

    def __init__(self, directory: Path, function: str, *, every: float, seed: int) -> None:
        """``directory`` is the sandbox's. ``every`` is the mean time between kills in seconds; 0: no kills."""
        self.kills = 0
        self._directory = directory
        self._function = function
        self._every = every
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._kill_on, daemon=True)

    def __enter__(self) -> "Killer":
        if self._every:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._every:
            self._thread.join()

    def _kill_on(self) -> None:
        while not self._over.wait(max(SHORTEST_LIFE, self._rng.expovariate(1 / self._every))):
            processes = processes_of(self._function, self._directory)
            if processes:
                with contextlib.suppress(ProcessLookupError):  # the process may have ended by itself
                    os.kill(self._rng.choice(processes), signal.SIGKILL)
                    self.kills += 1


def processes_of(function: str, directory: Path) -> list[int]:
    """The ids of the processes that run a function in the sandbox of a directory.

    The emulator starts each process in a folder that has the function's name. The name alone is not enough: every
    sandbox has a function of that name.
    """
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,args="],  # noqa: S607 - wherever the system has it
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    processes = (line.split(maxsplit=1) for line in listed.splitlines())
    prefix = f"{directory / 'aws' / 'tmp'}/ministack-lambda-{function}-"
    return sorted(int(pid) for pid, command in processes if prefix in command)
