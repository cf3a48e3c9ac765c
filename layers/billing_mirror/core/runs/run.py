"""A run of reconcile: one job on one type, its counts so far, and its evidence.

A run may take many ticks. Its record holds its status, its evidence one entry for each difference. Drift is counted
from the evidence, so a crash between two writes changes no count.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Self

from .. import times
from ..json_body import Json
from ..table.items import Item, id_columns, id_in
from .deep_sample import DeepSample
from .drift import Difference

OUT_OF_TIME = "out of time; the next tick continues"
"""The reason of a run whose tick ended before it did."""
KEPT_FOR = 400 * 86400
"""Seconds until a record and its evidence expire."""


class Job(StrEnum):
    """What a run does."""

    RECOVER = "recover"
    """Lists the events since the last run, and queues those that the mirror does not reflect."""
    VERIFY = "verify"
    """Lists all objects of a type, and fetches those that differ from the mirror."""
    BACKFILL = "backfill"
    """Like verify, and inserts objects that the mirror has never seen from the lists."""
    USAGE = "usage"
    """Fetches the usage of customers, by meter and hour."""


class Status(StrEnum):
    """How a run ended, or that it is still running."""

    RUNNING = "running"
    COMPLETE = "complete"
    """Every list was read to its end, and every difference was verified."""
    FAILED = "failed"
    """It met an error that an immediate retry would not change."""
    UNAUTHORIZED = "unauthorized"
    """The key may not read the type."""
    UNAVAILABLE = "unavailable"
    """Stripe does not list the type for this account."""
    REVOKED = "revoked"
    """The key has no access to the connected account."""


class Resolution(StrEnum):
    """What a fetch showed about a difference."""

    REPAIRED = "repaired"
    """The mirror was wrong, and is correct now."""
    FALSE_ALARM = "false_alarm"
    """The mirror was correct, or a newer write was in flight: the list was behind."""
    UNRESOLVED = "unresolved"
    """No fetch has succeeded."""
    UNSTORABLE = "unstorable"
    """The table cannot hold what Stripe shows. It is no drift, and is not tried again until it changes."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference and its resolution. ``fields`` are the top-level members that differed.

    ``token`` is the fencing token of the repair, also when the write did not happen.
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
            **id_columns(self.id),
            "difference": self.difference,
            "resolution": self.resolution,
            "fields": [*self.fields],
            "reason": self.reason,
            "token": self.token,
            "run": times.iso(run.started_at),
            "noticed_at": times.iso(noticed_at),
            "expires_at": int(noticed_at) + KEPT_FOR,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        differing, token = item.get("fields"), item.get("token")
        return cls(
            id=id_in(item),
            difference=Difference(str(item["difference"])),
            resolution=Resolution(str(item["resolution"])),
            fields=tuple(str(name) for name in differing) if isinstance(differing, list) else (),
            reason=str(item.get("reason", "")),
            type=str(item.get("type", "")),
            token=token if isinstance(token, int) else 0,
        )


