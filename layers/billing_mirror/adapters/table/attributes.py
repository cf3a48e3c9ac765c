"""Exact conversion between our values and DynamoDB attributes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from billing_mirror.core import json_body
from billing_mirror.core.errors import UnreadableBody
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item, Value
from billing_mirror.core.table.stored import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Attributes: TypeAlias = "dict[str, AttributeValueTypeDef]"
BODY_COLUMNS = frozenset({"data", "data_z"})


class _Deserializer(TypeDeserializer):
    """DynamoDB returns 1e40 with all its zeros, and boto3's own class refuses more than 38 digits.

    https://github.com/boto/boto3/issues/2500
    """

    def _deserialize_n(self, value: str) -> Decimal:
        return Decimal(value)


_serializer = TypeSerializer()
_deserializer = _Deserializer()


def to_attributes(item: Mapping[str, Value]) -> Attributes:
    """An item as the DynamoDB client expects it."""
    return {name: _serializer.serialize(value) for name, value in item.items()}


def from_attributes(attributes: Mapping[str, AttributeValueTypeDef]) -> Item:
    """An item in our values: whole numbers as ``int``, others as ``Decimal``, binaries as ``bytes``."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in attributes.items()}


def body_in(item: Item) -> JsonObject | None:
    """The body of an item, native or compressed. Raises :class:`UnreadableBody`."""
    if isinstance(compressed := item.get("data_z"), bytes):
        try:
            return json_body.parse(zlib.decompress(compressed).decode("utf-8"))
        except (zlib.error, ValueError):
            raise UnreadableBody("the body that the table holds cannot be read") from None
    data = item.get("data")
    return data if isinstance(data, dict) else None


def stored_object(item: Item) -> StoredObject:
    """The columns and the body of an object's item."""
    columns = {name: value for name, value in item.items() if name not in BODY_COLUMNS}
    try:
        return StoredObject(columns, body_in(item))
    except UnreadableBody:
        return StoredObject(columns, None)


def _plain(value: object) -> Value:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else value
        case dict():
            return {name: cast("json_body.Json", _plain(member)) for name, member in value.items()}
        case list():
            return [cast("json_body.Json", _plain(element)) for element in value]
        case None | bool() | str() | bytes():
            return value
        case _:
            return bytes(cast(bytes, value))  # boto3's Binary


def integer(item: Item, name: str) -> int:
    """A column that is a whole number. Raises ``TypeError`` where it is not."""
    value = item[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is not a whole number")
    return value
