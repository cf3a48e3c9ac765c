"""Valid requests with mutations: a number always gives the same request."""

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, TypeAlias

from .harness import CANARY, NOW, Event, bytes_of, mac, request
from .variants import body_of, secret_of

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**33, 2**63, 10**30, 1.5, float("nan"), float("inf"), "", " ", "x", "\x00",
    "é", "\ud800",
    "../x", "acct_1", "acct_1/x", "event", "v2.core.event", "evt_1", "x" * 256, "x" * 3000, [], {}, [[]], ["x"],
    {"id": "x"},
    {"object": {"object": "x"}}, "2023-11-14T22:13:20Z", "2023-13-14T22:13:20Z", CANARY,
)  # fmt: skip
SEPARATORS = (",", ";", " ", ", ", "=", "\n", "\x00", ",,", "é", "&")

Json: TypeAlias = dict[str, Any]
TextChange: TypeAlias = Callable[[str, Random], str]


def generated(number: int) -> Event:
    """The request of a number."""
    random = Random(number)
    value = json.loads(body_of(random))
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        _change_member(value, random)
    body: str = json.dumps(value)
    if random.random() < 0.2:
        body = random.choice(TEXT_CHANGES)(body, random)
    raw = bytes_of(body)
    if random.random() < 0.1:
        raw = _with_other_bytes(raw, random)
    header = _header(raw, random)
    if random.random() < 0.25:
        raw = _with_other_bytes(raw, random)
    return _wrapped(raw, header, random)


def _change_member(value: Json, random: Random) -> None:
    """Another value, no value, or a member more, at any depth."""
    inner = [part for part in value.values() if isinstance(part, dict) and part]
    target = random.choice([value, *inner])
    name = random.choice(list(target) or ["x"])
    match random.randrange(4):
        case 0 | 1:
            target[name] = deepcopy(random.choice(ODD))
        case 2:
            target.pop(name, None)
        case _:
            target[random.choice((name.upper(), name + " ", "__proto__", ""))] = deepcopy(random.choice(ODD))


def _inserted(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(("x", '"', "{", "}", ",", "\\", "\x00", "\ufeff", "é", "1", " ")) + text[at:]


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _without_a_piece(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + random.randrange(1, 20) :]


def _repeated_member(text: str, random: Random) -> str:
    name, value = random.choice(("id", "object", "livemode", "context")), deepcopy(random.choice(ODD))
    return f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"


def _wrapped_up(text: str, random: Random) -> str:
    return random.choice(("[{}]", '{{"detail": {}}}', "{0}{0}", "\ufeff{}", "{}\n", "x{}")).format(text)


def _deep(text: str, random: Random) -> str:
    levels = random.choice((50, 5000))
    return f'{text[:-1]}, "x": {"[" * levels}{"]" * levels}}}'


TEXT_CHANGES: tuple[TextChange, ...] = (_inserted, _cut, _without_a_piece, _repeated_member, _wrapped_up, _deep)


def _with_other_bytes(raw: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw) + 1)
    match random.randrange(4):
        case 0:
            return raw[:at] + bytes([random.randrange(256)]) + raw[at:]
        case 1:
            return raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        case 2:
            return raw[:at]
        case _:
            return raw + random.choice((b" ", b"\n", b"\x00", b"\xff", b" " * 6_291_456))


def _header(raw: bytes, random: Random) -> str | None:
    """A header that is mostly genuine: a request that is refused at once tests nothing behind the signature."""
    at = NOW + random.choice((0, 0, 0, 0, -300, 300, -301, 301, random.randrange(-900, 900)))
    secret = secret_of(random) if random.random() < 0.9 else random.choice(("whsec_other", "", "whsec_"))
    parts = [f"t={at}", f"v1={mac(raw, secret, at)}"]
    if random.random() < 0.2:
        name, value = (
            random.choice(("v0", "v1", "v2", "t", "", "x")),
            random.choice((mac(raw, "whsec_o"), str(NOW), "")),
        )
        parts.insert(random.randrange(3), f"{name}={value}")
    if random.random() < 0.1:
        random.shuffle(parts)
    header = random.choice(SEPARATORS).join(parts) if random.random() < 0.08 else ",".join(parts)
    if random.random() < 0.65:
        return header
    return random.choice(HEADER_CHANGES)(header, random)


def _no_header(_: str, __: Random) -> None:
    return None


def _capitals(header: str, _: Random) -> str:
    return header.upper()


def _another_character(header: str, random: Random) -> str:
    at = random.randrange(len(header) + 1)
    return header[:at] + random.choice("0af,=t v\x00\xe9\u0661") + header[at + random.randrange(2) :]


def _longer(header: str, random: Random) -> str:
    return header + "," * random.choice((1, 3000, 5000))


def _another_value(header: str, random: Random) -> str:
    before, equals, after = header.rpartition("=")
    return before + equals + random.choice((after.upper(), after[:-1], f" {after}", f'"{after}"', f"0x{after}"))


def _another_name(header: str, random: Random) -> str:
    return header.replace("v1=", random.choice(("v0=", "V1=", "v2=", " v1=", "v1:", "v1", "=")))


HEADER_CHANGES: tuple[Callable[[str, Random], str | None], ...] = (
    _no_header,
    _capitals,
    _another_character,
    _cut,
    _longer,
    _another_value,
    _another_name,
)


def _wrapped(raw: bytes, header: str | None, random: Random) -> Event:
    name = random.choice(("stripe-signature", "Stripe-Signature", "STRIPE-SIGNATURE"))
    try:
        text: str | None = raw.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or random.random() < 0.3:
        encoded = base64.b64encode(raw).decode()
        if random.random() < 0.05:
            encoded = _inserted(encoded, random)
        event = request(encoded, isBase64Encoded=True)
    else:
        event = request(text)
    if header is not None:
        event["headers"] = {**event["headers"], name: header}
    if random.random() < 0.01:
        event["isBase64Encoded"] = not event["isBase64Encoded"]
    return event
