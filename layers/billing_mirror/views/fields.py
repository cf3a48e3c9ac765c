"""Fields of views: a path into a body, read as one Python type.

Each field is None where Stripe sends nothing at its path, or something else than the documented type.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from ..core import json_body, times
from ..core.json_body import Json

T = TypeVar("T")


class HasBody(Protocol):
    """What a field reads from."""

    @property
    def body(self) -> dict[str, Any]: ...


class Field(Generic[T]):
    """A value at a dotted path of the body."""

    def __init__(self, path: str, read: Callable[[Json], T]) -> None:
        self.path = path
        self._read = read

    @overload
    def __get__(self, view: None, owner: type) -> Self: ...

    @overload
    def __get__(self, view: HasBody, owner: type) -> T: ...

    def __get__(self, view: HasBody | None, owner: type) -> Self | T:
        return self if view is None else self._read(json_body.value_at(view.body, self.path))


def text(path: str) -> Field[str | None]:
    """A text, or the id of an object that Stripe has expanded."""
    return Field(path, _text)


def flag(path: str) -> Field[bool | None]:
    return Field(path, lambda value: value if isinstance(value, bool) else None)


def whole(path: str) -> Field[int | None]:
    """A whole number: v2 writes some as text."""
    return Field(path, lambda value: int(number) if (number := decimal_in(value)) is not None else None)


def exact(path: str) -> Field[Decimal | None]:
    """A number, exact, whether Stripe writes it as a number or as text. Amounts are in the currency's minor unit."""
    return Field(path, decimal_in)


def moment(path: str) -> Field[datetime | None]:
    """A time, in UTC: v1 writes seconds, v2 text."""
    return Field(path, _moment)


def objects(path: str) -> Field[list[dict[str, Any]]]:
    """The entries of a list, which v1 wraps into an object with ``data``; empty where there is none."""
    return Field(path, _objects)


def texts(path: str) -> Field[dict[str, str]]:
    """Names and texts, such as ``metadata``; empty where there are none."""
    return Field(path, _texts)


def decimal_in(value: Json) -> Decimal | None:
    """The number that a JSON value is or spells."""
    match value:
        case bool():
            return None
        case int() | Decimal():
            return Decimal(value)
        case str():
            try:
                number = Decimal(value)
            except InvalidOperation:
                return None
            return number if number.is_finite() else None
        case _:
            return None


def _text(value: Json) -> str | None:
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _moment(value: Json) -> datetime | None:
    written = times.created(value)
    # The table's word for "unknown" is also what a time in 1970 looks like: none of Stripe's is from then.
    return None if written == times.UNKNOWN else datetime.fromisoformat(written).astimezone(UTC)


def _objects(value: Json) -> list[dict[str, Any]]:
    entries = value.get("data") if isinstance(value, dict) else value
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _texts(value: Json) -> dict[str, str]:
    return {name: str(member) for name, member in value.items()} if isinstance(value, dict) else {}
