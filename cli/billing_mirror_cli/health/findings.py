"""One thing that `doctor` has checked, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing_mirror.core.json_body import JsonObject

_MOST = 5


class Level(StrEnum):
    """What a check has found, the best first."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be checked."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, as a line."""

    name: str
    level: Level
    sentence: str
    remedy: str = ""

    def to_json(self) -> JsonObject:
        return {"check": self.name, "result": self.level.value, "sentence": self.sentence, "remedy": self.remedy}


def some_of(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
