"""Mutants of the notes of objects that the table cannot hold."""

from dataclasses import replace

from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.core.table.unstorable import UnstorableNote
from tests.doubles.mirror import MemoryMirror

from .registry import mutant, replaces

note_unstorable = MemoryMirror.note_unstorable


@mutant("a noted object is left alone although a list shows another state of it")
@replaces(UnstorableNote.is_of)
def trusts_any_note(self: UnstorableNote, digest: str, stripe_version: str) -> bool:
    return True


@mutant("a note does not keep the token of the fetch that was not stored")
@replaces(MemoryMirror.note_unstorable)
async def forgets_the_token(self: MemoryMirror, scope: Scope, note: UnstorableNote) -> bool:
    return await note_unstorable(self, scope, replace(note, token=UNCLAIMED_TOKEN))
