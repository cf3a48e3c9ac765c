"""Which time an operator means."""

from __future__ import annotations

from datetime import UTC, datetime

from .failures import usage


def past_time(given: str | None, now: float) -> float:
    """A time in seconds since 1970; a day is its end. Raises :class:`Failure`."""
    if given is None:
        return now
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise usage(f"{given} is no time", "Give one such as 2026-11-28T14:00:00Z, or a day: 2026-11-28") from error
    if len(given) == len("2026-11-28"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_000)
    seconds = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    if seconds > now:
        if len(given) == len("2026-11-28") and seconds - now < 24 * 3600:
            return now  # today
        raise usage(f"{given} is in the future", "Give a time that is over")
    return seconds
