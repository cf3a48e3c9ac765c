"""Values as JSON text: one line for programs, indented for people. Numbers stay digit for digit."""

from __future__ import annotations

import json
from decimal import Decimal

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json


def one_line(value: Json) -> str:
    """The value on one line."""
    return json_body.write(value)


def indented(value: Json, indent: str = "") -> str:
    """The value as people read it, two spaces a level."""
    inner = f"{indent}  "
    match value:
        case dict() if value:
            members = [f"{inner}{json.dumps(name)}: {indented(member, inner)}" for name, member in value.items()]
            return "{\n" + ",\n".join(members) + f"\n{indent}}}"
        case list() if value:
            return "[\n" + ",\n".join(inner + indented(element, inner) for element in value) + f"\n{indent}]"
        case Decimal():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return json_body.write(value)
