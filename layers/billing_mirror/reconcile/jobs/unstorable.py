"""Objects that the table cannot hold: tried again when they change or may be taken, and counted apart from drift."""

from collections.abc import Mapping, Sequence

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.fingerprints import Fingerprints
from billing_mirror.core.runs.run import Drift, Resolution
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.core.table.unstorable import UnstorableNote, writable
from billing_mirror.ports import Mirror

from ..lists.pages import ObjectPage
from ..runs.active_run import ActiveRun

WITHOUT_ID = "the list shows an object without an id"


async def load_notes(object_type: ObjectType, run: ActiveRun) -> None:
    """Reads the notes of a type, for the comparisons of this tick."""
    run.notes = {note.id: note async for note in run.ports.mirror.unstorable(run.scope, object_type.name)}


def compare_notes(
    object_type: ObjectType, listed: Sequence[JsonObject], heads: Mapping[str, Head], run: ActiveRun
) -> dict[str, bool]:
    """By id, the listed objects that were noted and are still not stored: whether to leave them alone.

    That is where they are as they were noted, unless the table has refused them, and was not tried in this run.
    """
    if not run.notes:
        return {}
    version = run.ports.stripe.version(object_type.api)
    return {
        identifier: note.is_of(digest(object_type, entry), version) and not note.is_due(run.record.started_at)
        for entry in listed
        if (identifier := json_body.text_at(entry, "id"))
        and (note := run.notes.get(identifier))
        and note.has_key
        and note.is_outstanding(heads.get(identifier))
    }


async def find_note(drift: Drift, run: ActiveRun) -> UnstorableNote | None:
    """The note that a repair has left, or one of a later fetch."""
    async for note in run.ports.mirror.unstorable(run.scope, drift.type):
        if note.id == drift.id and note.token >= drift.token:
            return note
    return None


# ---- what the table has no key for


async def note_without_key(name: str, reason: str, run: ActiveRun) -> None:
    """Notes an object that no URL and no key can name; once, and with evidence in the run that noticed it."""
    name = writable(name)
    if name in run.notes:
        return
    note = UnstorableNote(run.record.type, name, reason, digest="", noticed_at=run.ports.clock.now(), has_key=False)
    await run.record_drift(Drift(name, Difference.MISSING, Resolution.UNSTORABLE, reason=reason))
    await run.ports.mirror.note_unstorable(run.scope, note)
    run.notes[name] = note


def names_without_key(page: ObjectPage) -> list[str]:
    """The names under which objects of a page are noted whose ids are none, or are not written as they are."""
    spelled = [name for identifier in page.ids if (name := writable(identifier)) != identifier]
    return [*spelled, *(name_without_id(entry) for entry in without_id(page))]


def without_id(page: ObjectPage) -> list[JsonObject]:
    """The objects of a page that have no id."""
    if len(page.ids) == len(page.objects):
        return []  # nearly every page
    return [entry for entry in page.objects if json_body.text_at(entry, "id") is None]


def name_without_id(entry: JsonObject) -> str:
    """What an object without an id is called: evidence and notes are stored by id."""
    return f"without an id, {json_body.digest(entry)[:16]}"


# ---- when a note is over


async def unlisted_notes(object_type: ObjectType, shown: Fingerprints, run: ActiveRun) -> list[ObjectRef]:
    """The noted objects that no list has shown and the mirror does not hold: each may be gone.

    Removes the notes of those that cannot be fetched.
    """
    found = []
    async for note in run.ports.mirror.unstorable(run.scope, object_type.name):
        if note.id in shown:
            continue
        ref = note.ref(run.scope)
        if ref is not None:
            found.append(ref)
        else:
            await run.ports.mirror.remove_note(run.scope, note)
    heads = await run.ports.mirror.heads(found)
    return [ref for ref in found if ref.key not in heads]


async def tend_notes(mirror: Mirror, scope: Scope, type_name: str = "") -> list[UnstorableNote]:
    """Removes the notes that are over; returns the others, of one type or of all."""
    notes = [note async for note in mirror.unstorable(scope, type_name)]
    refs = {note.sort_key: ref for note in notes if (ref := note.ref(scope))}
    heads = await mirror.heads(refs.values())
    outstanding = []
    for note in notes:
        ref = refs.get(note.sort_key)
        if note.is_outstanding(heads.get(ref.key) if ref else None):
            outstanding.append(note)
        else:
            await mirror.remove_note(scope, note)
    return outstanding
