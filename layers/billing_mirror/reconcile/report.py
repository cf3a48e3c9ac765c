"""What an invocation of reconcile has done: its answer, its metrics and its log lines."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from billing_mirror.core import catalog, times
from billing_mirror.core.catalog import Category
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import HOUR, RECOVER
from billing_mirror.core.table.unstorable import UnstorableNote

from .jobs.forget import Forgotten
from .jobs.refresh_objects import RefreshedObject
from .runs.worked_run import WorkedRun

MAX_DIFFERENCES = 1000
"""Differences in the answer of a dry run: an answer may have 6 MB."""
OF_THE_ACCOUNT = frozenset({Status.UNAVAILABLE, Status.UNAUTHORIZED, Status.REVOKED})
"""How runs end that only another account or another key would change: no alarm reacts to them."""
OF_EACH_ACCOUNT = frozenset(
    {Metric.DRIFT_UNRESOLVED, Metric.FAILING_TYPES, Metric.VERIFY_OVERDUE, Metric.EVENTS_UNREAD_SINCE}
)
"""The metrics that each listed account has of its own, beside the one of all: CloudWatch charges for every one."""
LOUD_FOR = 3 * HOUR
"""Seconds for which a type counts as failing whose list wants a filter: longer than the alarm takes to ring."""
AGES = frozenset({Metric.RUN_AGE, Metric.VERIFY_OVERDUE, Metric.EVENTS_UNREAD_SINCE})
"""They move slowly. CloudWatch charges for a metric by the hour in which it has a value."""
AGES_EVERY = 3
"""Ages that say nothing are emitted in one of so many hours. No alarm needs them; a chart of three hours has some."""
LATE = HOUR
"""Seconds after which an age says something. The earliest alarm for one comes after a day."""
BUSY = "another invocation is running"
UNTIL_NOW = "events of the last two minutes are left to their webhooks; until_now reads them, too"


class Result(StrEnum):
    """How a request ended, the one that most needs a look first."""

    REFUSED = "refused"
    """The request says something unknown; nothing was started."""
    BUSY = "busy"
    """Another invocation is running."""
    FAILED = "failed"
    """A run has ended before it had read all, or an object could not be refreshed: see the reasons."""
    RUNNING = "running"
    """A run needs more time; ticks continue it."""
    UNDECIDED = "undecided"
    """Every list was read, but of some objects the run does not know whether they still differ."""
    DRIFT = "drift"
    """Differences were found; without a dry run, they are repaired."""
    COMPLETE = "complete"
    """All was done, and no difference was found."""


@dataclass(frozen=True, slots=True)
class NotedObjects:
    """How many objects the table cannot hold, and for how many the alarm rings: an hour, or while it refuses them."""

    outstanding: int
    recent: int

    @classmethod
    def count(cls, notes: Sequence[UnstorableNote], now: float) -> Self:
        return cls(len(notes), sum(note.may_pass or now - note.noticed_at < HOUR for note in notes))


@dataclass(slots=True)
class TickReport:
    """What was done, and the last run of each name (of ticks only).

    Not ``leased``: another invocation is running, and nothing was done.
    """

    leased: bool = True
    worked: list[WorkedRun] = field(default_factory=list)
    last: dict[str, Run] = field(default_factory=dict)
    intervals: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two runs, by name (of ticks only)."""
    noted: NotedObjects | None = None
    """The objects that the table cannot hold (of ticks only; None where they could not be read)."""
    on_demand: bool = False
    dry_run: bool = False
    at: float = 0.0
    """When the tick ended (seconds since 1970; of ticks only)."""
    connected: dict[str, "TickReport"] = field(default_factory=dict)
    """What was done in connected accounts, by context (of ticks only)."""
    newly_revoked: list[str] = field(default_factory=list)
    """The contexts that Stripe refuses since this tick."""
    counts_filling: bool = True
    """Not for accounts that were only seen: on a platform one is always new, and alarms wait while some fill."""
    longest_wait: float = 0.0
    """Seconds since the connected account was due that waits longest."""

    @property
    def all_worked(self) -> list[WorkedRun]:
        """The runs of all accounts."""
        return [*self.worked, *(worked for one in self.connected.values() for worked in one.worked)]

    @property
    def is_revoked(self) -> bool:
        """Whether the account has revoked the key's access: then nothing of it can be late."""
        return any(worked.run.status is Status.REVOKED for worked in self.worked)

    @property
    def is_cut_short(self) -> bool:
        """Whether the time was over before everything was done."""
        return any(worked.run.paused for worked in self.worked[-1:])

    def continue_with(self, later: "TickReport") -> None:
        """Adds what the same tick did later in the same account."""
        self.worked += later.worked
        self.last, self.noted, self.at = later.last, later.noted or self.noted, later.at

    def answer(self) -> dict[str, object]:
        """The counts of each run so far, and the differences that a dry run has found."""
        if not self.leased:
            return {"result": Result.BUSY, "reason": self.busy()}
        runs = {worked.run.type: self._answer(worked) for worked in self.worked}
        return {"result": _result([worked.run for worked in self.worked]), "runs": runs}

    def _answer(self, worked: WorkedRun) -> dict[str, object]:
        answer = worked.columns()
        if self.dry_run:
            answer["differences"] = worked.differences[:MAX_DIFFERENCES]
        if worked.run.job is Job.RECOVER and not worked.run.until_now:
            answer["note"] = UNTIL_NOW
        return answer

    def busy(self) -> str:
        later = "repeat the request when it has ended" if self.dry_run else "one of the next ticks starts the runs"
        return f"{BUSY}; {later}"

    def counts(self) -> Iterator[tuple[Metric, float]]:
        """The metrics that count, of all accounts together. A dry run has none: alarms must not react to it."""
        if self.dry_run or not self.leased:
            return
        for worked in self.all_worked:
            # A month of a custom metric costs 0.30 USD, by the hour in which it has a value.
            yield from ((metric, value) for metric, value in worked.metrics().items() if value)
        # One value for all: where an alarm takes the least, an account without trouble must not hide that of another.
        totals = Counter(self._state())
        for one in self.connected.values():
            totals.update(one._state())
        yield from totals.items()

    def _state(self) -> dict[Metric, int]:
        """How an account is, whatever was worked on."""
        known = self._known()
        unresolved = sum(run.counts.unresolved for run in known.values())
        state = {}
        if unresolved or not self.on_demand:
            # A request for one type knows the drift of that type, but not that other types have none.
            state[Metric.DRIFT_UNRESOLVED] = unresolved
        if not self.on_demand:
            state[Metric.FAILING_TYPES] = sum(_fails(run, self.at) for run in known.values())
        if filling := self._filling():
            state[Metric.FILLING] = filling
        if self.noted is not None:
            noted = {
                Metric.UNSTORABLE_OBJECTS: self.noted.outstanding,
                Metric.UNSTORABLE_NOTICED: self.noted.recent,
            }
            state |= {metric: value for metric, value in noted.items() if value}
        return state

    def _known(self) -> Mapping[str, Run]:
        return {**self.last, **{worked.run.type: worked.run for worked in self.worked}}

    def _filling(self) -> int:
        if self.on_demand or not self.counts_filling:
            return 0
        known = self._known()
        return sum(_fills(known.get(name), self.at) for name in self.intervals)

    def shows_ages(self, now: float) -> bool:
        """Whether ages are emitted: where something is late or read for the first time, or else in some hours."""
        if now // HOUR % AGES_EVERY == 0 or any(one._filling() for one in (self, *self.connected.values())):
            return True
        return any(value > LATE for metric, value in self.seconds(now) if metric in AGES)

    def seconds(self, now: float) -> Iterator[tuple[Metric, float]]:
        """Durations of complete runs, and the age of what was read and verified, in seconds. A dry run has none."""
        if self.dry_run or not self.leased or self.is_revoked:
            return
        for one in self.connected.values():
            yield from one.seconds(now)
        for worked in self.worked:
            if worked.run.complete:
                # Only complete runs: a run that stopped half-way must not silence the alarm for missing runs.
                yield Metric.RECONCILE_SECONDS, worked.run.counts.milliseconds / 1000
        events = self.last.get(RECOVER)
        if events is not None:
            read_until = times.seconds(events.watermark) if events.watermark else events.verified_at
            yield Metric.EVENTS_UNREAD_SINCE, now - read_until
        if not self.on_demand:
            late = [age - self.intervals[name] for name, age in self._run_ages(now) if name in self.intervals]
            yield Metric.VERIFY_OVERDUE, max([self.longest_wait, *late])

    def oldest_ages(self, now: float) -> Mapping[Category, float]:
        """By category, the age of the type that was verified the longest ago. A metric for each type would cost more
        than all else of an idle stack.
        """
        oldest: dict[Category, float] = {}
        for name, age in self.run_ages(now):
            # What is no type of the catalog is the sweep of customers' usage.
            category = catalog.TYPES[name].category if name in catalog.TYPES else Category.ACTIVITY
            oldest[category] = max(age, oldest.get(category, 0.0))
        return oldest

    def run_ages(self, now: float) -> Iterator[tuple[str, float]]:
        """By type, the seconds since it was last verified; without the types that the key cannot read.

        Nor those whose list wants a filter: their age would ring for ever. Of several accounts, the longest.
        """
        ages: dict[str, float] = {}
        for one in (self, *self.connected.values()):
            for name, age in one._run_ages(now):
                ages[name] = max(age, ages.get(name, 0.0))
        yield from ages.items()

    def _run_ages(self, now: float) -> Iterator[tuple[str, float]]:
        for run in self.last.values():
            if run.type != RECOVER and run.status not in OF_THE_ACCOUNT and not run.wants_filter_since:
                yield run.type, max(0.0, now - run.verified_at)