@dataclass(slots=True)
class Counts:
    """The work and the findings of a run."""

    pages: int = 0
    stripe_calls: int = 0
    milliseconds: int = 0
    """Time worked, over all ticks."""
    compared: int = 0
    """Objects on the lists."""
    equal: int = 0
    inserted: int = 0
    """Objects inserted from a list, because the mirror had never seen them."""
    queued: int = 0
    """Messages sent to process: lost events, and objects that a list shows incompletely."""
    in_flight: int = 0
    """Objects that differ and were left to a refresh in flight."""
    refreshed: int = 0
    """Objects that were fetched without a known difference, and did not differ."""
    written: int = 0
    """Hours of usage that were new or had changed."""
    missing: int = 0
    """Differences except false alarms, by kind: only Stripe had the object ..."""
    different: int = 0
    """... both had it, in different states ..."""
    not_listed: int = 0
    """... only the mirror had it ..."""
    no_list: int = 0
    """... no list could be read ..."""
    stored_wrong: int = 0
    """... or the table held something that no write stores."""
    repaired: int = 0
    false_alarms: int = 0
    unresolved: int = 0
    restarts: int = 0
    """Times that a list was read again from its beginning."""
    lists_unreadable: int = 0
    """Lists that could not be read."""
    types_queued: int = 0
    """Types to verify whole, because an event that Stripe failed to create names no object."""
    unstorable: int = 0
    """Objects of the type that the table cannot hold, at the end of the run."""
    held: int = 0
    """Objects that Stripe does not return, and that were kept because they are too many."""
    stored_read: int = 0
    """Stored objects that a deep verify read, to compare their columns with their bodies."""

    @property
    def found(self) -> int:
        """Differences except false alarms."""
        return self.repaired + self.unresolved

    @property
    def open_differences(self) -> int:
        """Objects that differed, and of which the run does not know whether they still do."""
        return self.unresolved + self.in_flight

    def columns(self) -> dict[str, int]:
        """The counts by name."""
        return {one.name: getattr(self, one.name) for one in fields(Counts)}

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads the counts among the columns of an item."""
        known = {one.name for one in fields(Counts)}
        return cls(**{name: number for name, number in item.items() if name in known and isinstance(number, int)})

    def since(self, before: "Counts") -> "Counts":
        """What was counted after ``before``. A count that became smaller was counted anew and is 0."""
        return Counts(**{name: max(0, count - getattr(before, name)) for name, count in self.columns().items()})

    def add(self, more: "Counts") -> None:
        for name, count in more.columns().items():
            setattr(self, name, getattr(self, name) + count)

    def add_drift(self, drift: Drift) -> None:
        """Counts a drift by its resolution and its kind."""
        match drift.resolution:
            case Resolution.UNSTORABLE:
                return  # counted by the notes: most runs leave such an object alone
            case Resolution.FALSE_ALARM:
                self.false_alarms += 1
                return
            case Resolution.REPAIRED:
                self.repaired += 1
            case Resolution.UNRESOLVED:
                self.unresolved += 1
        both_have_it = drift.difference in (Difference.OUTDATED, Difference.PARTLY_LISTED)
        kind = Difference.DIFFERENT if both_have_it else drift.difference
        setattr(self, kind, getattr(self, kind) + 1)

    def reset_drifts(self) -> None:
        """Resets everything that :meth:`add_drift` counts."""
        self.missing = self.different = self.not_listed = self.no_list = self.stored_wrong = 0
        self.repaired = self.false_alarms = self.unresolved = 0


@dataclass(slots=True)
class Run:
    """The record of a run. Times are in seconds since 1970; ``type`` is an object type, or ``recover``."""

    type: str
    job: Job
    started_at: float
    updated_at: float = 0.0
    """When a tick last worked on it."""
    finished_at: float = 0.0
    status: Status = Status.RUNNING
    reason: str = ""
    """Why it did not complete, or not yet."""
    failures: int = 0
    """Consecutive ticks that met an error, since the last one that got further."""
    watermark: str = ""
    """All lost events before this time are queued (recover runs only; ISO 8601, UTC)."""
    last_verified_at: float = 0.0
    """When the last complete run before this one finished; without one, when the first run started."""
    started_empty: bool = False
    """Whether it is a backfill of a type of which the mirror held nothing: then no mirrored object can be unlisted."""
    deletions_confirmed: bool = False
    """Whether a person has confirmed that the run may remove any number of objects."""
    until_now: bool = False
    """Whether a person wants events read whose webhooks may still be on their way (recover runs only)."""
    since: float = 0.0
    """From when on a person wants events read again (recover runs only); 0: from the watermark on."""
    expected: int = 0
    """Objects on the lists when the last complete run read them; 0 where none has."""
    deep_percent: int = 0
    """The share of the stored objects that the run reads (verify runs only) ..."""
    deep_from: int = 0
    """... and the first of the hundred slots that they are in."""
    wants_filter_since: float = 0.0
    """When a run of this name first failed as Stripe wants a filter that was not sent; 0 where the last did not."""
    counts: Counts = field(default_factory=Counts)

    @property
    def name(self) -> str:
        """The sort key of its record, and the prefix of the sort keys of its checkpoints and evidence."""
        return times.iso(self.started_at)

    @property
    def complete(self) -> bool:
        return self.status is Status.COMPLETE

    @property
    def verified_at(self) -> float:
        """When the last complete run of this name finished; without one, when the first run started."""
        return self.finished_at if self.complete else self.last_verified_at or self.started_at

    @property
    def is_first(self) -> bool:
        """Whether no run of this name was there before."""
        return self.last_verified_at in (0.0, self.started_at)

    @property
    def expected_next(self) -> int:
        """What the next run may expect."""
        return self.counts.compared if self.complete else self.expected

    @property
    def deep(self) -> DeepSample:
        """The stored objects that the run reads."""
        return DeepSample(self.deep_percent, self.deep_from)

    @property
    def next_deep_slot(self) -> int:
        """Where the next run starts to read. A run reads the same again where this one left a stored object wrong."""
        is_open = self.counts.stored_wrong and self.counts.open_differences
        return self.deep.end if self.complete and not is_open else self.deep_from

    @property
    def paused(self) -> bool:
        """Whether its last tick had no time left, and met no error."""
        return self.reason == OUT_OF_TIME

    def begin_tick(self) -> None:
        """A tick starts to work on it."""
        self.reason = ""

    def pause(self) -> None:
        """A tick has no time left; the next one continues."""
        self.reason, self.failures = OUT_OF_TIME, 0

    def hand_over(self, reason: str) -> None:
        """Another tick works on it. This one stores nothing more of it."""
        self.reason = reason

    def fail_tick(self, reason: str, *, got_further: bool) -> None:
        """A tick met an error, after it had read more pages or without."""
        self.reason, self.failures = reason, 1 if got_further else self.failures + 1

    def complete_at(self, now: float) -> None:
        """Every list was read to its end, and every difference was verified."""
        self.failures, self.wants_filter_since = 0, 0.0
        self.end(Status.COMPLETE, "", now)

    def end(self, status: Status, reason: str, now: float) -> None:
        """Ends it: no tick resumes it."""
        self.status, self.reason, self.finished_at = status, reason, now

    def reopen(self, reason: str) -> None:
        """Its end could not be stored: the next tick resumes it. An earlier reason stays."""
        self.status, self.reason, self.finished_at = Status.RUNNING, self.reason or reason, 0.0

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
            "deletions_confirmed": self.deletions_confirmed,
            "until_now": self.until_now,
            "since": times.iso(self.since) if self.since else None,
            "expected": self.expected,
            "deep_percent": self.deep_percent,
            "deep_from": self.deep_from,
            "wants_filter_since": times.iso(self.wants_filter_since) if self.wants_filter_since else None,
            "found": self.counts.found,
            **self.counts.columns(),
            "expires_at": int(self.updated_at or self.started_at) + KEPT_FOR,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        return cls(
            type=str(item["type"]),
            job=Job(str(item["job"])),
            started_at=times.seconds(str(item["started_at"])),
            updated_at=times.seconds(str(item["updated_at"])),
            finished_at=_seconds(item.get("finished_at")),
            status=Status(str(item["status"])),
            reason=str(item.get("reason", "")),
            failures=_whole_number(item.get("failures")),
            watermark=str(item.get("watermark", "")),
            last_verified_at=_seconds(item.get("last_verified_at")),
            started_empty=item.get("started_empty") is True,
            deletions_confirmed=item.get("deletions_confirmed") is True,
            until_now=item.get("until_now") is True,
            since=_seconds(item.get("since")),
            expected=_whole_number(item.get("expected")),
            deep_percent=_whole_number(item.get("deep_percent")),
            deep_from=_whole_number(item.get("deep_from")),
            wants_filter_since=_seconds(item.get("wants_filter_since")),
            counts=Counts.from_item(item),
        )


def _whole_number(value: Json | bytes) -> int:
    return value if isinstance(value, int) else 0


def _seconds(value: Json | bytes) -> float:
    return times.seconds(value) if isinstance(value, str) else 0.0
