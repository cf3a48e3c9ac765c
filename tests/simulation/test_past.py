"""The history is right or says that it does not know; and mutants of it are not."""

import pytest

from .mutants import history
from .mutants.activation import activated
from .mutants.registry import Mutant
from .past import TROUBLES, Trouble, wrong_past

SEEDS = range(60)
MUTANTS = [value for value in vars(history).values() if isinstance(value, Mutant)]


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
async def test_the_past_is_right_or_unknown(trouble: Trouble) -> None:
    assert [problem for seed in SEEDS for problem in await wrong_past(seed, trouble)] == []


@pytest.mark.parametrize("wrong", MUTANTS, ids=lambda one: one.sentence.replace(" ", "-"))
async def test_a_mutant_is_caught(wrong: Mutant) -> None:
    with activated(wrong) as calls:
        assert await is_caught()
    assert all(calls.counts.values()), "each variant was called"


async def is_caught() -> bool:
    for seed in SEEDS:
        for trouble in TROUBLES:
            if await wrong_past(seed, trouble):
                return True
    return False
