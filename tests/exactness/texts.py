"""Random JSON objects as text, made to be hard to keep: what a parser, a float, or a table would spoil."""

import json
from random import Random

LONG = 0.004
"""Share of the bodies with a name or a number of thousands of characters."""
LARGE = 0.005
"""Share of the bodies that are hundreds of kilobytes long."""
DEEP = 0.03
"""Share of the bodies that hold a value about 40 levels deep."""
COLUMNS = ("created", "customer", "status", "collection_status")
"""Members that become columns of the item."""

NUMBERS = (
    "0", "-0", "0.0", "-0.0", "0e0", "-0E-5", "0e-200", "0e400", "1E+5", "1e5", "1.50", "100", "1e2", "1e-130", "9e125",
    "1e-131", "1e126", "1e400", "-1e400", "1e-400", "1e30", "9007199254740993", "-9007199254740993", "0.1", "1e0",
    "18446744073709551617", "340282366920938463463374607431768211457", "123456789.123456789012",
    "1.7976931348623157e308", "5e-324", "0.30000000000000004", "1000000000000000000000000000000000000000",
    "100e-2", "12.0",
)  # fmt: skip
TEXTS = (
    "", " ", "null", "true", "0", "1e5", "NaN", "-0", "\x00", "\x7f", "\u2028", "\ufeff", "\uffff", "e\u0301", "\u202e",
    "\\", '"', "/", "<script>", "\U0001f600", "\U0010ffff", "{}", "[]", "\r\n\t", "0.100000000000000000",
)  # fmt: skip
HALVES = ("\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ude00\\ud83d", "\\uD834x", "x\\uDd1e")
NAMES = ("", "id", "amount", "metadata", "unit_amount_decimal", "0", "a.b", "\x00", "S", "M", "NULL", "data", "über")
STARTS = tuple(plane * 0x10000 for plane in range(17))


def body(rng: Random) -> str:
    """The text of an object with about 30 values, sometimes with far more or far deeper."""
    members = [_member(rng, 0) for _ in range(rng.randrange(1, 16))]
    members += [f'"{name}":{_column(rng)}' for name in COLUMNS if rng.random() < 0.3]
    if rng.random() < LONG:
        members.append(rng.choice((f'"{"k" * 70_000}":0', f'"digits":{_digits(rng, 2500) * 2}')))
    if rng.random() < DEEP:
        members.append(_deep(rng))
    if rng.random() < LARGE:
        members.append(_large(rng))
    rng.shuffle(members)
    return "{" + ",".join(members) + "}"


def _column(rng: Random) -> str:
    """Mostly of no use as the key of an index, which takes 1 to 1024 bytes."""
    if rng.random() < 0.9:
        return _value(rng, 4)
    return '"' + rng.choice("kü漢😀") * rng.randrange(250, 1030) + '"'


def _member(rng: Random, level: int) -> str:
    return f"{_name(rng)}:{_value(rng, level)}"


def _name(rng: Random) -> str:
    return _spelled(rng, rng.choice(NAMES)) if rng.random() < 0.3 else _text(rng)


def _value(rng: Random, level: int) -> str:
    kind = rng.random()
    if kind < 0.3:
        return _number(rng)
    if kind < 0.62:
        return _text(rng)
    if kind < 0.75:
        return rng.choice(("null", "true", "false", "[]", "{}", '""', "[null]", '[""]', "[[]]", "[{}]"))
    if level > 4:
        return "null"
    if kind < 0.88:
        return "[" + ",".join(_value(rng, level + 1) for _ in range(rng.randrange(4))) + "]"
    return "{" + ",".join(_member(rng, level + 1) for _ in range(rng.randrange(5))) + "}"


def _number(rng: Random) -> str:
    kind, sign = rng.random(), rng.choice(("", "", "-"))
    if kind < 0.2:
        return rng.choice(NUMBERS)
    if kind < 0.4:  # beyond what a float counts one by one
        return sign + str(rng.randrange(2**53, 2 ** rng.randrange(54, 130)))
    if kind < 0.6:
        return f"{sign}{rng.randrange(10**12)}.{rng.randrange(10**12):012}"
    digits = _digits(rng, rng.choice((1, 15, 17, 37, 38, 39, 40, 129, 130, 131, rng.randrange(1, 400))))
    if kind < 0.75:
        return sign + digits
    if kind < 0.85:
        return f"{sign}{digits[:-1] or '0'}.{digits[-1]}" if rng.random() < 0.5 else f"{sign}0.{digits}"
    exponent = rng.choice((rng.randrange(-140, 140), rng.randrange(-500, 500), 125 - len(digits), -130, 126))
    return f"{sign}{digits}{rng.choice(('e', 'E'))}{rng.choice(('', '+')) if exponent >= 0 else ''}{exponent}"


def _digits(rng: Random, length: int) -> str:
    """So many digits of which the first is no zero; the last ones often are."""
    digits = str(rng.randrange(10 ** (length - 1), 10**length))
    zeros = rng.randrange(length) if rng.random() < 0.2 else 0
    return digits[: length - zeros] + "0" * zeros


def _text(rng: Random) -> str:
    """A string in quotation marks."""
    kind = rng.random()
    if kind < 0.25:
        return _spelled(rng, rng.choice(TEXTS))
    if kind < 0.3:
        return f'"{rng.choice(HALVES)}{_plain(rng)}"'
    if kind < 0.4:
        return f'"{rng.randrange(10**9)}.{rng.randrange(10**12):012}"'
    if kind < 0.6:
        return f'"{_plain(rng)}"'
    return _spelled(rng, "".join(_character(rng) for _ in range(rng.randrange(1, 8))))


def _plain(rng: Random) -> str:
    return "".join(rng.choices("abcdefghijklmnop_0123456789", k=rng.randrange(1, 12)))


def _character(rng: Random) -> str:
    """Any character of any plane, halves of surrogate pairs aside."""
    point = rng.choice(STARTS) + rng.randrange(0x10000)
    return chr(point) if not 0xD800 <= point < 0xE000 else "\ue000"


def _spelled(rng: Random, text: str) -> str:
    """The same string in one of JSON's spellings."""
    return json.dumps(text, ensure_ascii=rng.random() < 0.5)


def _deep(rng: Random) -> str:
    levels = rng.choice((26, 27, 28, 29, 30, 31, 40, 60))
    opening = [rng.choice(("[", '{"":', '{"a":', "[null,")) for _ in range(levels)]
    closing = "".join("]" if one[0] == "[" else "}" for one in reversed(opening))
    return f"{_name(rng)}:{''.join(opening)}{_value(rng, 5)}{closing}"


def _large(rng: Random) -> str:
    """Up to 500 KB, often close to the 400 KB that an item holds."""
    size = rng.choice((500_000, rng.randrange(405_000, 415_000), rng.randrange(200_000, 500_000)))
    kind = rng.random()
    if kind < 0.4:
        return f'"note":"{rng.randbytes(size // 2).hex()}"'
    if kind < 0.6:
        return f'"note":"{"é😀" * (size // 6)}"'
    pieces: list[str] = []
    while size > 0:
        pieces.append(_value(rng, 1))
        size -= len(pieces[-1]) + 1
    return f'"lines":[{",".join(pieces)}]'
