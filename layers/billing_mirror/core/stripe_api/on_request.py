"""Fields that only some objects have and that Stripe shows on request only.

A request can name them once an earlier answer has shown the object. https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Iterator
from typing import TypeAlias

from ..catalog import ObjectType
from ..json_body import Json, JsonObject

_Way: TypeAlias = tuple[str, ...]


def lacking(object_type: ObjectType, body: JsonObject) -> tuple[str, ...]:
    """The paths to request of an object: fields of its type's ``include_where`` that it has, and this body lacks.

    A field is lacking where it is absent or null, and where an id stands instead of an object.
    """
    if not object_type.include_where:
        return ()
    paths = (
        ".".join(way)
        for field in object_type.include_where
        if any(_has_value(body, where.split(".")) for where in field.where)
        for way in _lacking(body, field.path.split("."))
    )
    return tuple(dict.fromkeys(paths))


def _has_value(value: Json, steps: list[str]) -> bool:
    """Whether there is anything but null, zero and nothing at a path that may lead through lists."""
    if isinstance(value, list) and steps:
        return any(_has_value(each, steps) for each in value)
    if not steps:
        return bool(value)
    return isinstance(value, dict) and _has_value(value.get(steps[0]), steps[1:])


def _lacking(value: Json, steps: list[str], way: _Way = ()) -> Iterator[_Way]:
    if isinstance(value, list) and steps:
        for each in value:
            yield from _lacking(each, steps, way)
    elif not steps:
        if value is None or isinstance(value, str):
            yield way
    elif isinstance(value, dict):
        for name in [*value] if steps[0] == "*" else steps[:1]:
            yield from _lacking(value.get(name), steps[1:], (*way, name))
