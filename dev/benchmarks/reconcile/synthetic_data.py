"""How do benchmarks get a million subscriptions without storing them? Each is computed from its number."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import overload

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject, canonical
from tests.doubles.samples import sample

SUBSCRIPTION: ObjectType = catalog.TYPES["v2.billing.rate_card_subscription"]
CADENCE: ObjectType = catalog.TYPES["v2.billing.cadence"]
CADENCES = 50
PLAIN_WRITES_AT_ONCE = 4
"""Threads that write the same items with PutItem and nothing else."""
STATUSES = ("active", "active", "active", "active", "active", "active", "active", "canceled", "paused", "pending")
"""By the last digit of the number: the list shows all statuses."""

_SAMPLE = sample(SUBSCRIPTION.name)
_BIRTH = datetime(2026, 1, 1, tzinfo=UTC)
_START = "rcds_test_61"


def id_of(number: int) -> str:
    """An id of the length of Stripe's."""
    return f"{_START}{number:036}"


def number_of(identifier: str) -> int | None:
    """The number in a synthetic id; None for any other id."""
    digits = identifier.removeprefix(_START)
    return int(digits) if digits != identifier and len(digits) == 36 and digits.isdecimal() else None


def cadence_id(number: int) -> str:
    return f"bc_test_61{number % CADENCES:036}"


def body_of(number: int) -> JsonObject:
    """The subscription as Stripe shows it."""
    return {**_SAMPLE, **_varying(number)}


def cadence(number: int) -> JsonObject:
    """The cadence by which a subscription belongs to a customer."""
    return sample(CADENCE.name, id=cadence_id(number))


def _varying(number: int) -> dict[str, str]:
    created = _BIRTH + timedelta(seconds=number)
    return {
        "id": id_of(number),
        "billing_cadence": cadence_id(number),
        "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "servicing_status": STATUSES[number % 10],
    }


def _template() -> str:
    marked: JsonObject = {name: f"<{name}>" for name in _varying(0)}
    text = canonical({**_SAMPLE, **marked}).replace("%", "%%")
    for name in marked:
        text = text.replace(f"<{name}>", f"%({name})s")
    return text


_CANONICAL = _template()


def digest_of(number: int) -> str:
    """The digest of :func:`body_of`, computed without the body: the benchmark's own work must cost little."""
    return sha256((_CANONICAL % _varying(number)).encode("ascii")).hexdigest()


class SyntheticSubscriptions(Sequence[tuple[int, JsonObject]]):
    """Positions and bodies, newest first, as the stand-in's paging expects them."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> tuple[int, JsonObject]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, JsonObject]]: ...

    def __getitem__(self, index: int | slice) -> tuple[int, JsonObject] | list[tuple[int, JsonObject]]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._size))]
        if not -self._size <= index < self._size:
            raise IndexError(index)
        number = self._size - 1 - index % self._size
        return number, body_of(number)
