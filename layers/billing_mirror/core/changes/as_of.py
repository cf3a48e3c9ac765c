"""What an object was at a moment: what its history knows for certain, or since when it does."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..table.items import Item
from ..table.stored import StoredObject
from .change import is_erased, state_digest
from .history import Coverage, Entry


@dataclass(frozen=True, slots=True)
class StateAt:
    """An object's state at a moment. Moments are in ISO 8601, UTC.

    ``item`` is None where the mirror did not hold the object. The state is known from ``since`` on; before, it may have
    been another. ``ended_by`` is the change that has ended it; None for the present one.
    """

    item: Item | None
    since: str
    ended_by: Entry | None


def state_at(moment: str, entries: Iterable[Entry], present: Item | None, coverage: Coverage, *, now: float) -> StateAt:
    """The state after the last change that happened at or before the moment, in the order of tokens.

    ``entries`` are those of the object, newest first; no more of them are read than needed.
    Where ``since`` of the answer is later than the moment, the history does not know what the object was.
    """
    ended_by: Entry | None = None
    last: Entry | None = None
    for entry in entries:
        if entry.at <= moment:
            last = entry
            break
        ended_by = entry
    if ended_by is not None:
        return StateAt(ended_by.former, ended_by.former_since, ended_by)
    return StateAt(present, _present_since(present, last, coverage, now), None)


def _present_since(present: Item | None, last: Entry | None, coverage: Coverage, now: float) -> str:
    if present is None:
        return coverage.reaches_back_to(now)
    fetched_at = str(present["fetched_at"])
    stored = StoredObject(present, None)
    # Its last write is not read yet, so that a change of it may be missing; or what was before was erased.
    if fetched_at > coverage.until or is_erased(stored):
        return fetched_at
    if last is None or not coverage.holds(last):
        return min(coverage.reaches_back_to(now), fetched_at)
    return last.at if last.state == state_digest(stored) else fetched_at
