"""The changes that the pages show of the history that the stack keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from billing_mirror.core.json_body import Json

from ..json_text import one_line
from ..moved import Moved, moved, unmoved
from ..stack.session import Session
from ..words import count, moment
from .history import Change, FieldChange, History, Named, NoHistory, Timeline

OBJECTS_READ = 20
"""Objects of which a page reads the history."""
CHANGES_SHOWN = 20
FIELDS_SHOWN = 12
"""Fields of one change that a page names."""
LENGTH_SHOWN = 200
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """The history of a stack that keeps former states for so many days."""

    session: Session
    days: int

    def timeline(self, objects: Sequence[Named]) -> Timeline:
        read = objects[:OBJECTS_READ]
        # One more than is shown says that there are more.
        changes = {of: [*self._changes(of)] for of in read}
        found = sorted(chain.from_iterable(changes.values()), key=attrgetter("at"), reverse=True)
        unchanged = [of for of in read if not changes[of]]
        notes = [*self._note(objects, found), *self._unchanged(unchanged, is_all=not found)]
        return Timeline(found[:CHANGES_SHOWN], " ".join(notes))

    def _changes(self, of: Named) -> Iterator[Change]:
        """Newest first: in this order sorting leaves those of one moment."""
        session = self.session
        for one in moved(session.reader, of.id, of.type, CHANGES_SHOWN + 1, session.now()):
            yield _shown(of, one)

    def _note(self, objects: Sequence[Named], found: Sequence[Change]) -> Iterator[str]:
        yield f"Former states are kept for {count(self.days, 'day')}."
        if len(found) > CHANGES_SHOWN:
            yield f"These are the newest {CHANGES_SHOWN} changes; billing-mirror history ID --limit 100 shows more."
        if len(objects) > OBJECTS_READ:
            yield f"Of {len(objects):,} objects, only the first {OBJECTS_READ} are here; each has a page of its own."

    def _unchanged(self, objects: Sequence[Named], *, is_all: bool) -> Iterator[str]:
        """What the history knows of objects without changes; where it lacks none, it says so only of all."""
        session = self.session
        found = {of.id: unmoved(session.reader, of.id, of.type, session.now()) for of in objects}
        unknown = [identifier for identifier, one in found.items() if not one.is_kept]
        if unknown:
            yield f"No change of {', '.join(unknown)} is kept, and changes may be missing."
        elif is_all and found:
            yield f"Nothing has changed since {moment(max(one.since for one in found.values()))}."


def history_of(session: Session) -> History:
    """The history that the stack keeps."""
    days = int(session.stack.parameters.get("HistoryDays", "0"))
    return KeptHistory(session, days) if days else NoHistory()


def _shown(of: Named, one: Moved) -> Change:
    notes = [*one.notes]
    if not one.change.announced:
        notes.append("no event announced it: this is the time of the fetch that showed it")
    if len(one.fields) > FIELDS_SHOWN:
        notes.append(f"{len(one.fields) - FIELDS_SHOWN:,} more fields changed: billing-mirror history {of.id}")
    return Change(
        at=one.change.at,
        id=of.id,
        type=of.type,
        kind=one.change.kind,
        fields=[FieldChange(it.path, _text(it.mirror), _text(it.stripe)) for it in one.fields[:FIELDS_SHOWN]],
        note=" ".join(f"{note[0].upper()}{note[1:]}." for note in notes),
    )


def _text(value: Json) -> str:
    """A word as it is; all else as JSON."""
    text = value if isinstance(value, str) and value else one_line(value)
    return text if len(text) <= LENGTH_SHOWN else f"{text[:LENGTH_SHOWN]}..."
