"""How long a failed message stays invisible."""

import math
import zlib

FIRST_PAUSE = 5.0
"""Seconds after the first failure; doubled with each further failure."""
MAX_PAUSE = 900.0
"""Seconds: a recovered Stripe is noticed within a quarter of an hour."""


def seconds(message_id: str, receive_count: int, retry_after: float | None = None) -> int:
    """Seconds until the message is visible again: exponential, spread by a fifth, at least ``retry_after``.

    The spread is derived from the message, not random, so that equal runs are equal.
    """
    doubled = FIRST_PAUSE * 2.0 ** min(receive_count - 1, 20)
    spread = 0.8 + 0.2 * (zlib.crc32(f"{message_id}/{receive_count}".encode()) / 0xFFFFFFFF)
    wait = max(min(doubled, MAX_PAUSE) * spread, min(retry_after or 0.0, MAX_PAUSE))
    return math.ceil(wait)
