"""Whether a ``Stripe-Signature`` header is well-formed and fresh, and whether it signs a text.

https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import re

from ..errors import ConfigurationError, InvalidSignature

TOLERANCE = 300
"""Seconds that a signature's time may lie in the past or in the future."""
MAX_HEADER = 4096
SCHEME = "v1"
"""The only one that Stripe uses: https://docs.stripe.com/webhooks#verify-manually"""

# Base64, in either alphabet. A word that holds the prefix twice is two secrets without a separator.
_SECRET = re.compile(r"whsec_(?!.*whsec_)[A-Za-z0-9+/=_-]{1,255}", re.ASCII)
_SEPARATORS = re.compile(r"[\s,;]+")
_TIME = re.compile(r"t=([0-9]{1,12})", re.ASCII)


def require_fresh(header: str | None, now: float) -> str:
    """The header, where it is worth computing an HMAC for. Raises :class:`InvalidSignature`.

    Stripe's library accepts any time in the future.
    """
    if not header:
        raise InvalidSignature("the Stripe-Signature header is missing")
    if len(header) > MAX_HEADER or not header.isascii():
        raise InvalidSignature("the Stripe-Signature header is malformed")
    # Exactly one: the time checked here must be the time that is signed.
    times = [part for part in header.split(",") if part.partition("=")[0] == "t"]
    found = _TIME.fullmatch(times[0]) if len(times) == 1 else None
    if found is None:
        raise InvalidSignature("the Stripe-Signature header does not have one time")
    if abs(now - int(found[1])) > TOLERANCE:
        raise InvalidSignature("the signature's time is too far from now")
    return header


def is_signed(text: str, header: str, secret: str) -> bool:
    """Whether one of the signatures in a header that :func:`require_fresh` returned signs the text with this secret.

    As Stripe's library checks it, whose import is a sixth of a cold start's. A test compares the two.
    """
    parts = [part.split("=", 2) for part in header.split(",")]
    if [SCHEME] in parts:
        return False
    signed_at = int(next(part[1] for part in parts if part[0] == "t"))
    expected = hmac.new(secret.encode(), f"{signed_at}.{text}".encode(), hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected, part[1]) for part in parts if part[0] == SCHEME)


def secrets_in(text: str) -> tuple[str, ...]:
    """The signing secrets in a stored text, separated by white space, commas or semicolons.

    Raises :class:`ConfigurationError` where there is none, or where a word cannot be one.
    """
    words = [word for word in _SEPARATORS.split(text) if word]
    secrets = tuple(word for word in words if _SECRET.fullmatch(word))
    if not secrets:
        raise ConfigurationError("the secret that SIGNING_SECRET_ARN names holds no signing secret (whsec_...)")
    if len(secrets) < len(words):
        raise ConfigurationError(
            "the secret that SIGNING_SECRET_ARN names holds a word that is no signing secret (whsec_...)"
        )
    return secrets
