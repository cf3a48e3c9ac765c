"""A mirrored object with typed fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from ..core.catalog import ObjectType
from .fields import moment


class Mirrored(Protocol):
    """What :class:`billing_mirror.reader.MirroredObject` is."""

    @property
    def id(self) -> str: ...

    @property
    def type(self) -> str: ...

    @property
    def body(self) -> dict[str, Any]: ...

    @property
    def deleted(self) -> bool: ...


@dataclass(frozen=True)
class View:
    """A mirrored object with typed fields. ``body`` has every field that Stripe sent, also those without a name here.

    A field is None where Stripe sends none. Times are in UTC. Amounts are ``Decimal`` in the currency's minor unit
    (cents), as Stripe writes them: https://docs.stripe.com/currencies#minor-units
    """

    OBJECT_TYPE: ClassVar[ObjectType]

    id: str
    body: dict[str, Any] = field(repr=False)
    deleted: bool = False

    def __init_subclass__(cls, *, of: ObjectType | None = None) -> None:
        if of is not None:
            cls.OBJECT_TYPE = of

    @classmethod
    def of(cls, found: Mirrored) -> Self:
        """The view of an object. Raises ``ValueError`` for an object of another type."""
        if found.type != cls.OBJECT_TYPE.name:
            raise ValueError(f"{found.id} is of the type {found.type}; {cls.__name__} shows {cls.OBJECT_TYPE.name}")
        return cls(found.id, found.body, found.deleted)

    created = moment("created")
