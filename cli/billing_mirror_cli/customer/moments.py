"""Times of bodies, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from billing_mirror.core import times
from billing_mirror.core.json_body import JsonObject, value_at


def moment_at(body: JsonObject, path: str) -> datetime | None:
    """The time at a dotted path; v1 writes seconds, v2 text."""
    written = times.created(value_at(body, path))
    return None if written == times.UNKNOWN else datetime.fromisoformat(written).astimezone(UTC)


def iso(moment: datetime | None) -> str | None:
    """As the table writes it."""
    return times.iso(moment.timestamp()) if moment else None
