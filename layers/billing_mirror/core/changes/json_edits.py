"""Where two JSON values differ, as edits: a JSON Pointer with the value before and after.

https://www.rfc-editor.org/rfc/rfc6901
"""

from collections.abc import Iterable, Iterator

from .. import json_body
from ..json_body import Json, JsonObject

PATH = "path"
BEFORE = "before"
AFTER = "after"
OMITTED = "omitted"
"""Members of an edit. One without ``before`` adds a member, one without ``after`` removes it; one that is ``omitted``
has neither, because it is too large."""


def edits(before: Json, after: Json, path: str = "") -> Iterator[JsonObject]:
    """The edits that turn one value into the other, in the order of their paths; none overlaps another.

    Lists of different lengths are one edit. A null member equals a missing one, as in ``json_body.canonical``.
    """
    if json_body.canonical(before) == json_body.canonical(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _edits_of_member(before, after, name, path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from edits(one, other, f"{path}/{index}")
    else:
        yield {PATH: path, BEFORE: before, AFTER: after}


def _edits_of_member(before: JsonObject, after: JsonObject, name: str, path: str) -> Iterator[JsonObject]:
    inner = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
    if name in before and name in after:
        yield from edits(before[name], after[name], inner)
    elif after.get(name) is not None:
        yield {PATH: inner, AFTER: after[name]}
    elif before.get(name) is not None:
        yield {PATH: inner, BEFORE: before[name]}


def bounded(given: Iterable[JsonObject], most: int) -> tuple[list[JsonObject], bool]:
    """As many edits as fit into ``most`` bytes of JSON, and whether they are all of them, with their values.

    An edit that is too large keeps its path; where no path fits any more, the rest is left out.
    """
    kept: list[JsonObject] = []
    complete = True
    for edit in given:
        size = _size(edit)
        if size > most:
            complete = False
            edit = {PATH: edit[PATH], OMITTED: True}
            size = _size(edit)
        if size > most:
            break
        most -= size
        kept.append(edit)
    return kept, complete


def _size(edit: JsonObject) -> int:
    return len(json_body.write(edit)) + 1  # and a comma; the text is ASCII
