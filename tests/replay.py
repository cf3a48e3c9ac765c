"""What a consumer of the change feed keeps: the mirror again, rebuilt from its changes alone."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from billing_mirror.core.json_body import Json, JsonObject, parse


def edited(body: JsonObject | None, edits: Iterable[JsonObject]) -> JsonObject:
    """The body after the edits of a change."""
    root: JsonObject = {"": copy.deepcopy(body)}
    for edit in edits:
        path = str(edit["path"])
        steps = [""] + [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
        inner: Json = root
        for step in steps[:-1]:
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]  # type: ignore[index]
        last = steps[-1]
        if isinstance(inner, list):
            inner[int(last)] = edit["after"]
        elif isinstance(inner, dict) and "after" in edit:
            inner[last] = edit["after"]
        elif isinstance(inner, dict):
            inner.pop(last, None)
    changed = root[""]
    assert isinstance(changed, dict)
    return changed


@dataclass
class Rebuilt:
    """One object as the changes show it."""

    token: int
    live: bool
    body: JsonObject | None
    digest: str
    columns: JsonObject
    members: dict[str, set[str]] = field(default_factory=dict)


Key = tuple[str, str, str]
"""Scope, type and id."""


class Replay:
    """Applies changes in any order, any number of times. Where a change does not hold all, it reads the mirror.

    ``read`` gets the token of the change, too.
    """

    def __init__(self, read: Callable[[Key, int], Rebuilt]) -> None:
        self._read = read
        self.objects: dict[Key, Rebuilt] = {}
        self.ignored = 0
        """Changes that came again, or after a later one."""
        self.reads = 0

    def apply(self, detail_type: str, detail: str) -> None:
        change = parse(detail)
        key = (str(change["scope"]), str(change["type"]), str(change["id"]))
        token = change["token"]
        assert isinstance(token, int)
        known = self.objects.get(key)
        if known is not None and token <= known.token:
            self.ignored += 1
        else:
            self.objects[key] = self._applied(key, known, detail_type, change)

    def _applied(self, key: Key, known: Rebuilt | None, detail_type: str, change: JsonObject) -> Rebuilt:
        token, columns, edits, digest = change["token"], change["after"], change["changed"], str(change["digest"])
        assert isinstance(token, int)
        assert isinstance(columns, dict)
        assert isinstance(edits, list)
        kind = detail_type.rpartition(".")[2]
        if kind == "removed":
            # What it was before may still be under way: its body is not needed any more.
            return Rebuilt(token, live=False, body=None, digest=digest, columns=columns)
        starts_anew = kind in ("created", "restored")
        follows = known is not None and known.live and known.digest == change["previous_digest"]
        if change["complete"] is not True or not (starts_anew or follows):
            self.reads += 1
            return self._read(key, token)
        body = edited(
            known.body if known and not starts_anew else None, [one for one in edits if isinstance(one, dict)]
        )
        return Rebuilt(token, live=True, body=body, digest=digest, columns=columns, members=_members(change))


def _members(change: JsonObject) -> dict[str, set[str]]:
    members = change["members"]
    assert isinstance(members, dict)
    return {name: {str(one) for one in ids} for name, ids in members.items() if isinstance(ids, list)}
