"""What DynamoDB does to an item on its way in and out: botocore's JSON on either side, the table's rules between."""

from __future__ import annotations

import base64
import json
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore import parsers, serialize

if TYPE_CHECKING:
    from botocore.model import Shape

    from billing_mirror.adapters.table.attributes import Attributes

_MODEL = botocore.session.get_session().get_service_model("dynamodb")
_PUT, _GET = _MODEL.operation_model("PutItem"), _MODEL.operation_model("GetItem")
_SERIALIZER = serialize.create_serializer(_MODEL.metadata["protocol"], include_validation=False)
_PARSER = parsers.create_parser(_MODEL.metadata["protocol"])
_PRECISE = Context(prec=38)

INDEXED = ("scope", "type", "id", "created", "customer", "parent", "status", "collection_status")


class Unacceptable(AssertionError):
    """The table would not have taken the item."""


def through(item: Attributes) -> Attributes:
    """The item as a GetItem would return it. Raises :class:`Unacceptable`."""
    request = _SERIALIZER.serialize_to_request({"TableName": "t", "Item": item}, _PUT)
    sent: dict[str, Any] = json.loads(request["body"])["Item"]
    _require_keys(sent)
    kept = {name: _kept(value, 1) for name, value in sent.items()}
    size = sum(len(name.encode()) + _size(value) for name, value in sent.items())
    if size > 400 * 1024:
        raise Unacceptable(f"an item of {size} bytes")
    answer = json.dumps({"Item": kept}).encode()
    response = {"status_code": 200, "headers": {}, "body": answer}
    returned: Attributes = _PARSER.parse(response, cast("Shape", _GET.output_shape))["Item"]
    return returned


def _require_keys(item: dict[str, Any]) -> None:
    for name in INDEXED:
        if name in item and not 1 <= len(item[name]["S"].encode()) <= 1024:
            raise Unacceptable(f"no key of an index: {name}")


def _kept(value: dict[str, Any], level: int) -> dict[str, Any]:
    [(kind, inner)] = value.items()
    if level > 32:
        raise Unacceptable("more than 32 levels")
    if kind == "N":
        return {"N": _number(Decimal(inner))}
    if kind == "L":
        return {"L": [_kept(one, level + 1) for one in inner]}
    if kind == "M":
        if not all(1 <= len(name.encode()) <= 65_535 for name in inner):
            raise Unacceptable("the name of a member")
        return {"M": {name: _kept(one, level + 1) for name, one in inner.items()}}
    return value


def _number(number: Decimal) -> str:
    """The number without zeros that do not count, written out."""
    digits = number.normalize(_PRECISE)
    if digits != number:
        raise Unacceptable("more than 38 digits")
    if digits and not -130 <= digits.adjusted() <= 125:
        raise Unacceptable("beyond the range of numbers")
    return f"{abs(digits):f}" if not digits else f"{digits:f}"


def _size(value: dict[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    [(kind, inner)] = value.items()
    if kind == "S":
        return len(inner.encode())
    if kind == "B":
        return len(base64.b64decode(inner))
    if kind == "N":
        return (len(Decimal(inner).normalize(_PRECISE).as_tuple().digits) + 1) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in inner)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in inner.items())
    return 1
