"""Read after write: wait until the mirror has a fetch that started after a moment.

No clock decides, where it can be helped: a fencing token that is claimed after the first read belongs to a fetch that
started after it. Only a fetch under an older claim is compared by time, with a margin for the skew of two clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from ..core import times
from ..core.table.items import Item

PATIENCE = 2.0
"""Seconds for the event of the change to arrive, before a refresh is asked for."""
CLOCK_SKEW_MARGIN = 5.0
"""Seconds by which this machine's clock and a container's may differ: the stack's own default."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds between two reads, doubled each time."""


class Clock(Protocol):
    """The time in seconds since 1970, and a way to let it pass."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Implements :class:`Clock`."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the table shows of an object without its body. Both tokens are 0 where it shows nothing."""

    token: int
    fetched_at: float
    claimed: int
    type: str = ""
    parent: str | None = None

    @classmethod
    def from_items(cls, item: Item | None, claim: Item | None) -> Self:
        """The object's item and its counter; each may be missing."""
        held, parent = item or {}, (item or {}).get("parent")
        return cls(
            token=_integer(held, "token"),
            fetched_at=times.seconds(str(held["fetched_at"])) if held else 0.0,
            claimed=_integer(claim or {}, "claimed"),
            type=str(held.get("type", "")),
            parent=parent if isinstance(parent, str) else None,
        )


def wait(read: Callable[[], Seen], ask: Callable[[Seen], None], *, since: float, timeout: float, clock: Clock) -> bool:
    """Whether a fetch that started after ``since`` (seconds since 1970) is mirrored within ``timeout`` seconds.

    ``ask`` is called once, where no claim follows the first read within :data:`PATIENCE`.
    """
    first, started, pause, requested = read(), clock.now(), FIRST_PAUSE, False
    seen = first
    while not _answers(seen, first, since):
        waited = clock.now() - started
        if waited >= timeout:
            return False
        if not requested and waited >= PATIENCE and seen.claimed <= first.claimed:
            ask(seen)
            requested = True
        clock.sleep(min(pause, timeout - waited))
        pause = min(2 * pause, LONGEST_PAUSE)
        seen = read()
    return True


def _answers(seen: Seen, first: Seen, since: float) -> bool:
    # A counter that was lost is behind its object's token.
    claimed_later = seen.token > max(first.claimed, first.token)
    # What was stored from a list has no claim and the token 0: a list lags, so its time says nothing.
    was_fetched = seen.token > 0
    return claimed_later or (was_fetched and seen.fetched_at >= since + CLOCK_SKEW_MARGIN)


def _integer(item: Item, name: str) -> int:
    value = item.get(name)
    return value if isinstance(value, int) else 0
