"""How long a message that failed stays away from the queue."""

import math
import zlib

FIRST_PAUSE = 5.0
"""Seconds after the first failure; doubled with each further one."""
MAX_PAUSE = 900.0
"""Seconds at the most: a healed Stripe is noticed after a quarter of an hour."""


def seconds(message_id: str, receive_count: int, retry_after: float | None = None) -> int:
    """Seconds until the message is seen again: exponential, spread by a fifth, not under ``retry_after``.

    The spread comes from the message and not from chance, so that equal runs are equal.
    """
    doubled = FIRST_PAUSE * 2.0 ** min(receive_count - 1, 20)
    spread = 0.8 + 0.2 * (zlib.crc32(f"{message_id}/{receive_count}".encode()) / 0xFFFFFFFF)
    wait = max(min(doubled, MAX_PAUSE) * spread, min(retry_after or 0.0, MAX_PAUSE))
    return math.ceil(wait)
