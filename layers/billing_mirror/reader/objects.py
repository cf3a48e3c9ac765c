"""A mirrored object, as its item holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..adapters.table.attributes import body_in
from ..core import json_body
from ..core.table.items import Item, id_in, missing_fields_in


@dataclass(frozen=True, slots=True)
class MirroredObject:
    """An object as Stripe showed it at ``fetched_at`` (ISO 8601, UTC).

    ``body`` is what Stripe sent, with numbers as ``int`` or ``Decimal``, exact. ``token`` grows with each write of this
    object. ``customer`` is the id of the customer, also where the body does not name one. ``members`` holds the ids on
    the lists that belong to the object, by type (a rate card version's rates). ``missing_fields`` names fields that
    ``body`` lacks because Stripe refused to show them: they may exist.
    """

    id: str
    type: str
    body: dict[str, Any]
    deleted: bool
    fetched_at: str
    stripe_version: str
    token: int
    customer: str | None
    members: dict[str, list[str]]
    missing_fields: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The body as JSON text, with every digit that Stripe sent."""
        return json_body.write(self.body)

    def to_dict(self, *, float: Callable[[Decimal], Any] | None = None) -> dict[str, Any]:  # noqa: A002 - as json names it
        """A copy of the body that is yours to change.

        ``float`` converts each number that is not whole, as in ``to_dict(float=str)``; by default it stays a
        ``Decimal``. ``float=float`` loses digits.
        """
        copied: dict[str, Any] = _copied(self.body, float or (lambda number: number))
        return copied


def _copied(value: Any, converted: Callable[[Decimal], Any]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {name: _copied(member, converted) for name, member in value.items()}
        case list():
            return [_copied(element, converted) for element in value]
        case Decimal():
            return converted(value)
        case _:
            return value


def object_in(item: Item) -> MirroredObject:
    """The object that an item holds."""
    token, members = item["token"], item.get("members")
    return MirroredObject(
        id=id_in(item),
        type=str(item["type"]),
        body=body_in(item) or {},
        deleted=item.get("deleted") is True,
        fetched_at=str(item["fetched_at"]),
        stripe_version=str(item["stripe_version"]),
        token=token if isinstance(token, int) else 0,
        customer=str(item["customer"]) if "customer" in item else None,
        members={
            name: [str(identifier) for identifier in identifiers]
            for name, identifiers in (members if isinstance(members, dict) else {}).items()
            if isinstance(identifiers, list)
        },
        missing_fields=missing_fields_in(item),
    )
