"""Exact JSON bodies: parsing, writing, comparing, and finding values.

Numbers are ``int`` or ``Decimal`` from the text; no float touches them.
"""

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any, TypeAlias

Json: TypeAlias = bool | int | Decimal | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]


MANY_DIGITS = 130
"""From here on a number stays a Decimal: int() is slow with long texts and refuses 4,300 digits.

No number in DynamoDB has so many, so a value keeps its type on the way through the table.
"""

MAX_DEPTH = 200
"""Levels of nesting that are still read; Stripe's own bodies stay below 20."""

_CONTAINERS = frozenset({dict, list})
_PLAIN = frozenset({str, int, bool})
"""Classes of values that are written in one way only."""


class Malformed(ValueError):
    """The text is not one JSON object."""


def parse(text: str) -> JsonObject:
    """The JSON object that ``text`` is. Raises :class:`Malformed` for anything else."""
    try:
        value: Json = json.loads(text, parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    if depth(value) > MAX_DEPTH:
        raise Malformed(f"the body is nested more than {MAX_DEPTH} levels deep")
    return value


def depth(value: Json) -> int:
    """Levels of lists and objects in ``value``: 0 for a plain value, 1 for ``{}``."""
    levels = 0
    layer: Iterable[Any] = [value]
    while layer := [part for part in layer if type(part) in _CONTAINERS]:
        levels += 1
        layer = chain.from_iterable(part.values() if isinstance(part, dict) else part for part in layer)
    return levels


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < MANY_DIGITS else Decimal(digits)


def _refuse(constant: str) -> Json:
    raise Malformed(constant)


def write(value: Json) -> str:
    """JSON text that :func:`parse` reads as the same value, numbers digit for digit."""
    try:
        return _plain_encoder.encode(value)
    except TypeError:  # a Decimal, which Python's encoder does not support
        return _written(value)


def _written(value: Json) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_written(member)}" for name, member in value.items()) + "}"
        case list():
            return "[" + ",".join(_written(element) for element in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value)


def canonical(value: Json) -> str:
    """One text for all equal values: keys sorted, null members left out, equal numbers written the same.

    Stripe's v2 omits some null members in one answer and writes them in another; both mean the same.
    A number that is no integer is written as ``{"<digits>e<exponent>": null}``, which no body can be: its
    null members are gone. JSON text has many ways to write it, and Python's encoder none that is exact.
    """
    text = "" if _has_null_member(value) else _encoder.encode(value)
    # No null in the text: no member to drop, no number to rewrite. Most bodies of v2 end here.
    return text if text and ":null" not in text else _encoder.encode(_without_nulls(value))


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, in hexadecimal: equal for equal bodies."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def differing_fields(one: JsonObject, other: JsonObject) -> list[str]:
    """The top-level members in which two bodies differ, sorted."""
    return sorted(name for name in one.keys() | other.keys() if canonical(one.get(name)) != canonical(other.get(name)))


def value_at(value: Json, path: str) -> Json:
    """The value at a dotted path (``payer.customer``), or None where a step is missing; ``""`` returns the value."""
    if path and "." not in path:  # most paths are one name
        return value.get(path) if isinstance(value, dict) else None
    for step in path.split(".") if path else ():
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def texts_at(value: Json, path: str) -> set[str]:
    """All non-empty strings at a dotted path that leads through lists (``items.data.price.id``)."""
    values = [value]
    for step in path.split("."):
        values = [part[step] for part in _flat(values) if isinstance(part, dict) and step in part]
    return {part for part in _flat(values) if isinstance(part, str) and part}


def _flat(values: list[Json]) -> list[Json]:
    return [part for value in values for part in (value if isinstance(value, list) else [value])]


def with_value(body: JsonObject, path: str, value: JsonObject) -> JsonObject:
    """The body with another object at a dotted path; the given body stays unchanged."""
    if not path:
        return value
    step, _, rest = path.partition(".")
    inner = body.get(step)
    return {**body, step: with_value(inner if isinstance(inner, dict) else {}, rest, value)}


def text_at(value: Json, path: str) -> str | None:
    """The non-empty string at a dotted path, or None.

    Where Stripe has expanded a reference into the whole object, its id.
    """
    found = value_at(value, path)
    if isinstance(found, dict):
        found = found.get("id")
    return found if isinstance(found, str) and found else None


def _has_null_member(value: Json) -> bool:
    return isinstance(value, dict) and None in value.values()


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            # Most members are plain, and a call for each of them is most of what a digest costs.
            name: member if type(member) in _PLAIN else _without_nulls(member)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_without_nulls(element) for element in value]
    if isinstance(value, Decimal) and not value:
        return 0
    if isinstance(value, Decimal) and value.adjusted() < MANY_DIGITS and value == value.to_integral_value():
        return int(value)
    return value


def _decimal(value: object) -> JsonObject:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    sign, digits, _ = value.as_tuple()
    significant = "".join(map(str, digits)).strip("0")
    return {f"{'-' if sign else ''}{significant}e{value.adjusted() - len(significant) + 1}": None}


_encoder = json.JSONEncoder(
    default=_decimal, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_plain_encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False)
