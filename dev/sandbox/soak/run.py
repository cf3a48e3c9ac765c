"""A busy Stripe that fails, and a process function that is killed: is the table equal in the end?"""

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

from .freshness import Spread, TableStream, lags, spreads, troubles
from .traffic import Traffic
from .trouble import Killer, stripe_in_trouble

PATIENCE = 1800.0
"""Seconds in which every message must have ended: those of a killed function come back after 400, those that Stripe has
failed after 900 at the most."""


@dataclass(frozen=True)
class Plan:
    """``seconds`` of changes at ``rate`` events a second, and a kill every ``kill_every`` seconds in the mean."""

    seconds: float = 300.0
    rate: float = 20.0
    kill_every: float = 8.0
    seed: int = 1
    second_looks: bool = True
    """Whether to wait for them: what has lists is looked at again a minute after its birth, whatever has happened."""


@dataclass(frozen=True)
class Outcome:
    """What a soak came to. Times are in seconds."""

    plan: Plan
    events: int
    seconds: float
    delivered: int
    faults: Mapping[str, int]
    """How often each fault of the stand-in has struck, of deliveries and of requests."""
    requests: int
    kills: int
    lags: Mapping[str, Spread]
    unseen: tuple[str, ...]
    """Events that no write has shown."""
    settled_after: float | None
    """From the last change until every message had ended; None where patience ended first."""
    compared: int
    differences: tuple[str, ...]
    quarantined: tuple[str, ...]
    """The reasons. All messages of a soak are healthy."""

    @property
    def holds(self) -> bool:
        return self.settled_after is not None and not (self.differences or self.quarantined or self.unseen)


def soak(observer: Observer, directory: Path, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Runs the plan against the sandbox in a directory, waits until every message has ended, and judges."""
    stream, requests, struck = TableStream(observer), observer.requests(), _struck(observer)
    killer = Killer(directory, observer.endpoints.process_function, every=plan.kill_every, seed=plan.seed)
    began = time.time()
    with stripe_in_trouble(observer.stripe, plan.seed), killer:
        _drive(observer, plan, say)
    seconds = time.time() - began
    settled_after = _settle(observer, plan, say)
    say("Comparing the table with Stripe ...")
    agreement = observer.agreement()
    events = _events_since(began, observer)
    deliveries = observer.stripe.deliveries()["deliveries"]
    shown = lags(events.values(), stream.writes())
    return Outcome(
        plan=plan,
        events=len(events),
        seconds=seconds,
        delivered=len(events.keys() & {each["event_id"] for each in deliveries if each["state"] == "delivered"}),
        faults=dict(_struck(observer) - struck),
        requests=observer.requests() - requests,
        kills=killer.kills,
        lags=spreads(shown, troubles(deliveries, logs.records(observer.logs))),
        unseen=tuple(f"{event['type']} {name}" for name, event in events.items() if name not in shown),
        settled_after=settled_after,
        compared=agreement.objects,
        differences=tuple(f"{each.type} {each.id}: {each.problem}" for each in agreement.differences),
        quarantined=tuple(observer.quarantined()),
    )


def _events_since(began: float, observer: Observer) -> dict[str, Body]:
    """By their ids."""
    return {
        str(event["id"]): event
        for event in observer.stripe.events()
        if datetime.fromisoformat(event["created"]).timestamp() >= began
    }


def _struck(observer: Observer) -> Counter[str]:
    return Counter(observer.stripe.counts()["faults"])


def _drive(observer: Observer, plan: Plan, say: Callable[[str], None]) -> None:
    """Makes changes, as many as the pace asks for: some have several events."""
    traffic = Traffic(observer.stripe, random.Random(plan.seed))  # noqa: S311 - repeatable, nothing secret
    before, began = observer.stripe.counts()["events"], time.monotonic()
    while (passed := time.monotonic() - began) < plan.seconds:
        made = observer.stripe.counts()["events"] - before
        say(f"{passed:.0f} s: {made} events made, {observer.messages()} messages in the queue ...")
        if made < plan.rate * passed:
            traffic.change()
        else:
            time.sleep(1 / plan.rate)


def _settle(observer: Observer, plan: Plan, say: Callable[[str], None]) -> float | None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < PATIENCE:
        observer.stripe.settle()
        left = observer.messages(delayed=plan.second_looks)
        if not left:
            return passed
        say(f"{passed:.0f} s after the last change: {left} messages wait to be tried again ...")
        time.sleep(1)
    return None
