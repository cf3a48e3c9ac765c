"""Each benchmark at its smallest measures what it states. The speed of this machine is not tested."""

import threading

import pytest

from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile import backfill, drift, fairness, size
from dev.benchmarks.reconcile.synthetic_server import serving
from dev.benchmarks.result import Result, table
from dev.benchmarks.starts import reader_import

MIB = 2**20


def test_size_reads_every_page_once_and_compares_all() -> None:
    figures = size.run(2000, repetitions=1).figures
    assert [walk["objects"] for walk in figures["walks"]] == [20, 200, 2000]
    assert [walk["stripe_calls"] for walk in figures["walks"]] == [1, 2, 20]
    assert [walk["equal"] for walk in figures["walks"]] == [20, 200, 2000]
    assert figures["calls per page"] == 1
    assert all(walk["dynamodb_cpu_seconds"] > 0 for walk in figures["walks"])
    assert figures["ratio_same_with_dynamodb"] > 0


def test_a_measured_process_reports_its_own_memory() -> None:
    parents = b"x" * 300 * MIB
    with serving(100) as served:
        walk = isolated_process.run("reconcile.walk", api_base=served.api_base, objects=100)
    assert walk["peak_mib"] < len(parents) / MIB


def test_drift_finds_the_created_differences_and_no_others() -> None:
    result = drift.run(2000)
    assert result.missed == []
    assert result.figures["kinds"] == {"missing": [2, 0], "different": [2, 0], "not_listed": [2, 0]}
    assert result.figures["fetches_in_all"] == 6


def test_backfill_alternates_with_plain_writes() -> None:
    figures = backfill.run(300, interval_seconds=3.0).figures
    assert (figures["held"], figures["queued"]) == (300, 0)
    assert sum(interval["objects"] for interval in figures["intervals"]) == 300


def test_fairness_measures_live_events_alone_beside_plain_writes_and_beside_a_backfill() -> None:
    figures = fairness.run(300, quiet_seconds=1.0).figures
    assert figures["backfill"]["inserted"] == 300
    assert len(figures["events"]) == 3
    assert min(figures["events"]) > 0


def test_the_reader_adds_less_to_boto3_than_boto3_itself_takes() -> None:
    figures = reader_import.run(repetitions=3).figures
    assert figures["milliseconds"] > 0
    assert 0 < figures["ratio"] < 1


def test_an_interrupted_block_does_not_wait_for_background_work() -> None:
    released = threading.Event()
    with pytest.raises(KeyboardInterrupt), fairness.in_background(released.wait, 10) as running:
        raise KeyboardInterrupt
    assert not running.done()
    released.set()


def test_a_missed_bound_is_reported() -> None:
    result = Result(table("Title", "what", "value"))
    result.at_most("calls", 1.0, 1.02)
    result.at_least("speed", 0.4, 0.5)
    assert result.figures == {"calls": 1.0, "speed": 0.4}
    assert result.missed == ["speed is 0.4, promised is ≥ 0.5"]
