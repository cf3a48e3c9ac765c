"""Runs of reconcile: what is requested, what the function answers, and the records that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.run import Counts, Job, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.reader import Run
from billing_mirror.reconcile.report import Result

from .. import mirror
from ..failures import ExitCode, Failure, usage
from ..stack.session import Session

_READERS = 8
"""Queries at once: a stack has a run of some fifty types."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for runs of one job, over some types or over all."""

    job: Job
    types: Sequence[str] = ()
    dry_run: bool = False
    confirm_deletions: bool = False
    until_now: bool = False
    since: str = ""
    deep: bool = False
    context: str | None = None
    """The connected account; None for the key's own."""

    def payload(self) -> JsonObject:
        """The request as reconcile reads it: docs/operations.md"""
        options = {name: getattr(self, name) for name in ("dry_run", "confirm_deletions", "until_now", "deep")}
        types: JsonObject = {"types": [*self.types]} if self.types else {}
        context: JsonObject = {"context": self.context} if self.context else {}
        since: JsonObject = {"since": self.since} if self.since else {}
        return {
            "job": self.job.value,
            **types,
            **context,
            **since,
            **{name: True for name, wanted in options.items() if wanted},
        }

    def names(self, *, livemode: bool, now: float) -> list[str]:
        """The runs that it starts. Raises :class:`Failure` with reconcile's own sentence where it would refuse."""
        try:
            parsed = RunRequest.parse(self.payload())
            if parsed is not None:
                parsed.check_since(now)
        except InvalidRequest as error:
            remedy = "" if self.job is Job.RECOVER else "docs/reading.md lists the types that are mirrored"
            raise usage(capitalized(str(error)), remedy) from error
        named = [name for name, _ in parsed.jobs] if parsed else []
        return [name for name in named if not (livemode and name in TYPES and TYPES[name].test_mode_only)]


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as its record shows it, or as the answer of a dry run does, which keeps no record."""

    type: str
    job: Job
    status: Status
    reason: str
    started_at: str
    updated_at: str
    watermark: str
    counts: Counts
    expected: int = 0
    """What the last complete run before it compared; 0 where there was none."""
    failures: int = 0
    """Ticks in a row that met an error, since the last one that got further."""
    differences: Sequence[Json] = field(default=())

    @classmethod
    def from_record(cls, run: Run) -> Self:
        return cls(
            run.type,
            run.job,
            run.status,
            run.reason,
            run.started_at,
            run.updated_at,
            run.watermark,
            run.counts,
            run.expected,
            run.failures,
        )

    @classmethod
    def from_answer(cls, name: str, columns: Mapping[str, Json]) -> Self:
        """A run in the answer of reconcile."""
        differences = columns.get("differences")
        return cls(
            name,
            Job(str(columns["job"])),
            Status(str(columns["status"])),
            str(columns["reason"]),
            str(columns["started_at"]),
            str(columns["updated_at"]),
            str(columns["watermark"]),
            Counts.from_item({**columns}),
            _number(columns, "expected"),
            _number(columns, "failures"),
            differences if isinstance(differences, list) else [],
        )

    @property
    def running(self) -> bool:
        return self.status is Status.RUNNING

    @property
    def total(self) -> int | None:
        """About how many objects it will compare. None where that is not known, as of events, which are new ones."""
        is_known = self.job is not Job.RECOVER and self.expected >= self.counts.compared
        return self.expected or None if is_known else None

    @property
    def next_total(self) -> int:
        """About how many objects the run after it will compare, by what is known so far."""
        return self.counts.compared if self.status is Status.COMPLETE else self.expected

    @property
    def is_undecided(self) -> bool:
        """Whether objects of its type may differ without its knowledge."""
        ended_without_answer = self.status not in (Status.COMPLETE, Status.UNAVAILABLE)
        return ended_without_answer or bool(self.counts.open_differences or self.counts.lists_unreadable)

    def to_json(self) -> JsonObject:
        """The run, with its counts beside the rest."""
        differences: JsonObject = {"differences": [*self.differences]} if self.differences else {}
        return {
            "type": self.type,
            "job": self.job.value,
            "status": self.status.value,
            "reason": self.reason,
            "started_at": self.started_at,
            "updated_at": self.updated_at,
            "watermark": self.watermark,
            "expected": self.expected,
            "failures": self.failures,
            "found": self.counts.found,
            **self.counts.columns(),
            **differences,
        }


def _number(columns: Mapping[str, Json], name: str) -> int:
    number = columns.get(name)
    return number if isinstance(number, int) else 0


def newest(session: Session, names: Sequence[str]) -> dict[str, RunState]:
    """The newest run of each name that has one."""
    reader = session.reader  # made before the threads need it
    with ThreadPoolExecutor(_READERS) as threads:
        found = threads.map(lambda name: mirror.runs(reader, name, 1), names)
        return {name: RunState.from_record(runs[0]) for name, runs in zip(names, found, strict=True) if runs}


def exit_code(states: Sequence[RunState]) -> ExitCode:
    """Of runs that compare: differences first, because they are known; then what is not known."""
    if any(state.counts.repaired or state.counts.unstorable for state in states):
        return ExitCode.DRIFT
    return ExitCode.UNDECIDED if any(state.is_undecided for state in states) else ExitCode.OK


def refused(answer: Mapping[str, Json]) -> Failure | None:
    """The failure in an answer that refuses the request."""
    is_refused = answer.get("result") == Result.REFUSED
    return usage(capitalized(str(answer.get("reason")))) if is_refused else None


def runs_in(answer: Mapping[str, Json]) -> dict[str, RunState]:
    """The runs in an answer of reconcile, by name."""
    runs = answer.get("runs")
    found = runs.items() if isinstance(runs, dict) else ()
    return {name: RunState.from_answer(name, columns) for name, columns in found if isinstance(columns, dict)}


def capitalized(sentence: str) -> str:
    """Reconcile's sentence, as one of ours."""
    return sentence[:1].upper() + sentence[1:]
