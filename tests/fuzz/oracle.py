"""The expected result of a request, computed without the shipped code.

The signature follows Stripe's description, over the raw bytes; the body is parsed by Python's own JSON reader.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from .harness import Event, bytes_of

LIMIT = 6_291_456
TOLERANCE = 300
LONGEST_HEADER = 4096
DEEPEST = 201
"""Levels, the outermost among them."""

_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,255}", re.ASCII)
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]+", re.ASCII)
_ACCOUNTS = re.compile(r"acct_[A-Za-z0-9_]+(/acct_[A-Za-z0-9_]+)*", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_IGNORED = re.compile(r"(balance|invoice\.upcoming)(\.\w+)?", re.ASCII)
"""Types of snapshots that are acknowledged whatever they carry: those that the cases use."""
_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


class Expected(Enum):
    """The status of the answer, or where the message ends."""

    TOO_LARGE = 413
    REFUSED = 400
    QUARANTINED = "quarantine"
    QUEUED = "queue"
    EITHER = "either"
    """Signed; the oracle does not decide whether an unusual time format is readable."""


def expected_result(event: Event, now: float, secrets: Sequence[str]) -> Expected:
    raw = _raw(event)
    if raw is None:
        return Expected.REFUSED
    if len(raw) > LIMIT:
        return Expected.TOO_LARGE
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if not is_signed(raw, headers.get("stripe-signature"), now, secrets):
        return Expected.REFUSED
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Expected.REFUSED
    return {True: Expected.QUEUED, False: Expected.QUARANTINED, None: Expected.EITHER}[is_event(text)]


def is_signed(raw: bytes, header: str | None, now: float, secrets: Sequence[str]) -> bool:
    """Whether one of the secrets signed exactly these bytes at a time that is not far from now."""
    if not header or len(header) > LONGEST_HEADER or not header.isascii():
        return False
    parts = [part.split("=") for part in header.split(",")]
    times = [part for part in parts if part[0] == "t"]
    if len(times) != 1 or len(times[0]) != 2 or not _DIGITS.fullmatch(times[0][1]):
        return False
    at = int(times[0][1])
    signatures = [part[1:2] for part in parts if part[0] == "v1"]
    if abs(now - at) > TOLERANCE or [] in signatures:
        return False
    expected = {hmac.new(one.encode(), b"%d." % at + raw, hashlib.sha256).hexdigest() for one in secrets}
    return any(found[0] in expected for found in signatures)


def _raw(event: Event) -> bytes | None:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return bytes_of(body)
    if len(body) > 2 * LIMIT:
        return bytes(len(body))
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def is_event(text: str) -> bool | None:
    """Whether a text is one of Stripe's events; None where only the way its time is written is in doubt."""
    try:
        value = json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or not _is_plain(value):
        return False
    if value.get("object") == "event":
        return _is_snapshot(value)
    return _is_thin(value) if value.get("object") == "v2.core.event" else False


def _whole(digits: str) -> int:
    if len(digits) > 4300:
        raise ValueError(digits[:9])
    return int(digits)


def _is_plain(value: object) -> bool:
    """Whether it is not too deep, and has no half characters."""
    layer: list[Any] = [value]
    for _ in range(DEEPEST):
        texts = [part for part in layer if isinstance(part, str)]
        if any("\ud800" <= character <= "\udfff" for part in texts for character in part):
            return False
        layer = [
            child
            for part in layer
            if isinstance(part, dict | list)
            for child in ([*part, *part.values()] if isinstance(part, dict) else part)
        ]
    return not any(isinstance(part, dict | list) for part in layer)


def _is_text(value: object, longest: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= longest)


def _is_context(value: object) -> bool:
    return not value or bool(isinstance(value, str) and _ACCOUNTS.fullmatch(value))


def _is_common(value: Event, longest_type: int) -> bool:
    return (
        isinstance(value.get("id"), str)
        and len(value["id"]) <= 255
        and bool(_EVENT_ID.fullmatch(value["id"]))
        and _is_name(value.get("type"), longest_type)
        and isinstance(value.get("livemode"), bool)
        and _is_text(value.get("context"), 1000)
    )


def _is_name(value: object, longest: int = 255) -> bool:
    return isinstance(value, str) and len(value) <= longest and bool(_NAME.fullmatch(value))


def _is_thin(value: Event) -> bool | None:
    if not _is_common(value, 255) or not _is_context(value.get("context")):
        return False
    related = value.get("related_object")
    if related is not None and not (
        isinstance(related, dict)
        and _is_name(related.get("type"))
        and isinstance(related.get("url"), str)
        and len(related["url"]) <= 65_000
        and _is_text(related.get("id"), 5000)
        and _is_text(related.get("customer"), 5000)
    ):
        return False
    return _is_time(value.get("created"))


def _is_time(value: object) -> bool | None:
    if not isinstance(value, str):
        return False
    if not _TIME.fullmatch(value):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return True


def _is_snapshot(value: Event) -> bool:
    created, data = value.get("created"), value.get("data")
    thin = data.get("object") if isinstance(data, dict) else None
    context = value.get("context") or value.get("account")
    return (
        _is_common(value, 250)
        and type(created) is int
        and 0 <= created < 2**33
        and _is_text(value.get("account"), 1000)
        and _is_context(context)
        and (bool(_IGNORED.fullmatch(value["type"])) or _is_shown(thin))
    )


def _is_shown(thin: object) -> bool:
    return (
        isinstance(thin, dict)
        and _is_name(thin.get("object"))
        and all(len(thin[name]) <= 5000 for name in ("id", "customer") if isinstance(thin.get(name), str))
    )
