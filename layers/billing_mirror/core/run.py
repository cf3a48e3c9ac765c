"""What a reconcile pass found: the record that is kept of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from . import times
from .body import JsonObject
from .drift import Difference
from .items import Item

KEPT_FOR = 400 * 86400
"""Seconds for which a record is kept."""
MOST_IDS = 500
"""Drifts that a record names; it counts them all."""


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
    """One suspicion and how it ended. ``fields`` are the top-level members that differed."""

    id: str
    difference: Difference
    resolution: Resolution
    fields: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Run:
    """One pass over a type. Times are in seconds since 1970.

    ``complete`` is whether every list was read to its end and every suspicion looked at.
    """

    type: str
    started_at: float
    finished_at: float = 0.0
    complete: bool = False
    reason: str = ""
    pages: int = 0
    compared: int = 0
    in_flight: int = 0
    refreshed: int = 0
    """Objects that were fetched although nothing said that they differ, and did not."""
    written: int = 0
    """Hours of usage that were new or had changed."""
    refused: bool = False
    """Whether it ended early because Stripe does not show the type to this account."""
    next: str = ""
    """Where the next pass goes on, when this one could not come to the end."""
    looked_at: set[str] = field(default_factory=set)
    """Keys of the objects that were fetched: however many lists show one, once is enough."""
    drifts: list[Drift] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.finished_at - self.started_at

    def ended(self, resolution: Resolution) -> list[Drift]:
        """The suspicions that ended in one way."""
        return [drift for drift in self.drifts if drift.resolution is resolution]

    @property
    def upheld(self) -> list[Drift]:
        """Suspicions that no fetch has dismissed."""
        return [drift for drift in self.drifts if drift.resolution is not Resolution.FALSE_ALARM]

    def entry(self) -> Item:
        """The columns of the record."""
        return {
            "started_at": times.iso(self.started_at),
            "finished_at": times.iso(self.finished_at),
            "complete": self.complete,
            "reason": self.reason,
            "pages": self.pages,
            "compared": self.compared,
            "in_flight": self.in_flight,
            "refreshed": self.refreshed,
            "written": self.written,
            "refused": self.refused,
            "next": self.next,
            "found": len(self.upheld),
            "repaired": len(self.ended(Resolution.REPAIRED)),
            "false_alarms": len(self.ended(Resolution.FALSE_ALARM)),
            "unresolved": len(self.ended(Resolution.UNRESOLVED)),
            "drifts": [_entry(drift) for drift in self.upheld[:MOST_IDS]],
            "expires_at": int(self.started_at) + KEPT_FOR,
        }


def _entry(drift: Drift) -> JsonObject:
    return {
        "id": drift.id,
        "difference": drift.difference,
        "resolution": drift.resolution,
        "fields": [*drift.fields],
        "reason": drift.reason,
    }
