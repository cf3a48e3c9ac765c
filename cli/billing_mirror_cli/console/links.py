"""Which parts of a text name objects of the mirror: those become links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from billing_mirror.core import catalog
from billing_mirror.core.json_body import Json

from ..json_text import indented

_ID = r"(?:[a-z]+_)+(?=[A-Za-z0-9]*[0-9A-Z])[A-Za-z0-9]+"
"""How Stripe makes ids. A word such as ``in_progress`` has neither a digit nor a capital."""
_IN_TEXT = re.compile(rf"\b{_ID}\b")
_VALUE = re.compile(r'(?:"(?P<name>[a-z_]+)": )?"(?P<value>[^"\\\s]+)"(?!:)')
"""A text in JSON that is no member's name; with the name of its member, if it is a member itself."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text; ``id`` is that of the object it names, ``type`` where its id does not say it."""

    text: str
    id: str = ""
    type: str = ""


def in_text(text: str) -> Iterator[Piece]:
    """The pieces of a sentence."""
    end = 0
    for match in _IN_TEXT.finditer(text):
        if catalog.find_type_of_id(match[0]):
            yield Piece(text[end : match.start()])
            yield Piece(match[0], match[0])
            end = match.end()
    yield Piece(text[end:])


def in_body(body: Json, own_id: str) -> Iterator[Piece]:
    """The pieces of a body as JSON. The object's own id is no reference."""
    text, end = indented(body), 0
    for match in _VALUE.finditer(text):
        value, type_name = match["value"], _named_by(match["name"])
        refers = type_name or (_IN_TEXT.fullmatch(value) and catalog.find_type_of_id(value))
        if refers and value != own_id:
            yield Piece(text[end : match.start("value")])
            yield Piece(value, value, type_name)
            end = match.end("value")
    yield Piece(text[end:])


def _named_by(member: str | None) -> str:
    """The type that a member of this name refers to, where people choose the ids of that type."""
    object_type = catalog.TYPES.get(member or "")
    return object_type.name if object_type and object_type.chosen_ids else ""
