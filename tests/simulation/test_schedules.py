"""Under every fault, and in every order of things that a seed can think of, the mirror ends equal to Stripe."""

import os
import subprocess
import sys

import pytest

from tests.template_file import ROOT

from .faults import LOSING, Fault
from .schedule import Schedule

SEEDS = 400
CHUNK = 50


@pytest.mark.parametrize("losing", [False, True], ids=["nothing lost", "something lost, then one pass of reconcile"])
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_mirror_ends_equal_to_stripe(first: int, losing: bool) -> None:
    for seed in range(first, first + CHUNK):
        result = Schedule(seed, losing=losing).run()
        assert result.wrong == {}, f"replay it with: make simulate SEEDS=1 FROM={seed}"


def test_every_fault_strikes_in_some_schedule() -> None:
    struck = {fault for seed in range(60) for fault in Schedule(seed, losing=True).run().struck}
    assert struck == set(Fault)


def test_where_nothing_may_be_lost_no_fault_that_loses_strikes() -> None:
    struck = {fault for seed in range(30) for fault in Schedule(seed, losing=False).run().struck}
    assert struck & LOSING == set()


def digest_of_a_trace(hash_seed: str) -> str:
    code = (
        "import hashlib\nfrom tests.simulation.schedule import Schedule\nsaid = []\n"
        "Schedule(7, losing=True, trace=said.append).run()\n"
        "print(hashlib.sha256('\\n'.join(said).encode()).hexdigest(), len(said))"
    )
    environment = {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", "PATH": os.defpath, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_seed_is_one_order_of_things_in_every_process() -> None:
    assert digest_of_a_trace("1") == digest_of_a_trace("2")
