"""The brake on mass deletion: how many objects one run, or one list, may remove without a person's word."""

MAX_REMOVED = 20
"""Objects that a run may remove, whatever their share."""
MAX_SHARE = 0.2
"""The share of the known objects of a type that a run may remove, however many they are."""


def are_too_many(removed: int, known: int) -> bool:
    """Whether so many objects, of so many known ones, are removed only when a person has confirmed it."""
    return removed > MAX_REMOVED and removed > known * MAX_SHARE
