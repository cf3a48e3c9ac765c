"""Which stored objects a verify run reads: some of a hundred slots, and other ones in each run."""

from dataclasses import dataclass

from .fingerprints import fingerprint

SLOTS = 100
"""Slots that ids are spread over, so that one slot holds about a percent of them."""


@dataclass(frozen=True, slots=True)
class DeepSample:
    """``percent`` of the slots, from the slot ``first`` on. Samples that follow each other hold every id in the end."""

    percent: int = 0
    first: int = 0

    def holds(self, identifier: str) -> bool:
        return self.percent > 0 and (_slot(identifier) - self.first) % SLOTS < self.percent

    @property
    def is_whole(self) -> bool:
        return self.percent >= SLOTS

    @property
    def end(self) -> int:
        """The first slot after the sample."""
        return (self.first + self.percent) % SLOTS


def _slot(identifier: str) -> int:
    return int.from_bytes(fingerprint(identifier), "big") % SLOTS
