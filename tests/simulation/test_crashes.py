"""Wherever a worker is killed, once or twice, the mirror ends equal to Stripe.

These tests run a part of the pairs of crashes; ``make crash-test`` runs all of them.
"""

import pytest

from .crashes import FOUND, CrashScenario, crash_pairs, recovers, single_crashes

NEAREST = 5
"""Steps after the first crash at which the second one happens."""
EVERY = 4
"""Every fourth first crash is tested."""


def test_the_scenario_succeeds_without_a_crash() -> None:
    scenario = CrashScenario()
    assert scenario.run() == []
    assert scenario.mirror.objects["test#rcdr_2"]["deleted"] is True


def test_reconcile_finds_changes_without_events() -> None:
    scenario = CrashScenario()
    scenario.run()
    assert scenario.mirror.objects["test#product/bronze"]["token"] == 0
    assert {one.id for one in scenario.evidence()} == FOUND


def test_the_scenario_has_every_kind_of_step() -> None:
    said: list[str] = []
    CrashScenario(trace=said.append).run()
    kinds = {one.removeprefix("worker: ").partition(" ")[0].partition(":")[0] for one in said}
    reads, writes = {"heads", "claims", "body", "children", "ids", "GET"}, {"claim", "put", "put_tombstone"}
    writes |= {"put_chunk", "chunk_keys", "drop_chunk"}
    assert kinds >= reads | writes | {"send", "delete", "lease", "release", "write", "last", "entries"}


def test_a_worker_is_killed_at_each_given_step() -> None:
    for point in ((3,), (3, 4), (100, 50), (300, 20)):
        scenario = CrashScenario(point)
        assert scenario.run() == []
        assert scenario.crashes == len(point)


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
