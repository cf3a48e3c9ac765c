"""Runs schedules on a mutant, in a process of its own, until one ends wrong."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace

from tests.simulation.budget_goals import violations
from tests.simulation.schedule import Schedule
from tests.template_file import ROOT

from .activation import BrokenMutant, activated
from .registry import Mutant

MOST_SEEDS = 10_000
MOST_SEEDS_OF_BUDGET = 20


@dataclass(frozen=True, slots=True)
class Caught:
    """The schedule that ended wrong, how, and for which object. ``seeds`` is how many it took."""

    seed: int
    losing: bool
    kind: str
    name: str
    seeds: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of some seeds, and how often each variant was called meanwhile."""

    caught: Caught | None
    calls: Counter[str]

    @classmethod
    def from_json(cls, text: str) -> "Trial":
        value = json.loads(text)
        return cls(Caught(**value["caught"]) if value["caught"] else None, Counter(value["calls"]))

    def to_json(self) -> str:
        return json.dumps({"caught": asdict(self.caught) if self.caught else None, "calls": self.calls})


def catch(mutant: Mutant, *, most: int = MOST_SEEDS) -> Caught | None:
    """The first schedule that ends wrong with the mutant, and well without it.

    Raises ``BrokenMutant`` where the mutant cannot be activated, or a variant was not called once.
    """
    calls: Counter[str] = Counter({one.name: 0 for one in mutant.replacements})
    first = 0
    caught: Caught | None = None
    most = min(most, MOST_SEEDS_OF_BUDGET) if mutant.of_budget else most
    wrong_at = first_missed if mutant.of_budget else first_wrong
    while first < most:
        trial = _try_in_a_process(mutant, first, most)
        calls.update(trial.calls)
        if trial.caught is None:
            break
        first = trial.caught.seed + 1
        if wrong_at(trial.caught.seed, first) is None:
            caught = replace(trial.caught, seeds=first)
            break
    require_called(calls)
    return caught


def require_called(calls: Counter[str]) -> None:
    """Raises ``BrokenMutant`` where a variant was never called: nothing was learnt from the seeds."""
    never = [name for name, count in calls.items() if not count]
    if never:
        raise BrokenMutant(f"never called: {', '.join(never)}")


def _try_in_a_process(mutant: Mutant, first: int, end: int) -> Trial:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}"}
    command = [sys.executable, "-m", "tests.simulation.mutants", "--try", mutant.sentence, str(first), str(end)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokenMutant(done.stderr.strip().rpartition("\n")[2])
    return Trial.from_json(done.stdout)


def run_seeds(mutant: Mutant, first: int, end: int) -> Trial:
    """Runs schedules on the mutant in this process."""
    with activated(mutant) as calls:
        caught = first_missed(first, end) if mutant.of_budget else first_wrong(first, end)
    calls.require_originals()
    return Trial(caught, calls.counts)


def first_missed(first: int, end: int) -> Caught | None:
    """The first seed with which the model of the budget misses a goal, on whatever code this process has."""
    for seed in range(first, end):
        for missed in violations(seed):
            return Caught(seed, losing=False, kind=missed.goal, name=f"{missed.found:.3f}")
    return None


def first_wrong(first: int, end: int) -> Caught | None:
    """The first schedule that ends wrong, on whatever code this process has."""
    for seed in range(first, end):
        for losing in (False, True):
            try:
                wrong = Schedule(seed, losing=losing).run().wrong
            except Exception as error:  # noqa: BLE001 - a schedule that breaks off has caught the mutant as well
                return Caught(seed, losing, "broken off", f"{type(error).__name__}: {error}")
            if wrong:
                kind, names = next(iter(wrong.items()))
                return Caught(seed, losing, kind, names[0])
    return None
