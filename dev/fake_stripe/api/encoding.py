"""How do numbers in a JSON body keep all of their digits?"""

import json
import re
from decimal import Decimal
from typing import Any

from dev.fake_stripe.types.object_types import Body

MARKED = re.compile(r'"\\u0000([^"\\]+)\\u0000"')


def dumps(body: Body) -> str:
    """JSON in which a Decimal is a number with all of its digits."""
    return MARKED.sub(r"\1", json.dumps(body, default=_marked))


def exact(text: str | bytes) -> Any:  # noqa: ANN401 - whatever the text holds
    """The parsed text, with a Decimal for every number that has a point."""
    return json.loads(text, parse_float=Decimal)


def _marked(value: object) -> str:
    if isinstance(value, Decimal):
        return f"\0{value}\0"
    raise TypeError(f"{type(value).__name__} is no JSON")
