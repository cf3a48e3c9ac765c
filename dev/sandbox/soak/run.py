"""Does the table equal Stripe after minutes of changes, faults of Stripe and kills of the process function?"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dev.fake_stripe.types.object_types import Body
from dev.sandbox import logs
from dev.sandbox.observer import Observer

from .faults import Killer, failing_stripe
from .freshness import Spread, TableStream, causes, lags, spreads
from .traffic import Traffic

PATIENCE = 1800.0
"""Seconds until every message must have ended: messages of a killed function come back after 400 seconds, messages
postponed for Stripe's failures after 900 at most."""


@dataclass(frozen=True)
class Plan:
    """``seconds`` of changes at ``rate`` events per second, and a kill every ``kill_every`` seconds on average."""

    seconds: float = 300.0
    rate: float = 20.0
    kill_every: float = 8.0
    seed: int = 1
    wait_for_delayed: bool = True
    """Whether to wait for delayed messages: an object with lists is refreshed again a minute after its creation."""


@dataclass(frozen=True)
class Outcome:
    """The result of a soak. Times are in seconds."""

    plan: Plan
    events: int
    seconds: float
    delivered: int
    faults: Mapping[str, int]
    """How often each fault of the stand-in struck, for deliveries and for requests."""
    requests: int
    kills: int
    lags: Mapping[str, Spread]
    not_stored: tuple[str, ...]
    """Events whose change no write has stored."""
    settled_after: float | None
    """Time from the last change until every message had ended; None after the timeout."""
    compared: int
    differences: tuple[str, ...]
    quarantined: tuple[str, ...]
    """The reasons. A soak sends no invalid message."""

    @property
    def holds(self) -> bool:
        return self.settled_after is not None and not (self.differences or self.quarantined or self.not_stored)


def soak(
    observer: Observer, directory: Path, plan: Plan, report_progress: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Runs the plan in the sandbox of a directory, waits until every message has ended, and compares."""
    stream, requests, counts_before = TableStream(observer), observer.requests(), _fault_counts(observer)
    killer = Killer(directory, observer.endpoints.process_function, every=plan.kill_every, seed=plan.seed)
    started_at = time.time()
    with failing_stripe(observer.stripe, plan.seed), killer:
        _make_changes(observer, plan, report_progress)
    seconds = time.time() - started_at
    settled_after = _settle(observer, plan, report_progress)
    report_progress("Comparing the table with Stripe ...")
    comparison = observer.comparison()
    events = _events_since(started_at, observer)
    deliveries = observer.stripe.deliveries()["deliveries"]
    shown = lags(events.values(), stream.writes())
    return Outcome(
        plan=plan,
        events=len(events),
        seconds=seconds,
        delivered=len(events.keys() & {each["event_id"] for each in deliveries if each["state"] == "delivered"}),
        faults=dict(_fault_counts(observer) - counts_before),
        requests=observer.requests() - requests,
        kills=killer.kills,
        lags=spreads(shown, causes(deliveries, logs.records(observer.logs))),
        not_stored=tuple(f"{event['type']} {name}" for name, event in events.items() if name not in shown),
        settled_after=settled_after,
        compared=comparison.objects,
        differences=tuple(f"{each.type} {each.id}: {each.problem}" for each in comparison.differences),
        quarantined=tuple(observer.quarantined()),
    )


def _events_since(started_at: float, observer: Observer) -> dict[str, Body]:
    """Events by id."""
    return {
        str(event["id"]): event
        for event in observer.stripe.events()
        if datetime.fromisoformat(event["created"]).timestamp() >= started_at
    }


def _fault_counts(observer: Observer) -> Counter[str]:
    return Counter(observer.stripe.counts()["faults"])


def _make_changes(observer: Observer, plan: Plan, report_progress: Callable[[str], None]) -> None:
    """Makes changes at the planned rate of events; some changes have several events."""
    traffic = Traffic(observer.stripe, random.Random(plan.seed))  # noqa: S311 - repeatable, nothing secret
    before, started_at = observer.stripe.counts()["events"], time.monotonic()
    while (passed := time.monotonic() - started_at) < plan.seconds:
        made = observer.stripe.counts()["events"] - before
        report_progress(f"{passed:.0f} s: {made} events made, {observer.messages()} messages in the queue ...")
        if made < plan.rate * passed:
            traffic.change()
        else:
            time.sleep(1 / plan.rate)


def _settle(observer: Observer, plan: Plan, report_progress: Callable[[str], None]) -> float | None:
    started_at = time.monotonic()
    while (passed := time.monotonic() - started_at) < PATIENCE:
        observer.stripe.settle()
        left = observer.messages(delayed=plan.wait_for_delayed)
        if not left:
            return passed
        report_progress(f"{passed:.0f} s after the last change: {left} messages wait for a retry ...")
        time.sleep(1)
    return None
