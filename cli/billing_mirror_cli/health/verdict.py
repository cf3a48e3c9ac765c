"""Whether a stack is well: facts in, a verdict out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.runs.run import Job, Resolution, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, MINUTE, RECOVER, Schedule

from ..runs.records import RunState
from ..words import age, count

QUEUE_MAY_BE_OLD = 300.0
"""Seconds: the alarm QueueTooOld has the same threshold."""
RECONCILE_MAY_BE_SILENT = HOUR
"""Seconds, unless its schedule is longer: as the alarm ReconcileSilent."""
EVENTS_MAY_BE_UNREAD = 45 * MINUTE
TYPE_MAY_FAIL = 2 * HOUR
"""Seconds of ticks that all met an error: as the alarm TypesFail."""
TICKS_THAT_FAIL = 2
"""A single one heals by itself."""
VERIFY_MAY_BE_LATE = DAY
"""Seconds past an interval: as the alarm VerifyLate."""
_RATE = re.compile(r"rate\((?P<number>\d+) (?P<unit>minute|hour|day)s?\)")
_UNITS = {"minute": MINUTE, "hour": HOUR, "day": DAY}


class State(StrEnum):
    """The verdict, from the best to what needs a person first."""

    HEALTHY = "healthy"
    FILLING = "filling"
    """Some types were never compared to their end: the mirror is not complete yet."""
    BEHIND = "behind"
    """Work waits; it ends without a person."""
    FAILING = "failing"
    """Something needs a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a stack is not healthy, and what to do."""

    state: State
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """Messages of the work queue. ``oldest`` is in seconds; None where CloudWatch does not say."""

    waiting: int
    in_flight: int
    delayed: int
    oldest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a stack at ``now`` (seconds since 1970)."""

    now: float
    queue: QueueFacts
    quarantined: int
    runs: Mapping[str, Sequence[RunState]]
    """The last runs of each name, newest first."""
    drifts: Mapping[str, Mapping[Resolution, int]]
    """Differences of the last 30 days, by type."""
    schedule: Schedule
    tick_seconds: float
    livemode: bool
    lag: Mapping[str, float] = field(default_factory=dict)
    """Seconds from an event to its write, by percentile; empty where CloudWatch does not say."""

    @property
    def newest(self) -> dict[str, RunState]:
        """The newest run of each name."""
        return {name: runs[0] for name, runs in self.runs.items() if runs}

    @property
    def complete(self) -> dict[str, RunState]:
        """The last complete run of each name that has one."""
        last = {
            name: next((run for run in runs if run.status is Status.COMPLETE), None) for name, runs in self.runs.items()
        }
        return {name: run for name, run in last.items() if run is not None}

    @property
    def compared_at(self) -> dict[str, float]:
        """By type, when its last complete run started (seconds since 1970)."""
        return {name: times.seconds(run.started_at) for name, run in self.complete.items()}


def problems(facts: Facts) -> list[Problem]:
    """What is not well, the worst first."""
    if not facts.newest:
        return [
            Problem(
                State.FAILING,
                "Reconcile has never run",
                "Is the Stripe key stored? docs/deploy.md#2-store-the-stripe-key; the next tick starts the backfill",
            )
        ]
    found = [*_failures(facts), *_delays(facts), *_gaps(facts)]
    return sorted(found, key=lambda problem: [*State].index(problem.state), reverse=True)


def verdict(found: Sequence[Problem]) -> State:
    """The state that the worst problem means."""
    return found[0].state if found else State.HEALTHY


def tick_seconds(expression: str) -> float:
    """Seconds between two ticks of a schedule; an hour for one that is no rate."""
    rate = _RATE.fullmatch(expression)
    return float(rate["number"]) * _UNITS[rate["unit"]] if rate else HOUR


