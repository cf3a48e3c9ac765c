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
            after, doubt = (None if later.gap else later.former), ""
        yield _between(change, after, doubt)
        later = change


def _present(
    reader: Reader, object_id: str, type_name: str, newest: Change, now: float
) -> tuple[MirroredObject | None, str]:
    """The present state, and what is uncertain about the newest change having made it."""
    found = mirror.as_of(reader, object_id, type_name, now)
    if found is None or found.ended_by is not None:
        return None, ""
    if found.since == newest.at:
        return found.object, ""
    return found.object, "a later change may be among these: the history is not known to be complete since then"


def _between(change: Change, after: MirroredObject | None, doubt: str) -> Moved:
    notes = []
    if change.gap:
        notes.append(
            f"changes before this one may be missing; the state before is known since {moment(change.former_since)}"
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
