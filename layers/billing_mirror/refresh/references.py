"""What the body of an object names: its customer, and other objects."""

from collections.abc import Iterator
from contextlib import suppress

from billing_mirror.core import json_body
from billing_mirror.core.catalog import Reference
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef


def referenced_objects(ref: ObjectRef, body: JsonObject | None) -> Iterator[ObjectRef]:
    """The objects that a body names, of types whose creation Stripe may not announce. Malformed ids are left out."""
    for reference in ref.object_type.references:
        if identifier := json_body.text_at(body, reference.path):
            with suppress(PermanentError):  # the object that names it is stored all the same
                yield ref.in_same_scope(reference.type, identifier)


def customer_source(ref: ObjectRef, body: JsonObject) -> ObjectRef | str | None:
    """The customer of an object, or the object that knows the customer; None where the body names neither.

    Raises ``PermanentError`` where the body names an object by an id that no object can have.
    """
    if ref.object_type.parent_is_customer:
        return ref.parent
    match ref.object_type.customer:
        case Reference(path=path, type=type_name):
            identifier = json_body.text_at(body, path)
            return ref.in_same_scope(type_name, identifier) if identifier else None
        case str(path):
            return json_body.text_at(body, path)
        case None:
            return None
