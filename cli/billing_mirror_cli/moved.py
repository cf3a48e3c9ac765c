"""What each change of an object has moved, and what is uncertain about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from billing_mirror.reader import Change, MirroredObject, Reader

from . import mirror
from .comparison import FieldDifference, compare
from .words import moment


@dataclass(frozen=True, slots=True)
class Moved:
    """A change, with each field before (``mirror``) and after (``stripe``) it. ``notes`` are what is uncertain."""

    change: Change
    fields: Sequence[FieldDifference]
    notes: Sequence[str]


def moved(reader: Reader, object_id: str, type_name: str, limit: int, now: float) -> Iterator[Moved]:
    """The newest changes of an object, newest first, so many at most."""
    later: Change | None = None
    for change in islice(mirror.history(reader, object_id, type_name), limit):
        if later is None:
            after, doubt = _present(reader, object_id, type_name, change, now)
        else:
            after, doubt = (later.former if later.former_since and not later.gap else None), ""
        yield _between(change, after, doubt)
        later = change


@dataclass(frozen=True, slots=True)
class Unmoved:
    """An object of which the history has no change. It has not changed ``since`` (ISO 8601, UTC); "" if not known.

    ``is_kept``: the history shows that, by the entries of its last writes.
    """

    since: str
    is_kept: bool


def unmoved(reader: Reader, object_id: str, type_name: str, now: float) -> Unmoved:
    """What is known of an object without changes: where its last write has no entry, only that its fetch showed it."""
    found = mirror.as_of(reader, object_id, type_name, now)
    if found is None or found.object is None or found.ended_by is not None:
        return Unmoved("", is_kept=False)
    return Unmoved(found.since, is_kept=found.since < found.object.fetched_at)


def _present(
    reader: Reader, object_id: str, type_name: str, newest: Change, now: float
) -> tuple[MirroredObject | None, str]:
    """The present state, and what is uncertain about the newest change having made it."""
    found = mirror.as_of(reader, object_id, type_name, now)
    if found is None or found.ended_by is not None:
        return None, ""
    if found.since == newest.at and not newest.gap_after:
        return found.object, ""
    return found.object, "a later change may be among these"


def _between(change: Change, after: MirroredObject | None, doubt: str) -> Moved:
    notes = []
    if change.gap_after:
        notes.append("changes after this one may be missing")
    if change.gap:
        since = f"; the state before is known since {moment(change.former_since)}" if change.former_since else ""
        notes.append(f"changes before this one may be missing{since}")
    if change.former is not None and not change.former_since:
        notes.append(
            "the state before was edited outside Billing Mirror, so fields may differ that Stripe did not change"
        )
    if change.kind != "updated":
        return Moved(change, [], notes)
    if change.former is None:
        return Moved(change, [], [*notes, "the state before it is not kept: it was too large"])
    if after is None:
        return Moved(change, [], [*notes, "the state after it is not known"])
    fields = list(compare(change.former.body, after.body))
    if not fields:
        notes.append("its customer or a list that belongs to it changed, not its body")
    return Moved(change, fields, [*notes, *filter(None, [doubt])])
