"""Under every fault and in every order of tasks, the mirror ends equal to Stripe."""

import os
import subprocess
import sys

import pytest

from billing_mirror.core.stripe_api.budget import Limits
from tests.doubles.clock import ManualClock
from tests.doubles.state_store import MemoryStateStore
from tests.template_file import ROOT

from .environment import TEST
from .faults import LOSING, Consequence, Fault
from .request_budget import RequestBudget
from .schedule import Schedule

SEEDS = 2000
CHUNK = 50
FROM = int(os.environ.get("SIMULATE_FROM", "0"))
"""The same seeds each time by default, so that a failure is due to a change. ``make simulate`` runs other seeds."""


@pytest.mark.parametrize("chunk", range(SEEDS // CHUNK))
def test_the_mirror_ends_equal_to_stripe(chunk: int) -> None:
    first = FROM + chunk * CHUNK
    for seed in range(first, first + CHUNK):
        for losing in (False, True):
            result = Schedule(seed, losing=losing).run()
            assert result.wrong == {}, f"replay it with: make simulate SEEDS=1 FROM={seed}"
            assert losing or LOSING.isdisjoint(result.struck), f"seed {seed} was to lose nothing"


def test_the_tested_seeds_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        # Not to stdout: a process of its own, as xdist starts, has none.
        sys.stderr.write(f" make simulate SEEDS={SEEDS} FROM={FROM} ")
        sys.stderr.flush()


def test_every_fault_and_every_consequence_occurs_in_some_schedule() -> None:
    missing = {*Fault, *Consequence}
    for seed in range(400):
        missing -= Schedule(seed, losing=True).run().struck.keys()
        if not missing:
            break
    assert missing == set()


def digest_of_a_trace(hash_seed: str) -> str:
    code = (
        "import hashlib\nfrom tests.simulation.schedule import Schedule\nsaid = []\n"
        "for seed in range(5): Schedule(seed, losing=True, trace=said.append).run()\n"
        "print(hashlib.sha256('\\n'.join(said).encode()).hexdigest(), len(said))"
    )
    environment = {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", "PATH": os.defpath, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_seed_gives_the_same_order_in_every_process() -> None:
    assert digest_of_a_trace("1") == digest_of_a_trace("2")


def test_an_exceeded_budget_is_detected() -> None:
    clock = ManualClock()
    limits = Limits(2.0, 2.0, 1.0)
    budget = RequestBudget(MemoryStateStore(), TEST, clock, limits, containers=1, of_reconcile=False)
    budget.request_times = [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]
    assert budget.was_kept()
    budget.request_times = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert not budget.was_kept()
