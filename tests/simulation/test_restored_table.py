"""A table that is restored to an older time heals, with counters and tokens that went back."""

from .mutants.activation import activated
from .mutants.registry import Mutant
from .mutants.writes import claims_below
from .schedule import Schedule

SEEDS = 60
UNTIL_CAUGHT = 400


def wrong_after_restore(seed: int) -> tuple[bool, dict[str, list[str]]]:
    """Whether the table was restored in a schedule, and what ended wrong."""
    schedule = Schedule(seed, losing=True)
    schedule.dice.restoring = not schedule.dice.recovering
    result = schedule.run()
    return "table restored to an older time, counters and runs included" in result.struck, result.wrong


def test_a_restored_table_ends_equal_to_stripe() -> None:
    results = [wrong_after_restore(seed) for seed in range(SEEDS)]
    assert sum(restored for restored, _ in results) >= 10
    assert [wrong for _, wrong in results if wrong] == []


def test_a_counter_that_stays_behind_its_token_is_caught() -> None:
    mutant: Mutant = claims_below
    with activated(mutant):
        assert any(wrong for _, wrong in map(wrong_after_restore, range(UNTIL_CAUGHT)))
