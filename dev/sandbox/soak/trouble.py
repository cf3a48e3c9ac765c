"""What goes wrong in a soak: faults of Stripe, and a process function that is killed at random."""

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
"""Seconds between two kills at the least."""


def everything(seed: int) -> Body:
    """Settings of the stand-in under which about every eighth request fails, and every fifth event comes oddly.

    Nothing that the product does not promise to bear without a pass of reconcile: no event is lost for good, and a
    GET shows what its event has told.
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
            {"slow": 12.0, "probability": 0.003},  # longer than the functions wait
            {"body": "truncated", "probability": 0.01},
            {"body": "cut_json", "probability": 0.01},
            {"body": "garbled", "probability": 0.01},
            {"body": "foreign", "probability": 0.01},
            {"body": "reset", "probability": 0.01},
        ],
        "stale_lists": {"seconds": 2.0, "path_prefix": "/v2/"},
    }


@contextlib.contextmanager
def stripe_in_trouble(stripe: StandIn, seed: int) -> Iterator[None]:
    """A failing Stripe for as long as the block runs."""
    stripe.faults(**everything(seed))
    try:
        yield
    finally:
        stripe.clear_faults()


class Killer:
    """Kills a function's processes, one at a time and at random, while the block runs; the emulator makes others."""

    def __init__(self, directory: Path, function: str, *, every: float, seed: int) -> None:
        """``directory`` is the sandbox's own. ``every`` is in seconds, and the mean; 0 kills none."""
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
                with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                    os.kill(self._rng.choice(processes), signal.SIGKILL)
                    self.kills += 1


def processes_of(function: str, directory: Path) -> list[int]:
    """The processes in which the emulator of the sandbox in a directory runs a function.

    Each has a folder with the function's name in the emulator's own. The name alone does not do: it is the same in
    every sandbox.
    """
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,args="],  # noqa: S607 - wherever the system has it
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    object_types = (line.split(maxsplit=1) for line in listed.splitlines())
    folder = f"{directory / 'aws' / 'tmp'}/ministack-lambda-{function}-"
    return sorted(int(pid) for pid, command in object_types if folder in command)
