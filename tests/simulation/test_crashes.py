"""Wherever a worker is killed, and wherever the next one is killed again, the mirror ends equal to Stripe."""

import os

import pytest

from .crashes import Crashing, once, twice

NEAREST = None if os.environ.get("ALL_CRASHES") else 6
"""Steps after the first crash at which the second one happens; all of them with ``ALL_CRASHES=1``, in minutes."""


def test_the_story_ends_well_when_nobody_is_killed() -> None:
    told = Crashing()
    assert told.run() == []
    assert told.mirror.objects["test#rcdr_2"]["deleted"] is True


def test_a_worker_is_killed_as_often_as_is_said() -> None:
    for point in ((3,), (3, 4), (100, 50)):
        told = Crashing(point)
        assert told.run() == []
        assert told.crashes == len(point)


def test_every_single_crash_is_recovered_from(capsys: pytest.CaptureFixture[str]) -> None:
    points = list(once())
    assert len(points) > 150
    assert [point for point in points if Crashing(point).run()] == []
    with capsys.disabled():
        print(f" {len(points)} crashes ", end="")


def test_every_pair_of_crashes_is_recovered_from(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = list(twice(NEAREST))
    assert len(pairs) > 1000
    assert [pair for pair in pairs if Crashing(pair).run()] == []
    with capsys.disabled():
        print(f" {len(pairs)} pairs of crashes ", end="")