def _failures(facts: Facts) -> Iterator[Problem]:
    if facts.quarantined:
        yield Problem(
            State.FAILING,
            f"{count(facts.quarantined, 'message')} in quarantine: what they announced may not be mirrored",
            "billing-mirror quarantine list",
        )
    yield from _failing_runs(facts)
    # What the last complete run left open stays open until the next one is complete.
    unresolved = {
        name: number
        for name, run in facts.newest.items()
        if (number := max(one.counts.unresolved for one in (run, facts.complete.get(name, run))))
    }
    if unresolved:
        yield Problem(
            State.FAILING,
            f"{count(sum(unresolved.values()), 'difference')} unresolved: {', '.join(unresolved)}",
            f"billing-mirror verify {' '.join(unresolved)}",
        )
    # A run counts them at its end.
    unstorable = {name: run.counts.unstorable for name, run in facts.complete.items() if run.counts.unstorable}
    if unstorable:
        yield Problem(
            State.FAILING,
            f"{count(sum(unstorable.values()), 'object')} that the table cannot hold: {', '.join(unstorable)}",
            "docs/operations.md#unstorablenoticed",
        )
    updated_at = max(times.seconds(run.updated_at) for run in facts.newest.values())
    if facts.now - updated_at > max(RECONCILE_MAY_BE_SILENT, 2 * facts.tick_seconds):
        yield Problem(
            State.FAILING,
            f"Reconcile has done nothing for {age(facts.now - updated_at)}",
            "docs/operations.md#reconcilesilent",
        )


def _failing_runs(facts: Facts) -> Iterator[Problem]:
    for name, run in facts.newest.items():
        if run.status is Status.FAILED:
            yield Problem(State.FAILING, f"The last run of {name} failed: {run.reason}", "docs/operations.md#typesfail")
        elif run.running and run.failures >= TICKS_THAT_FAIL:
            yield _failing_ticks(facts, name, run)


def _failing_ticks(facts: Facts, name: str, run: RunState) -> Problem:
    """A run that no tick has got further."""
    for_long = run.failures * facts.tick_seconds >= TYPE_MAY_FAIL
    return Problem(
        State.FAILING if for_long else State.BEHIND,
        f"{_work(name, run)} met an error at each of its last {run.failures} ticks{_because(run)}",
        "docs/operations.md#typesfail" if for_long else "Ticks try it again; if it stays: docs/operations.md#typesfail",
    )


def _work(name: str, run: RunState) -> str:
    return f"The {run.job} run" if name == run.job else f"The {run.job} run of {name}"


def _delays(facts: Facts) -> Iterator[Problem]:
    oldest = facts.queue.oldest
    if oldest is not None and oldest > QUEUE_MAY_BE_OLD:
        yield Problem(
            State.BEHIND,
            f"{count(facts.queue.waiting, 'message')} waiting, the oldest for {age(oldest)}; nothing is lost",
            "docs/operations.md#queuetooold",
        )
    recover = facts.newest.get(RECOVER)
    if recover is not None and recover.watermark:
        unread_for = facts.now - times.seconds(recover.watermark)
        if unread_for > max(EVENTS_MAY_BE_UNREAD, 2 * facts.schedule.recover, 2 * facts.tick_seconds):
            yield Problem(
                State.BEHIND,
                f"Stripe's events are read until {age(unread_for)} ago only{_because(recover)}",
                "docs/operations.md#eventsunread",
            )
    intervals = facts.schedule.intervals(livemode=facts.livemode)
    late = {
        name: facts.now - at - intervals[name]
        for name, at in facts.compared_at.items()
        if name in intervals and name != RECOVER
    }
    for name, seconds in late.items():
        if seconds > VERIFY_MAY_BE_LATE:
            yield Problem(State.BEHIND, f"{name} is {age(seconds)} past its interval", "docs/operations.md#verifylate")


def _gaps(facts: Facts) -> Iterator[Problem]:
    """Types that no run has compared to its end, among those that the account has and the key may read."""
    exempt = (Status.UNAVAILABLE, Status.UNAUTHORIZED)
    open_types = [
        one.name
        for one in RECONCILED_TYPES
        if not (one.test_mode_only and facts.livemode)
        and one.name not in facts.compared_at
        and not (one.name in facts.newest and facts.newest[one.name].status in exempt)
    ]
    if open_types:
        filling = [run.type for run in facts.newest.values() if run.running and run.job is Job.BACKFILL]
        now = f"; backfilling {', '.join(filling)}" if filling else ""
        yield Problem(
            State.FILLING,
            f"{count(len(open_types), 'type')} of {len(RECONCILED_TYPES)} not compared to the end yet{now}",
            "Ticks continue; at once: billing-mirror backfill",
        )


def _because(run: RunState) -> str:
    return f": {run.reason}" if run.reason else ""
