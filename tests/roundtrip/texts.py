"""Random JSON objects as text, made to be hard to keep: what a parser, a float, or a table would spoil."""

import json
from random import Random

TAME = 0.4
"""Share of the bodies without a single value that a table could not hold."""
LONG = 0.004
"""Share of the bodies with a name or a number of thousands of characters."""
LARGE = 0.006
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


class Dice(Random):
    """``tame``: only values that a table holds as they are, so that size and depth alone decide."""

    tame = False


def body(seed: str) -> str:
    """The text of an object with about 30 values, sometimes with far more or far deeper."""
    dice = Dice(seed)
    dice.tame = dice.random() < TAME
    members = [_member(dice, 0) for _ in range(dice.randrange(1, 16))]
    members += [f'"{name}":{_column(dice)}' for name in COLUMNS if dice.random() < 0.3]
    if dice.random() < LONG:
        members.append(dice.choice((f'"{"k" * 70_000}":0', f'"digits":{_digits(dice, 2500) * 2}')))
    if dice.random() < DEEP:
        members.append(_deep(dice))
    if dice.random() < LARGE:
        members.append(_large(dice))
    dice.shuffle(members)
    return "{" + ",".join(members) + "}"


def _column(dice: Dice) -> str:
    """Mostly of no use as the key of an index, which takes 1 to 1024 bytes."""
    if dice.random() < 0.9:
        return _value(dice, 4)
    return '"' + dice.choice("kü漢😀") * dice.randrange(250, 1030) + '"'


def _member(dice: Dice, level: int) -> str:
    return f"{_name(dice)}:{_value(dice, level)}"


def _name(dice: Dice) -> str:
    if dice.tame:
        return f'"{_plain(dice)}"'
    return _spelled(dice, dice.choice(NAMES)) if dice.random() < 0.3 else _text(dice)


def _value(dice: Dice, level: int) -> str:
    kind = dice.random()
    if kind < 0.3:
        return _number(dice)
    if kind < 0.62:
        return _text(dice)
    if kind < 0.75:
        return dice.choice(("null", "true", "false", "[]", "{}", '""', "[null]", '[""]', "[[]]", "[{}]"))
    if level > 4:
        return "null"
    if kind < 0.88:
        return "[" + ",".join(_value(dice, level + 1) for _ in range(dice.randrange(4))) + "]"
    return "{" + ",".join(_member(dice, level + 1) for _ in range(dice.randrange(5))) + "}"


def _number(dice: Dice) -> str:
    kind, sign = 0.2 + dice.random() * 0.4 if dice.tame else dice.random(), dice.choice(("", "", "-"))
    if kind < 0.2:
        return dice.choice(NUMBERS)
    if kind < 0.4:  # beyond what a float counts one by one
        return sign + str(dice.randrange(2**53, 2 ** dice.randrange(54, 127)))
    if kind < 0.6:
        return f"{sign}{dice.randrange(10**12)}.{dice.randrange(10**12):012}"
    digits = _digits(dice, dice.choice((1, 15, 17, 37, 38, 39, 40, 129, 130, 131, dice.randrange(1, 400))))
    if kind < 0.75:
        return sign + digits
    if kind < 0.85:
        return f"{sign}{digits[:-1] or '0'}.{digits[-1]}" if dice.random() < 0.5 else f"{sign}0.{digits}"
    exponent = dice.choice((dice.randrange(-140, 140), dice.randrange(-500, 500), 125 - len(digits), -130, 126))
    return f"{sign}{digits}{dice.choice(('e', 'E'))}{dice.choice(('', '+')) if exponent >= 0 else ''}{exponent}"


def _digits(dice: Dice, length: int) -> str:
    """So many digits of which the first is no zero; the last ones often are."""
    digits = str(dice.randrange(10 ** (length - 1), 10**length))
    zeros = dice.randrange(length) if dice.random() < 0.2 else 0
    return digits[: length - zeros] + "0" * zeros


def _text(dice: Dice) -> str:
    """A string in quotation marks."""
    kind = dice.random()
    if kind < 0.25:
        return _spelled(dice, dice.choice(TEXTS))
    if kind < 0.3 and not dice.tame:
        return f'"{dice.choice(HALVES)}{_plain(dice)}"'
    if kind < 0.4:
        return f'"{dice.randrange(10**9)}.{dice.randrange(10**12):012}"'
    if kind < 0.6:
        return f'"{_plain(dice)}"'
    return _spelled(dice, "".join(_character(dice) for _ in range(dice.randrange(1, 8))))


def _plain(dice: Dice) -> str:
    return "".join(dice.choices("abcdefghijklmnop_0123456789", k=dice.randrange(1, 12)))


def _character(dice: Dice) -> str:
    """Any character of any plane, halves of surrogate pairs aside."""
    point = dice.choice(STARTS) + dice.randrange(0x10000)
    return chr(point) if not 0xD800 <= point < 0xE000 else "\ue000"


def _spelled(dice: Dice, text: str) -> str:
    """The same string in one of JSON's spellings."""
    return json.dumps(text, ensure_ascii=dice.random() < 0.5)


def _deep(dice: Dice) -> str:
    levels = dice.choice((26, 27, 28, 29, 30, 31, 40, 60))
    opening = [dice.choice(("[", '{"a":' if dice.tame else '{"":', '{"a":', "[null,")) for _ in range(levels)]
    closing = "".join("]" if one[0] == "[" else "}" for one in reversed(opening))
    return f"{_name(dice)}:{''.join(opening)}{_value(dice, 5)}{closing}"


def _large(dice: Dice) -> str:
    """Up to 500 KB, often close to the 400 KB that an item holds."""
    size = dice.choice(
        (500_000, dice.randrange(200_000, 500_000), *(dice.randrange(400_000, 414_000) for _ in range(4)))
    )
    kind = dice.random()
    if kind < 0.4:
        return f'"note":"{dice.randbytes(size // 2).hex()}"'
    if kind < 0.6:
        return f'"note":"{"é😀" * (size // 6)}"'
    pieces: list[str] = []
    while size > 0:
        pieces.append(_value(dice, 1))
        size -= len(pieces[-1]) + 1
    return f'"lines":[{",".join(pieces)}]'
