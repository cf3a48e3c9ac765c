"""How does a user start and end a sandbox? `python -m dev.sandbox up`, `python -m dev.sandbox down`."""

import contextlib
import dataclasses
import getpass
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from dev.sandbox import child_process
from dev.sandbox.child_process import interrupt_on_sigterm
from dev.sandbox.demo.scenario import Scenario
from dev.sandbox.deploy import Stripe
from dev.sandbox.ministack import REGION, MiniStack
from dev.sandbox.observer import Observer
from dev.sandbox.own_account import how_to_listen, own_test_account
from dev.sandbox.stack import Sandbox, start, stripe_from
from dev.sandbox.toolchain import ROOT, SetupError, locked

DIRECTORY = ROOT / ".sandbox"
_ENDPOINTS = DIRECTORY / "endpoints.json"
_PROCESSES = DIRECTORY / "processes.json"


def up() -> None:
    if _running_emulator() is not None:
        _require_same_stripe(_stripe())
        print(f"The sandbox is up already; see {_shown(_ENDPOINTS)}. `make sandbox-down` ends it.")
        return
    _end_processes()  # a stand-in may have outlived its emulator
    started = time.monotonic()
    with contextlib.ExitStack() as ending:
        sandbox = start(DIRECTORY, ending, stripe=_stripe(), detached=True, report_progress=_say)
        save(sandbox, DIRECTORY)
        ending.pop_all()
    if sandbox.stand_in_pid is not None:
        fill(sandbox)
    who = "Stripe" if sandbox.stand_in_pid is None else "Stripe's stand-in"
    _say(f"Ready after {time.monotonic() - started:.0f} s. {who} is at {sandbox.endpoints.stripe_api_base}")
    _say(f"Webhooks go to {sandbox.endpoints.webhook_url}")
    if os.environ.get("STRIPE") == "test":
        for line in how_to_listen(sandbox.endpoints.webhook_url):
            _say(line)
    _say("To point the AWS CLI and boto3 at it:")
    _say(f"  export AWS_ENDPOINT_URL={sandbox.endpoints.aws_endpoint} AWS_DEFAULT_REGION={REGION}")
    _say("  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test")
    _say(f"All addresses are in {_shown(_ENDPOINTS)}; docs/sandbox.md has things to try. `make sandbox-down` ends it.")


def _stripe() -> Stripe | None:
    """The Stripe that the user wants, or None for a stand-in."""
    if os.environ.get("STRIPE") == "test":
        return own_test_account(os.environ, getpass.getpass)
    return stripe_from(os.environ)


def _require_same_stripe(wanted: Stripe | None) -> None:
    """Raises an error if the running sandbox uses another Stripe than wanted, or its stand-in has died."""
    stand_in = json.loads(_PROCESSES.read_text())["stand_in"]
    used = stand_in["api_base"]
    if wanted is not None and wanted.api_base != used:
        raise SetupError(f"A sandbox is up that uses the Stripe at {used}. End it first: `make sandbox-down`.")
    if wanted is None and stand_in["pid"] is None:
        raise SetupError(
            f"A sandbox is up that uses the Stripe at {used}, no stand-in. End it first: `make sandbox-down`."
        )
    if wanted is None and not _anything_answers(used):
        raise SetupError("The sandbox's stand-in for Stripe has died. End the sandbox first: `make sandbox-down`.")


def down() -> None:
    if not _PROCESSES.exists():
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        print("No sandbox is running.")
        return
    _end_processes()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    print("The sandbox has ended and its data is deleted.")


def fill(sandbox: Sandbox) -> None:
    """Has the demo's company after a month at the stand-in, and a run of reconcile, which a healthy mirror needs."""
    _say("Setting up a company at Stripe's stand-in ...")
    observer = Observer(sandbox.endpoints)
    company = Scenario(observer.stripe)
    company.set_up()
    company.change_for_a_month()
    company.leave_an_invoice_unpaid(time.time())
    observer.wait_until_equal()
    _say("Comparing the table with Stripe's stand-in (reconcile) ...")
    observer.tick()


def save(sandbox: Sandbox, directory: Path) -> None:
    """Writes down where the parts of a sandbox are."""
    processes = {
        "emulator": dataclasses.asdict(sandbox.emulator),
        "stand_in": {"api_base": sandbox.endpoints.stripe_api_base, "pid": sandbox.stand_in_pid},
    }
    (directory / _PROCESSES.name).write_text(json.dumps(processes, indent=2))
    known = {**dataclasses.asdict(sandbox.endpoints), "api_key": sandbox.api_key}
    (directory / _ENDPOINTS.name).write_text(json.dumps(known, indent=2) + "\n")


def _end_processes() -> None:
    """Ends only processes that still answer: after a reboot a process id may belong to another program."""
    if (emulator := _running_emulator()) is not None:
        child_process.stop(emulator.pid)
    if _PROCESSES.exists():
        stand_in = json.loads(_PROCESSES.read_text())["stand_in"]
        if stand_in["pid"] is not None and _anything_answers(stand_in["api_base"]):
            child_process.stop(stand_in["pid"])


def _running_emulator() -> MiniStack | None:
    if not _PROCESSES.exists():
        return None
    emulator = MiniStack(**json.loads(_PROCESSES.read_text())["emulator"])
    return emulator if emulator.answers() else None


def _anything_answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def main(arguments: list[str]) -> int:
    commands = {"up": up, "down": down}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("Usage: python -m dev.sandbox up | down")
        return 2
    interrupt_on_sigterm()
    try:
        with locked(ROOT / "build" / "sandbox.lock"):
            commands[arguments[0]]()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
