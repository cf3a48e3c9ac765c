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
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]  # type: ignore[index, call-overload]
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
    """One object as the changes tell it."""

    token: int
    live: bool
    body: JsonObject | None
    columns: JsonObject
    members: dict[str, set[str]] = field(default_factory=dict)


class Replay:
    """Applies changes in any number of repetitions. Where a change does not tell all, it reads the mirror."""

    def __init__(self, read_body: Callable[[JsonObject], JsonObject | None]) -> None:
        self._read_body = read_body
        self.objects: dict[tuple[str, str, str], Rebuilt] = {}
        self.ignored = 0
        """Changes that came again, or after a later one."""

    def apply(self, detail_type: str, detail: str) -> None:
        change = parse(detail)
        key = (str(change["scope"]), str(change["type"]), str(change["id"]))
        token = change["token"]
        assert isinstance(token, int)
        known = self.objects.get(key)
        if known is not None and token <= known.token:
            self.ignored += 1
            return
        columns = change["after"]
        assert isinstance(columns, dict)
        live = not detail_type.endswith(".removed")
        members = _members(known.members if known else {}, change)
        self.objects[key] = Rebuilt(token, live, self._body(known, change, live=live), columns, members)

    def _body(self, known: Rebuilt | None, change: JsonObject, *, live: bool) -> JsonObject | None:
        if not live:
            return known.body if known else None
        if change["complete"] is not True or (known is not None and known.body is None):
            return self._read_body(change)
        edits = change["changed"]
        assert isinstance(edits, list)
        return edited(known.body if known else None, [edit for edit in edits if isinstance(edit, dict)])


def _members(known: dict[str, set[str]], change: JsonObject) -> dict[str, set[str]]:
    members = {name: set(ids) for name, ids in known.items()}
    changed = change["members"]
    assert isinstance(changed, dict)
    for name, lists in changed.items():
        assert isinstance(lists, dict)
        added, removed = lists["added"], lists["removed"]
        assert isinstance(added, list)
        assert isinstance(removed, list)
        members[name] = members.get(name, set()) - {str(one) for one in removed} | {str(one) for one in added}
    return members
