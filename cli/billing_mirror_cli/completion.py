"""Which names can a shell complete, without asking AWS?"""

from __future__ import annotations

from billing_mirror.core import catalog


def object_types(incomplete: str) -> list[str]:
    """The types of the catalog that begin like this."""
    return [name for name in catalog.TYPES if name.startswith(incomplete)]
