"""Whether a ``Stripe-Signature`` header may be given to the library that checks it, and whether it is fresh.

https://docs.stripe.com/webhooks#verify-manually
"""

import re

from .errors import InvalidSignature

TOLERANCE = 300
"""Seconds that a signature's time may lie in the past or in the future."""
MAX_HEADER = 4096

_TIME = re.compile(r"t=([0-9]{1,12})", re.ASCII)


def require_fresh(header: str | None, now: float) -> str:
    """The header, when it is worth computing an HMAC for. Raises :class:`Unsigned`.

    The library accepts any time in the future, and fails in other ways than by refusing on characters
    outside ASCII.
    """
    if not header:
        raise InvalidSignature("the Stripe-Signature header is missing")
    if len(header) > MAX_HEADER or not header.isascii():
        raise InvalidSignature("the Stripe-Signature header is malformed")
    # Exactly one: what is judged here must be the very time that the library puts under the HMAC.
    times = [part for part in header.split(",") if part.partition("=")[0] == "t"]
    found = _TIME.fullmatch(times[0]) if len(times) == 1 else None
    if found is None:
        raise InvalidSignature("the Stripe-Signature header does not have one time")
    if abs(now - int(found[1])) > TOLERANCE:
        raise InvalidSignature("the signature's time is too far from now")
    return header


def secrets_in(text: str) -> tuple[str, ...]:
    """The signing secrets in a stored text: one or more, separated by white space; a placeholder is none."""
    return tuple(word for word in text.split() if word.startswith("whsec_") and len(word) > len("whsec_"))
