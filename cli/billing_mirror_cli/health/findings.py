"""One thing that `doctor` has checked, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing_mirror.core.json_body import JsonObject


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
