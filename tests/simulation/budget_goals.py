"""What the shared budget must reach in the model, run by run: small runs, so that a mutant is tried on many seeds."""

from collections.abc import Iterator
from dataclasses import dataclass

from billing_mirror.core.stripe_api.budget import ENDPOINT_LIMIT

from .budget_model import SPREAD, Result, Traffic, evenly, run

MAX_REFUSED = 0.005
"""The share of requests that Stripe may answer with 429."""
ONE_OBJECT = 0.3
"""Seconds that an object takes without any wait."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A goal that a run misses, with the figure."""

    goal: str
    found: float


def violations(seed: int) -> Iterator[Violation]:
    """The goals that the runs of a seed miss."""
    yield from _busy(run(seed, Traffic(evenly(24.0, 30.0))))
    yield from _burst(run(seed, Traffic([0.0] * 50)), 50)
    yield from _beside_reconcile(seed)
    yield from _beside_other_software(seed)
    yield from _without_table(seed)


def _busy(result: Result) -> Iterator[Violation]:
    if result.lag(0.99) > 2.0:
        yield Violation("99 of 100 events of a hot type are stored within 2 s", result.lag(0.99))
    if result.refused_share > MAX_REFUSED:
        yield Violation("few requests of a hot type are refused", result.refused_share)
    if result.writes_per_second > 2.2 * 5:
        yield Violation("a container writes the budget twice a second at most", result.writes_per_second / 5)


def _burst(result: Result, objects: int) -> Iterator[Violation]:
    ideal = objects / ENDPOINT_LIMIT + ONE_OBJECT
    if result.ended_at > 1.1 * ideal:
        yield Violation("a burst ends within 1.1 of the ideal", result.ended_at / ideal)
    if result.refused_share > MAX_REFUSED:
        yield Violation("few requests of a burst are refused", result.refused_share)


def _beside_reconcile(seed: int) -> Iterator[Violation]:
    """Live traffic that leaves little, and reconcile that would take all."""
    arrivals = evenly(16.0, 20.0)
    traffic = Traffic(arrivals, paths=SPREAD, account=25.0, requests_per_second=0.0, lists=8)
    result = run(seed, traffic)
    if result.lag(0.99) > 1.0:
        yield Violation("reconcile comes after live traffic", result.lag(0.99))
    if not result.pages_at:
        yield Violation("reconcile gets what is left", 0.0)
    if result.refused_share > MAX_REFUSED:
        yield Violation("few requests beside reconcile are refused", result.refused_share)


def _beside_other_software(seed: int) -> Iterator[Violation]:
    """Stripe lets through less than the budget: other software takes a part of it."""
    result = run(seed, Traffic([0.0] * 1200, paths=SPREAD, account=40.0))
    if result.refused_share > 0.25:
        yield Violation("a 429 slows requests down", result.refused_share)


def _without_table(seed: int) -> Iterator[Violation]:
    """A backlog of a hot type, and containers that know nothing of each other."""
    result = run(seed, Traffic([0.0] * 200, table_down=(0.0, 60.0)))
    if not result.alone:
        yield Violation("the table was down", 0.0)
    if result.ended_at > 20.0:
        yield Violation("events are stored while the table does not share the budget", result.ended_at)
    if result.refused_share > MAX_REFUSED:
        yield Violation("few requests are refused without the table", result.refused_share)
