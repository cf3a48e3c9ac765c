"""What is an object's URL?"""

import re
from urllib.parse import quote

from dev.fake_stripe.types.object_types import ObjectType

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def url_of(object_type: ObjectType, identifier: str, parent: str) -> str:
    return filled(object_type.path, identifier, parent)


def filled(path: str, identifier: str, parent: str) -> str:
    return PLACEHOLDER.sub(lambda match: quote(identifier if match[1] == "id" else parent, safe=""), path)


def placeholder_url(object_type: ObjectType, identifier: str) -> str:
    """As Stripe's reference prints it, with `:rate_card_id` left unfilled."""
    return PLACEHOLDER.sub(lambda match: identifier if match[1] == "id" else f":{match[1]}", object_type.path)
