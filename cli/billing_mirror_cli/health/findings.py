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


class Check(StrEnum):
    """What is checked, as the lines name it; in docs/command.md, too."""

    CREDENTIALS = "credentials"
    STACK = "stack"
    OTHER_STACKS = "other stacks"
    STRIPE_KEY = "Stripe key"
    ACCOUNT = "account"
    KEY_PERMISSIONS = "key permissions"
    EVENT_DESTINATION = "event destination"
    OTHER_DESTINATIONS = "other destinations"
    SIGNING_SECRET = "signing secret"  # noqa: S105 - the name of a check
    QUEUE = "queue"
    SCHEDULE = "schedule"
    TABLE = "table"
    STREAM = "stream"
    CONNECTED_ACCOUNTS = "connected accounts"
    ALARMS = "alarms"
    LOST_EVENTS = "lost events"
    RECONCILE = "reconcile"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, as a line."""

    name: Check
    level: Level
    sentence: str
    remedy: str = ""

    def to_json(self) -> JsonObject:
        return {"check": self.name.value, "result": self.level.value, "sentence": self.sentence, "remedy": self.remedy}


def some_of(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
