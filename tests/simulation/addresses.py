"""The paths of Stripe's API: those that its SDKs call."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PUBLISHED = Path(__file__).parents[1] / "published_paths.txt"
_LINES = [line for line in PUBLISHED.read_text("utf-8").splitlines() if line.startswith("/")]
_TEMPLATES = [line.partition(" ")[0] for line in _LINES]
SINGLETONS = ("/cash_balance", "/discount", "/active_entitlement_summary")
"""Endings of paths that return one object and no list."""


@dataclass(frozen=True, slots=True)
class Address:
    """``owner`` is the path of the object that a list belongs to."""

    is_list: bool
    owner: str | None = None


@lru_cache(maxsize=10_000)
def address(path: str) -> Address | None:
    """What is at a path; None where Stripe knows no such path."""
    for template, pattern in _PATTERNS:
        if pattern.fullmatch(path):
            owners = template.rpartition("/")[0]
            is_list = not template.endswith(("}", *SINGLETONS))
            return Address(is_list, path.rpartition("/")[0] if is_list and owners.endswith("}") else None)
    return None


# A path that is spelled out comes before one with a placeholder: /v1/invoices/search is no invoice.
_PATTERNS = [
    (template, re.compile(re.sub(r"\{\w+\}", "[^/]+", template)))
    for template in sorted(_TEMPLATES, key=lambda one: one.count("{"))
]
