"""Which stored objects a run reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.runs.deep_sample import SLOTS, DeepSample
from billing_mirror.core.runs.run import Counts, Job, Run, Status

PERCENTS = st.integers(1, SLOTS)
FIRST = st.integers(0, SLOTS - 1)
IDS = [f"cus_{number}" for number in range(1000)]


@given(st.text(), FIRST)
def test_nothing_is_in_a_sample_of_nothing_and_everything_in_one_of_all(identifier: str, first: int) -> None:
    assert not DeepSample(0, first).holds(identifier)
    assert DeepSample(SLOTS, first).holds(identifier)


@given(st.text(), PERCENTS, FIRST)
def test_samples_that_follow_each_other_hold_every_id_once_in_a_round(
    identifier: str, percent: int, first: int
) -> None:
    sample, held = DeepSample(percent, first), 0
    for _ in range(-(-SLOTS // percent)):
        held += sample.holds(identifier)
        sample = DeepSample(percent, sample.end)
    assert held >= 1
    assert held == 1 or SLOTS % percent


def test_a_sample_has_about_its_share_of_the_ids() -> None:
    assert 50 < sum(DeepSample(10, 95).holds(identifier) for identifier in IDS) < 150


def test_one_id_is_in_the_same_slot_in_every_process() -> None:
    """A run takes many ticks: another order of them must not read objects twice, and others not at all."""
    assert [number for number in range(SLOTS) if DeepSample(1, number).holds("cus_1")] == [64]


@pytest.mark.parametrize(
    ("status", "counts", "following"),
    [
        (Status.COMPLETE, Counts(), 7),
        (Status.COMPLETE, Counts(stored_wrong=2, repaired=2), 7),
        (Status.COMPLETE, Counts(missing=1, unresolved=1), 7),
        (Status.COMPLETE, Counts(stored_wrong=1, unresolved=1), 97),
        (Status.FAILED, Counts(), 97),
        (Status.RUNNING, Counts(), 97),
    ],
)
def test_the_next_run_continues_behind_a_run_that_left_nothing_wrong(
    status: Status, counts: Counts, following: int
) -> None:
    run = Run("customer", Job.VERIFY, 0.0, status=status, counts=counts, deep_percent=10, deep_from=97)
    assert run.next_deep_slot == following
