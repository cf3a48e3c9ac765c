"""The stand-in as a separate process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.fake_stripe.harness import Wire

ROOT = Path(__file__).parents[2]


def test_it_prints_its_address_and_key_and_ends_on_sigterm(tmp_path: Path) -> None:
    state_file = tmp_path / "stand-in.json"
    command = [sys.executable, "-m", "dev.fake_stripe", "--state-file", str(state_file)]
    with subprocess.Popen([*command, "--account", "acct_1"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            printed = json.loads(process.stdout.readline())
            state = json.loads(state_file.read_text())
            assert printed == state
            assert state["pid"] == process.pid
            wire = Wire(state["api_base"])
            assert wire.get("/v2/core/events", key=state["api_key"], Stripe_Context="acct_1").status == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
