"""How the table writes an instant: ISO 8601 in UTC with milliseconds, so that text order is time order.

Everywhere else an instant is a float of seconds since 1970.
"""

from datetime import UTC, datetime
from decimal import Decimal

from .json_body import Json, JsonObject

UNKNOWN = "1970-01-01T00:00:00.000Z"
"""Stands for the creation of an object that does not say when it was created."""

MAX_SECONDS = 10**12
"""Seconds since 1970 beyond which a number is no time."""


def iso(seconds: float) -> str:
    """``1732638783.0`` -> ``2024-11-26T16:33:03.000Z``."""
    return _write(datetime.fromtimestamp(seconds, UTC))


def seconds(text: str) -> float:
    """``2024-11-26T16:33:03.000Z`` -> ``1732638783.0``. Raises ValueError for other text."""
    return _read(text).timestamp()


def created(value: Json) -> str:
    """Stripe's ``created``, which is a string in v2 and Unix seconds in v1, as the table writes it."""
    try:
        match value:
            case str():
                return _write(_read(value))
            case bool():
                return UNKNOWN
            case int() | Decimal() if abs(Decimal(value)) < MAX_SECONDS:
                return _write(datetime.fromtimestamp(int(value), UTC))
            case _:
                return UNKNOWN
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


def created_at(body: JsonObject | None) -> float:
    """When a body says that its object was created, in seconds since 1970; 0 where no body says so."""
    return seconds(created(body.get("created"))) if body else 0.0


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    # Without an offset it would be taken for the time zone of the machine.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _write(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