@dataclass(frozen=True, slots=True)
class ObjectsReport:
    """What became of the objects that a person named."""

    objects: list[RefreshedObject]

    def answer(self) -> dict[str, object]:
        failed = any(one.outcome is None for one in self.objects)
        return {
            "result": Result.FAILED if failed else Result.COMPLETE,
            "objects": [one.columns() for one in self.objects],
        }


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was removed of customers that a person had forgotten."""

    forgotten: Forgotten

    def answer(self) -> dict[str, object]:
        """``more``: the time did not suffice, and a request with the ``cursor`` continues."""
        more = {"more": not self.forgotten.ended, "cursor": self.forgotten.cursor}
        return {"result": self._result, **self.columns(), **more}

    def columns(self) -> dict[str, object]:
        """The result, as the answer and the log show it."""
        return {
            "objects": self.forgotten.objects,
            "shown": dict(sorted(self.forgotten.shown.items())),
            "evidence": self.forgotten.evidence,
            "messages": self.forgotten.messages,
            "failed": [one.columns() for one in self.forgotten.failed],
        }

    @property
    def _result(self) -> Result:
        if self.forgotten.failed:
            return Result.FAILED
        return Result.COMPLETE if self.forgotten.ended else Result.RUNNING


def refused(sentence: str) -> dict[str, object]:
    """The answer to a request that says something unknown."""
    return {"result": Result.REFUSED, "reason": sentence}


def _result(runs: Sequence[Run]) -> Result:
    """The result of several runs: that of the run which most needs a look."""
    return min((_result_of(run) for run in runs), key=[*Result].index, default=Result.COMPLETE)


def _result_of(run: Run) -> Result:
    if run.status is Status.RUNNING:
        return Result.RUNNING
    if not run.complete:
        return Result.FAILED
    if run.counts.open_differences:
        return Result.UNDECIDED
    return Result.DRIFT if run.counts.found else Result.COMPLETE


def _fails(run: Run, now: float) -> bool:
    if run.status is Status.FAILED and run.wants_filter_since:
        return now - run.wants_filter_since < LOUD_FOR
    return run.status is Status.FAILED or (run.status not in OF_THE_ACCOUNT and bool(run.failures))


def _fills(last: Run | None, now: float) -> bool:
    """Whether all of a name is read for the first time, or was within the last hour: its messages may still wait."""
    if last is None or not (last.job is Job.BACKFILL or (last.job is Job.RECOVER and last.is_first)):
        return last is None
    return last.status is Status.RUNNING or (last.complete and now - last.updated_at < HOUR)
