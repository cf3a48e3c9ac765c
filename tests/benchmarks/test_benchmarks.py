"""Each benchmark at its smallest: it measures what it says. How fast this machine is, is not looked at."""

import threading

import pytest

from dev.benchmarks import backfill, drift, size
from dev.benchmarks import fairness as sharing
from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.result import Result, table
from dev.benchmarks.synthetic_server import serving

MIB = 2**20


def test_size_reads_every_page_once_and_compares_all() -> None:
    figures = size.run(10_000, rounds=1).figures
    assert [walk["objects"] for walk in figures["walks"]] == [100, 1000, 10_000]
    assert [walk["stripe_calls"] for walk in figures["walks"]] == [1, 10, 100]
    assert [walk["equal"] for walk in figures["walks"]] == [100, 1000, 10_000]
    assert figures["calls for each page"] == 1


def test_the_memory_of_a_measured_process_is_its_own() -> None:
    starters = b"x" * 300 * MIB
    with serving(100) as served:
        walk = fresh.run("walk", api_base=served.api_base, objects=100)
    assert walk["peak_mib"] < len(starters) / MIB


def test_drift_finds_what_was_planted_and_nothing_else() -> None:
    result = drift.run(2000)
    assert result.missed == []
    assert result.figures["kinds"] == {"missing": [2, 0], "different": [2, 0], "not_listed": [2, 0]}
    assert result.figures["fetches_in_all"] == 6


def test_backfill_fills_the_table_in_turns_with_plain_writes() -> None:
    figures = backfill.run(300, turn_seconds=3.0).figures
    assert (figures["held"], figures["queued"]) == (300, 0)
    assert sum(turn["objects"] for turn in figures["turns"]) == 300


def test_sharing_sees_live_events_alone_beside_plain_writes_and_beside_a_whole_backfill() -> None:
    figures = sharing.run(300, quiet_seconds=3.0).figures
    assert figures["backfill"]["inserted"] == 300
    assert len(figures["events"]) == 3
    assert min(figures["events"]) > 0


def test_who_is_interrupted_does_not_wait_for_what_goes_on_meanwhile() -> None:
    released = threading.Event()
    with pytest.raises(KeyboardInterrupt), sharing.meanwhile(released.wait, 10) as going_on:
        raise KeyboardInterrupt
    assert not going_on.done()
    released.set()


def test_what_was_promised_and_not_kept_is_told() -> None:
    result = Result(table("Title", "what", "value"))
    result.at_most("calls", 1.0, 1.02)
    result.at_least("speed", 0.4, 0.5)
    assert result.figures == {"calls": 1.0, "speed": 0.4}
    assert result.missed == ["speed is 0.4, promised was ≥ 0.5"]
