"""A run of reconcile: one job on one type, what it has found so far, and the evidence that is kept of it.

A run may take many ticks. Its record says how far it is, its evidence has an entry for each object that a list made
doubtful. What was decided is counted from the evidence: whoever kills a run between two writes changes no count.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum

from . import times
from .drift import Difference
from .items import Item
from .json_body import Json

KEPT_FOR = 400 * 86400
"""Seconds for which a record and its evidence are kept."""


class Job(StrEnum):
    """What a run does."""

    RECOVER = "recover"
    """Lists the events since the last run, and queues those that the mirror does not show."""
    VERIFY = "verify"
    """Lists all objects of a type, and looks at those that the mirror shows otherwise."""
    BACKFILL = "backfill"
    """The same, but what the mirror has never seen is taken from the lists."""
    USAGE = "usage"
    """Fetches what customers have used of meters."""


class Status(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    COMPLETE = "complete"
    """Every list was read to its end and every suspicion looked at."""
    FAILED = "failed"
    """It came upon something that trying again at once would not change."""
    UNAUTHORIZED = "unauthorized"
    """The key may not read the type."""
    UNAVAILABLE = "unavailable"
    """Stripe does not show the type to this account."""


class Resolution(StrEnum):
    """What a fetch said of a suspicion."""

    REPAIRED = "repaired"
    """The mirror was wrong, and is right now."""
    FALSE_ALARM = "false_alarm"
    """The mirror was right, or a newer write was on its way: the list was behind."""
    UNRESOLVED = "unresolved"
    """No answer could be had."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One suspicion and how it ended. ``fields`` are the top-level members that differed.

    ``token`` is the number under which it was written, or was to be.
    """

    id: str
    difference: Difference
    resolution: Resolution
    fields: tuple[str, ...] = ()
    reason: str = ""
    type: str = field(default="", compare=False)
    token: int = field(default=0, compare=False)

    def to_item(self, run: "Run", noticed_at: float) -> Item:
        """The columns of the evidence."""
        return {
            "type": self.type or run.type,
            "id": self.id,
            "difference": self.difference,
            "resolution": self.resolution,
            "fields": [*self.fields],
            "reason": self.reason,
            "token": self.token,
            "run": times.iso(run.started_at),
            "noticed_at": times.iso(noticed_at),
            "expires_at": int(noticed_at) + KEPT_FOR,
        }


def drift(entry: Item) -> Drift:
    """What :meth:`Drift.entry` has written."""
    differed, token = entry.get("fields"), entry.get("token")
    return Drift(
        id=str(entry["id"]),
        difference=Difference(str(entry["difference"])),
        resolution=Resolution(str(entry["resolution"])),
        fields=tuple(str(name) for name in differed) if isinstance(differed, list) else (),
        reason=str(entry.get("reason", "")),
        type=str(entry.get("type", "")),
        token=token if isinstance(token, int) else 0,
    )


@dataclass(slots=True)
class Counts:
    """What a run has done and found."""

    pages: int = 0
    stripe_calls: int = 0
    milliseconds: int = 0
    """Of work, over all ticks."""
    compared: int = 0
    """Objects that lists have shown."""
    equal: int = 0
    inserted: int = 0
    """Objects that were taken from a list, because the mirror had never seen them."""
    queued: int = 0
    """Messages that process has to work on: events that were lost, objects that a list does not show whole."""
    in_flight: int = 0
    """Objects that differ and were left to a refresh that was on its way."""
    refreshed: int = 0
    """Objects that were fetched although nothing said that they differ, and did not."""
    written: int = 0
    """Hours of usage that were new or had changed."""
    missing: int = 0
    """Confirmed differences, by kind: Stripe had it and the mirror had not ..."""
    different: int = 0
    """... both had it, in other states ..."""
    not_listed: int = 0
    """... the mirror had it and Stripe had not ..."""
    no_list: int = 0
    """... or there was no list that could be read."""
    repaired: int = 0
    false_alarms: int = 0
    unresolved: int = 0
    restarts: int = 0
    """Times that a list had to be read from its beginning again."""
    lists_unreadable: int = 0
    """Lists that could not be read."""

    @property
    def found(self) -> int:
        """Differences that no fetch has dismissed."""
        return self.repaired + self.unresolved

    def columns(self) -> dict[str, int]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(Counts)}

    def since(self, before: "Counts") -> "Counts":
        """What was counted after ``before``; what was counted again and came out less is no news."""
        return Counts(**{name: max(0, count - getattr(before, name)) for name, count in self.columns().items()})

    def add(self, drift: Drift) -> None:
        """Counts a decided suspicion."""
        match drift.resolution:
            case Resolution.FALSE_ALARM:
                self.false_alarms += 1
                return
            case Resolution.REPAIRED:
                self.repaired += 1
            case Resolution.UNRESOLVED:
                self.unresolved += 1
        kind = Difference.DIFFERENT if drift.difference is Difference.OUTDATED else drift.difference
        setattr(self, kind, getattr(self, kind) + 1)

    def reset_decisions(self) -> None:
        """Sets back what :meth:`add` counts."""
        self.missing = self.different = self.not_listed = self.no_list = 0
        self.repaired = self.false_alarms = self.unresolved = 0


def counts(entry: Item) -> Counts:
    """The counts among the columns of an entry."""
    known = {one.name for one in fields(Counts)}
    return Counts(**{name: number for name, number in entry.items() if name in known and isinstance(number, int)})


@dataclass(slots=True)
class Run:
    """One run. Times are in seconds since 1970; ``type`` is an object type, or ``events``."""

    type: str
    job: Job
    started_at: float
    updated_at: float = 0.0
    """When somebody worked on it last."""
    finished_at: float = 0.0
    status: Status = Status.RUNNING
    reason: str = ""
    """Why it did not come to its end, or not yet."""
    failures: int = 0
    """Ticks in a row in which it met trouble."""
    watermark: str = ""
    """Up to when everything that was to be found is queued (events only; ISO 8601, UTC)."""
    last_verified_at: float = 0.0
    """When the last run before it that came to its end did so, or the first one began."""
    started_empty: bool = False
    """Whether it is a backfill, and the mirror had nothing of the type: then nothing in it can be missed on a list."""
    counts: Counts = field(default_factory=Counts)

    @property
    def name(self) -> str:
        """The place of its record, and the beginning of those of its evidence."""
        return times.iso(self.started_at)

    @property
    def complete(self) -> bool:
        return self.status is Status.COMPLETE

    @property
    def verified_at(self) -> float:
        """When a run of its name came to its end last; where none has, when the first one began."""
        return self.finished_at if self.complete else self.last_verified_at or self.started_at

    def to_item(self) -> Item:
        """The columns of the record."""
        return {
            "type": self.type,
            "job": self.job,
            "started_at": times.iso(self.started_at),
            "updated_at": times.iso(self.updated_at),
            "finished_at": times.iso(self.finished_at) if self.finished_at else None,
            "status": self.status,
            "reason": self.reason,
            "failures": self.failures,
            "watermark": self.watermark,
            "last_verified_at": times.iso(self.last_verified_at) if self.last_verified_at else None,
            "started_empty": self.started_empty,
            "found": self.counts.found,
            **self.counts.columns(),
            "expires_at": int(self.updated_at or self.started_at) + KEPT_FOR,
        }


def run(entry: Item) -> Run:
    """What :meth:`Run.entry` has written."""
    failures = entry.get("failures")
    return Run(
        type=str(entry["type"]),
        job=Job(str(entry["job"])),
        started_at=times.seconds(str(entry["started_at"])),
        updated_at=times.seconds(str(entry["updated_at"])),
        finished_at=_seconds(entry.get("finished_at")),
        status=Status(str(entry["status"])),
        reason=str(entry.get("reason", "")),
        failures=failures if isinstance(failures, int) else 0,
        watermark=str(entry.get("watermark", "")),
        last_verified_at=_seconds(entry.get("last_verified_at")),
        started_empty=entry.get("started_empty") is True,
        counts=counts(entry),
    )


def _seconds(value: Json | bytes) -> float:
    return times.seconds(value) if isinstance(value, str) else 0.0
