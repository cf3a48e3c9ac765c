"""The shared budget reaches its goals in the model, and does better than the static division that it replaced."""

import pytest

from billing_mirror.core.stripe_api.budget import ENDPOINT_LIMIT, LIVE_LIMIT

from .budget_goals import MAX_REFUSED, violations
from .budget_model import SPREAD, Traffic, divided, evenly, run


@pytest.mark.parametrize("seed", range(5))
def test_the_goals_are_reached(seed: int) -> None:
    assert list(violations(seed)) == []


def test_a_busy_type_waits_less_than_with_a_static_division() -> None:
    traffic = Traffic(evenly(24.0, 60.0))
    shared, static = run(1, traffic), run(1, traffic, divided(20.0))
    assert shared.lag(0.99) < 0.2 * static.lag(0.99)


def test_a_backlog_of_a_hot_type_ends_near_the_ideal() -> None:
    """It is a tenth of 20,000 objects, so the last second counts ten times as much."""
    traffic = Traffic([0.0] * 2000)
    shared, static = run(1, traffic), run(1, traffic, divided(80.0))
    assert shared.ended_at <= 1.05 * 2000 / ENDPOINT_LIMIT
    assert shared.refused_share <= MAX_REFUSED
    assert static.refused_share > 50 * MAX_REFUSED


def test_a_backlog_of_many_types_ends_near_the_ideal() -> None:
    traffic = Traffic([0.0] * 2000, paths=SPREAD, requests_per_second=0.0)
    shared = run(1, traffic)
    assert shared.ended_at <= 1.05 * 2000 / (0.8 * LIVE_LIMIT)
    assert shared.refused_share <= MAX_REFUSED


def test_an_idle_container_writes_nothing() -> None:
    result = run(1, Traffic([0.0, 600.0]))
    assert len(result.writes) == 2


def test_batches_without_a_window_store_a_lone_event_sooner() -> None:
    at_once = run(1, Traffic(evenly(0.2, 60.0)))
    collected = run(1, Traffic(evenly(0.2, 60.0), batch=50, window=1.0))
    assert at_once.lag(0.5) <= 0.25 + 0.15  # the longest answer, and the rest
    assert collected.lag(0.5) > at_once.lag(0.5) + 0.9
