"""Under every fault, and in every order of things that a seed can think of, the mirror ends equal to Stripe."""

import os
import subprocess
import sys

import pytest

from tests.template_file import ROOT

from .faults import LOSING, Consequence, Fault
from .request_budget import RequestBudget
from .schedule import Schedule

SEEDS = 2000
CHUNK = 50
FROM = int(os.environ.get("SIMULATE_FROM", "0"))
"""The same seeds each time, unless somebody names others: what is red is red because of a change. ``make simulate``
tries as many others as there is time for.
"""


@pytest.mark.parametrize("chunk", range(SEEDS // CHUNK))
def test_the_mirror_ends_equal_to_stripe(chunk: int) -> None:
    first = FROM + chunk * CHUNK
    for seed in range(first, first + CHUNK):
        for losing in (False, True):
            result = Schedule(seed, losing=losing).run()
            assert result.wrong == {}, f"replay it with: make simulate SEEDS=1 FROM={seed}"


def test_it_is_told_which_seeds_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        # Not to stdout: a process of its own, as xdist starts, has none.
        sys.stderr.write(f" make simulate SEEDS={SEEDS} FROM={FROM} ")
        sys.stderr.flush()


def test_every_fault_strikes_in_some_schedule_and_does_what_follows() -> None:
    struck = {fault for seed in range(400) for fault in Schedule(seed, losing=True).run().struck}
    assert {*Fault, *Consequence} - struck == set()


def test_where_nothing_may_be_lost_no_fault_that_loses_strikes() -> None:
    struck = {fault for seed in range(60) for fault in Schedule(seed, losing=False).run().struck}
    assert struck & LOSING == set()


def digest_of_a_trace(hash_seed: str) -> str:
    code = (
        "import hashlib\nfrom tests.simulation.schedule import Schedule\nsaid = []\n"
        "for seed in range(5): Schedule(seed, losing=True, trace=said.append).run()\n"
        "print(hashlib.sha256('\\n'.join(said).encode()).hexdigest(), len(said))"
    )
    environment = {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", "PATH": os.defpath, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_seed_is_one_order_of_things_in_every_process() -> None:
    assert digest_of_a_trace("1") == digest_of_a_trace("2")


def test_a_budget_that_was_not_kept_is_noticed() -> None:
    budget = RequestBudget(4.0)
    budget.request_times = [0.0, 0.25, 0.5, 0.75, 1.0]
    assert budget.was_kept()
    budget.request_times = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert not budget.was_kept()
