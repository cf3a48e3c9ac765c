"""What an object was at a moment: what its history knows for certain, or since when it does."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..table.items import Item
from ..table.stored import StoredObject
from .change import state_digest
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


def state_at(
    moment: str, entries: Iterable[Entry | None], present: Item | None, coverage: Coverage, *, now: float
) -> StateAt:
    """The state after the last change that happened at or before the moment, in the order of tokens.

    ``entries`` are those of the object, newest first, None where one was emptied; no more of them are read than needed.
    Where ``since`` of the answer is later than the moment, the history does not know what the object was.
    """
    ended_by: Entry | None = None
    last: Entry | None = None
    for entry in entries:
        if entry is None:
            # What was erased is not known any more, nor when it was.
            return _state(ended_by, present, _erased_since(ended_by, present))
        if entry.at <= moment:
            last = entry
            break
        ended_by = entry
    if ended_by is not None:
        return _state(ended_by, present, ended_by.former_since)
    return _state(None, present, _present_since(present, last, coverage, now))


def _state(ended_by: Entry | None, present: Item | None, since: str) -> StateAt:
    return StateAt(present if ended_by is None else ended_by.former, since, ended_by)


def _erased_since(ended_by: Entry | None, present: Item | None) -> str:
    if ended_by is not None:
        return ended_by.former_since
    return str(present["fetched_at"]) if present is not None else ""


def _present_since(present: Item | None, last: Entry | None, coverage: Coverage, now: float) -> str:
    if present is None:
        return coverage.reaches_back_to(now)
    fetched_at = str(present["fetched_at"])
    if fetched_at > coverage.until:
        return fetched_at  # its last write is not read yet: a change of it may be missing
    if last is None or not coverage.holds(last):
        return min(coverage.reaches_back_to(now), fetched_at)
    return last.at if last.state == state_digest(StoredObject(present, None)) else fetched_at
