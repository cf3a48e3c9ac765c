"""What the records of reconcile prove about a time: by type, the last comparison that had ended by then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.connected import NONE, ConnectedAccounts
from billing_mirror.core.runs.run import Resolution, Status
from billing_mirror.core.runs.schedule import RECOVER
from billing_mirror.reader import Drift, Run

from .. import mirror
from ..failures import ExitCode
from ..stack.session import Session
from ..words import count, moment
from .never_compared import Gap, gaps

_READERS = 8
_UNREADABLE = {
    Status.UNAVAILABLE: "the account has no such list at Stripe",
    Status.UNAUTHORIZED: "the stack's key may not read it",
}


class Finding(StrEnum):
    """What is known about a type, the best first."""

    EQUAL = "equal"
    """Every object on Stripe's lists was compared; what differed was fetched again and stored."""
    ABSENT = "absent"
    """The account has no such objects: Stripe lists none for it."""
    UNDECIDED = "undecided"
    """It was compared, and of some objects or lists it is not known whether they differ."""
    DIFFERS = "differs"
    """It was compared, and the table cannot hold what Stripe shows of some objects."""
    NOT_COMPARED = "not compared"
    """No comparison had ended."""


@dataclass(frozen=True, slots=True)
class TypeProof:
    """What is known of one type. ``run`` is the last complete run; None where none had ended."""

    type: str
    run: Run | None
    reason: str = ""
    """Why it is neither equal nor absent; or why it is absent."""
    finding: Finding = Finding.NOT_COMPARED
    differences: Sequence[Drift] = ()
    """What the run found, without false alarms."""

    @property
    def undecided_objects(self) -> int:
        """Objects and lists of which the run does not know whether they differ."""
        if self.run is None:
            return 0
        counts = self.run.counts
        return counts.open_differences + counts.held + counts.lists_unreadable

    def to_json(self) -> JsonObject:
        found: JsonObject = {}
        if self.run is not None:
            found = {
                "job": self.run.job.value,
                "started_at": self.run.started_at,
                "finished_at": self.run.finished_at,
                "found": self.run.counts.found,
                **self.run.counts.columns(),
            }
        differences: list[Json] = [_difference(one) for one in self.differences]
        return {
            "type": self.type,
            "finding": self.finding.value,
            "reason": self.reason,
            "run": found or None,
            "differences": differences,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All types of one scope, as of a time in seconds since 1970, as all records. ``made_at`` likewise."""

    as_of: float
    made_at: float
    stack: str
    region: str
    scope: str
    account: str
    version: str
    types: Sequence[TypeProof]
    events_read_until: str = ""
    """All events before this time were read by then (ISO 8601, UTC); empty where no record says so."""
    gaps: Sequence[Gap] = field(default=())

    def of(self, *findings: Finding) -> list[TypeProof]:
        return [one for one in self.types if one.finding in findings]

    @property
    def compared(self) -> int:
        """Objects that the runs have compared."""
        return sum(one.run.counts.compared for one in self.types if one.run)

    @property
    def holds(self) -> bool:
        """Whether every type was compared and left equal."""
        return len(self.of(Finding.EQUAL, Finding.ABSENT)) == len(self.types)

    @property
    def verdict(self) -> str:
        """The verdict in a word."""
        return "EQUAL" if self.holds else "NOT PROVEN"

    @property
    def sentence(self) -> str:
        """The verdict as a sentence."""
        equal = self.of(Finding.EQUAL)
        compared = f"{count(self.compared, 'object')} of {count(len(equal), 'type')}"
        if self.holds:
            ended = sorted(one.run.finished_at or "" for one in equal if one.run)
            between = f"; compared between {moment(ended[0])} and {moment(ended[-1])}" if ended else ""
            return f"The table equalled Stripe in {compared}{between}."
        others = len(self.types) - len(equal) - len(self.of(Finding.ABSENT))
        return f"Of {count(len(self.types), 'type')}, {others:,} cannot be called equal; {len(equal):,} can."

    @property
    def exit_code(self) -> ExitCode:
        if self.holds:
            return ExitCode.OK
        return ExitCode.DRIFT if self.of(Finding.DIFFERS) else ExitCode.UNDECIDED

    def to_json(self) -> JsonObject:
        types: list[Json] = [one.to_json() for one in self.types]
        never: list[Json] = [{"what": one.what, "why": one.why, "types": [*one.types]} for one in self.gaps]
        return {
            "verdict": self.verdict.lower(),
            "sentence": self.sentence,
            "as_of": times.iso(self.as_of),
            "made_at": times.iso(self.made_at),
            "stack": self.stack,
            "region": self.region,
            "scope": self.scope,
            "account": self.account,
            "version": self.version,
            "compared": self.compared,
            "events_read_until": self.events_read_until or None,
            "types": types,
            "never_compared": never,
        }


def prove(session: Session, as_of: float) -> Proof:
    """Reads what was recorded by this time, in seconds since 1970."""
    reader, stack = session.reader, session.stack  # both made before the threads need them
    names = [one.name for one in RECONCILED_TYPES if not (one.test_mode_only and session.mode.livemode)]
    with ThreadPoolExecutor(_READERS) as threads:
        types = list(threads.map(lambda name: _prove_type(session, name, as_of), names))
    recovered = _last_complete(mirror.every_run(reader, RECOVER), as_of)
    return Proof(
        as_of=as_of,
        made_at=session.now(),
        stack=stack.name,
        region=session.aws.region,
        scope=session.scope,
        account=session.account,
        version=stack.version,
        types=types,
        events_read_until=recovered.watermark if recovered else "",
        gaps=gaps(session.own_scope, ConnectedAccounts.parse(stack.parameters.get("Contexts") or NONE)),
    )


def _prove_type(session: Session, name: str, as_of: float) -> TypeProof:
    newest: Run | None = None
    for run in mirror.every_run(session.reader, name):
        if times.seconds(run.started_at) > as_of:
            continue
        newest = newest or run
        if _had_completed(run, as_of):
            found = mirror.drifts(session.reader, name, run)
            real = [one for one in found if one.resolution is not Resolution.FALSE_ALARM]
            return _judged(TypeProof(name, run, differences=real))
    return _without_comparison(name, newest, as_of)


def _last_complete(runs: Iterator[Run], as_of: float) -> Run | None:
    return next((run for run in runs if _had_completed(run, as_of)), None)


def _had_ended(run: Run, as_of: float) -> bool:
    return run.finished_at is not None and times.seconds(run.finished_at) <= as_of


def _had_completed(run: Run, as_of: float) -> bool:
    return run.status is Status.COMPLETE and _had_ended(run, as_of)


def _judged(proof: TypeProof) -> TypeProof:
    counts = proof.run.counts if proof.run else None
    if counts is None:
        return proof
    open_parts = {
        "unresolved": counts.unresolved,
        "left to a refresh in flight": counts.in_flight,
        "kept although Stripe does not return them": counts.held,
        "lists unreadable": counts.lists_unreadable,
    }
    left_open = ", ".join(f"{number:,} {what}" for what, number in open_parts.items() if number)
    unstorable = f"{counts.unstorable:,} that the table cannot hold" if counts.unstorable else ""
    finding = Finding.DIFFERS if unstorable else Finding.UNDECIDED if left_open else Finding.EQUAL
    reason = ", ".join(filter(None, [unstorable, left_open]))
    return TypeProof(proof.type, proof.run, reason, finding, proof.differences)


def _without_comparison(name: str, newest: Run | None, as_of: float) -> TypeProof:
    if newest is None:
        return TypeProof(name, None, "no run had started, or its record has expired")
    if not _had_ended(newest, as_of):
        return TypeProof(name, None, "no run had completed: the first one was running")
    if newest.status is Status.UNAVAILABLE:
        return TypeProof(name, None, _UNREADABLE[newest.status], Finding.ABSENT)
    why = _UNREADABLE.get(newest.status) or newest.reason or f"its run was {newest.status}"
    return TypeProof(name, None, f"no run had completed: {why}")


def _difference(one: Drift) -> JsonObject:
    return {
        "id": one.id,
        "type": one.type,
        "difference": one.difference.value,
        "resolution": one.resolution.value,
        "fields": [*one.fields],
        "reason": one.reason,
        "noticed_at": one.noticed_at,
    }
