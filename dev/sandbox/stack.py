"""How does a sandbox (local AWS, stand-in for Stripe, deployed bundle) start and end?"""

import contextlib
import json
import re
import secrets
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.sandbox import child_process, ministack
from dev.sandbox.build import build
from dev.sandbox.deploy import Endpoints, Stripe, deploy
from dev.sandbox.ministack import MiniStack
from dev.sandbox.toolchain import ROOT, SetupError, child_environment

_STAND_IN_SECONDS = 15.0
_NO_RATE_LIMIT = {"StripeRequestsPerSecond": "200", "ReconcileRequestsPerSecond": "100", "MaxConcurrency": "2"}
"""Template parameters for a stand-in: it has no other client, so requests need no rate limit."""


@dataclass(frozen=True)
class Sandbox:
    endpoints: Endpoints
    api_key: str
    emulator: MiniStack
    stand_in_pid: int | None


@contextlib.contextmanager
def running_sandbox(
    directory: Path,
    *,
    stripe: Stripe | None = None,
    parameters: Mapping[str, str] | None = None,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Endpoints]:
    """A sandbox while the block runs. Without `stripe`, a stand-in is started too."""
    with contextlib.ExitStack() as ending:
        yield start(directory, ending, stripe=stripe, parameters=parameters, report_progress=report_progress).endpoints


def stripe_from(environ: Mapping[str, str]) -> Stripe | None:
    """The Stripe that the environment names, or None for a stand-in."""
    if not environ.get("STRIPE_API_BASE"):
        return None
    api_base = environ["STRIPE_API_BASE"].rstrip("/")
    if not re.fullmatch(r"https?://[^/\s]+", api_base):
        raise SetupError(f"STRIPE_API_BASE must be an http or https address without a path, not {api_base!r}.")
    return Stripe(
        api_base=api_base,
        api_key=environ.get("STRIPE_API_KEY") or f"rk_test_{secrets.token_hex(12)}",
        signing_secret=environ.get("STRIPE_SIGNING_SECRET") or _new_signing_secret(),
    )


def start(
    directory: Path,
    ending: contextlib.ExitStack,
    *,
    stripe: Stripe | None = None,
    parameters: Mapping[str, str] | None = None,
    detached: bool = False,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Sandbox:
    """Starts a sandbox; `ending` gets the clean-up of each part as soon as the part exists."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    report_progress("Starting a local AWS (MiniStack) ...")
    emulator = ministack.start(directory / "aws", detached=detached)
    ending.callback(child_process.stop, emulator.pid)
    stand_in_pid = None
    if stripe is None:
        report_progress("Starting a stand-in for Stripe ...")
        stand_in_pid, stripe = _start_stand_in(directory, ending, detached=detached)
        parameters = {**_NO_RATE_LIMIT, **(parameters or {})}
    report_progress("Building the bundle (sam build) ...")
    template = build(directory)
    report_progress("Deploying it (sam deploy) ...")
    endpoints = deploy(emulator.endpoint, template, directory, stripe, parameters)
    if stand_in_pid is not None:
        _register_webhook(endpoints)
    return Sandbox(endpoints, stripe.api_key, emulator, stand_in_pid)


def _start_stand_in(directory: Path, ending: contextlib.ExitStack, *, detached: bool) -> tuple[int, Stripe]:
    state = directory / "stand-in.json"
    log = directory / "stand-in.log"
    process = child_process.start(
        [sys.executable, "-m", "dev.sandbox.child_process", "dev.fake_stripe", "--state-file", str(state)],
        log=log,
        environ=child_environment(),
        directory=ROOT,
        detached=detached,
    )
    ending.callback(child_process.stop, process.pid)
    until = time.monotonic() + _STAND_IN_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            ready = json.loads(state.read_text())
            return process.pid, Stripe(ready["api_base"], ready["api_key"], _new_signing_secret())
        time.sleep(0.02)
    raise SetupError(f"The stand-in for Stripe did not start; its log is {log}.")


def _register_webhook(endpoints: Endpoints) -> None:
    destination = {"url": endpoints.webhook_url, "secrets": [endpoints.signing_secret]}
    request = urllib.request.Request(  # noqa: S310
        f"{endpoints.stripe_api_base}/_control/destinations",
        data=json.dumps(destination).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def _new_signing_secret() -> str:
    return f"whsec_{secrets.token_hex(16)}"
