"""When two answers of Stripe show the same state of an object."""

from .. import json_body
from ..catalog import ObjectType
from ..json_body import JsonObject


def digest(object_type: ObjectType, body: JsonObject) -> str:
    """Equal for two answers that show the same state of an object. The type's ``ignored_fields`` do not count."""
    lasting = (
        {name: value for name, value in body.items() if name not in object_type.ignored_fields}
        if object_type.ignored_fields
        else body
    )
    return json_body.digest(lasting)
