"""Wherever a worker is killed, and wherever the next one is killed again, the mirror ends equal to Stripe.

Of the pairs of crashes there are some here; all of them are in ``make crash-test``.
"""

import pytest

from .crashes import FOUND, CrashScenario, crash_pairs, recovers, single_crashes

NEAREST = 5
"""Steps after the first crash at which the second one happens."""
EVERY = 4
"""Of so many first crashes there is one."""


def test_the_story_ends_well_when_nobody_is_killed() -> None:
    told = CrashScenario()
    assert told.run() == []
    assert told.mirror.objects["test#rcdr_2"]["deleted"] is True


def test_reconcile_finds_in_the_story_what_no_event_tells_of() -> None:
    told = CrashScenario()
    told.run()
    assert told.mirror.objects["test#product/bronze"]["token"] == 0
    assert {one.id for one in told.evidence()} == FOUND


def test_the_story_has_every_kind_of_step() -> None:
    said: list[str] = []
    CrashScenario(trace=said.append).run()
    kinds = {one.removeprefix("worker: ").partition(" ")[0].partition(":")[0] for one in said}
    reads, writes = {"heads", "claims", "body", "children", "ids", "GET"}, {"claim", "put", "put_tombstone"}
    assert kinds >= reads | writes | {"send", "delete", "lease", "release", "write", "last", "entries"}


def test_a_worker_is_killed_as_often_as_is_said() -> None:
    for point in ((3,), (3, 4), (100, 50), (300, 20)):
        told = CrashScenario(point)
        assert told.run() == []
        assert told.crashes == len(point)


def test_every_single_crash_is_recovered_from(capsys: pytest.CaptureFixture[str]) -> None:
    points = list(single_crashes())
    assert len(points) > 300
    assert [point for point in points if not recovers(point)] == []
    with capsys.disabled():
        print(f" {len(points)} crashes ", end="")


def test_every_pair_of_crashes_is_recovered_from(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = list(crash_pairs(NEAREST, EVERY))
    assert len(pairs) > 400
    assert [pair for pair in pairs if not recovers(pair)] == []
    with capsys.disabled():
        print(f" {len(pairs)} pairs of crashes ", end="")
