"""The event types to choose in Stripe. ``make docs`` writes the list beside this module, from the catalog."""

from __future__ import annotations

from importlib import resources


def event_types() -> list[str]:
    """Every published event type that changes a mirrored object, sorted."""
    return resources.files(__package__).joinpath("event_types.txt").read_text("ascii").split()
