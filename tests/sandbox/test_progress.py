"""What the demo and the installer say while something takes long."""

import time

from dev.sandbox.demo.printout import Phases
from dev.sandbox.toolchain import said_while


def test_a_long_step_is_said_again_and_again_with_its_seconds() -> None:
    said: list[str] = []
    with said_while(said.append, "still installing ...", every=0.01):
        while len(said) < 2:
            time.sleep(0.01)
    ended = len(said)
    time.sleep(0.05)
    assert said[0] == "still installing ... (0 s)"
    assert len(said) == ended, "nothing is said after the end"


def test_a_short_step_is_silent() -> None:
    said: list[str] = []
    with said_while(said.append, "still installing ...", every=60):
        pass
    assert said == []


def test_a_phase_ends_where_the_next_one_begins() -> None:
    said: list[str] = []
    with Phases(said.append) as phases:
        phases.begin("Starting ...")
        phases.begin("Reconciling ...")
    assert said == ["Starting ...", "Reconciling ..."]
