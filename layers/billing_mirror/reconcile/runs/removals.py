"""What one tick of a run knows about removals: whether they are held back, and how many are."""

import asyncio
from dataclasses import dataclass, field

HELD = "Stripe does not return the object; it is kept, because the run may find too many such objects"
"""The reason in the evidence of an object that is kept."""


@dataclass(slots=True)
class Removals:
    """Removals of one run."""

    are_held: bool = False
    """Whether an object that Stripe does not return is kept for now, because many may follow."""
    held: int = 0
    """Objects that are kept so far."""
    one_asks: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the fetch that reads a list; the others at the same time wait for what it finds."""
    shown_types: set[str] = field(default_factory=set)
    """Types whose list this tick has read when an object was missing: a 404 is then about the object alone."""
