"""How are the lists inside an object kept whole and shown cut?"""

from typing import Any

from dev.fake_stripe.types.object_types import Body, ObjectType, Sublist

from .protocol import random_text
from .urls import filled


def at(body: Body, path: str) -> Any:  # noqa: ANN401 - whatever is there
    """The value at a dotted path, or None."""
    value: Any = body
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def with_value(body: Body, path: str, value: object) -> Body:
    """The body with another value at an existing path."""
    name, _, rest = path.partition(".")
    return body | {name: with_value(body[name], rest, value) if rest else value}


def complete(object_type: ObjectType, identifier: str, body: Body) -> Body:
    """The body with every list whole and in Stripe's envelope; entries without an id get one."""
    for each in object_type.sublists:
        given = at(body, each.field)
        if given is not None:
            body = with_value(body, each.field, _whole(each, identifier, given))
    for name in object_type.expandable_objects:
        if "." not in name and body.get(name):
            body = body | {name: [_discount(each) for each in body[name]]}
    return body


def _discount(given: Body | str) -> Body | str:
    if isinstance(given, str) or "id" in given:
        return given
    return {"id": f"di_{random_text(24)}", "object": "discount"} | given


def _whole(sublist: Sublist, identifier: str, given: Body | list[Body]) -> Body:
    envelope: Body = given if isinstance(given, dict) else {"data": given}
    entries = [_entry(sublist, identifier, each) for each in envelope.get("data", [])]
    url = filled(sublist.url, identifier, "")
    return {"object": "list", "url": url} | envelope | {"data": entries, "has_more": False}


def _entry(sublist: Sublist, identifier: str, given: Body) -> Body:
    if "id" in given and "object" in given:
        return given
    owner = {sublist.names_owner: identifier} if sublist.names_owner else {}
    return {"id": f"{sublist.prefix}_{random_text(24)}", "object": sublist.item} | owner | given


def cut(object_type: ObjectType, body: Body, size: int) -> Body:
    """The body with the first `size` entries of each list."""
    for each in object_type.sublists:
        whole = at(body, each.field)
        if whole is not None and len(whole["data"]) > size:
            body = with_value(body, each.field, whole | {"data": whole["data"][:size], "has_more": True})
    return body


def entries(body: Body, sublist: Sublist) -> list[Body]:
    whole = at(body, sublist.field)
    found: list[Body] = whole["data"] if whole else []
    return found
