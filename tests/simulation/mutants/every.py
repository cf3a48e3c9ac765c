"""All mutants, by topic."""

from . import (
    already_fresh,
    backfill,
    bodies,
    identity,
    large_bodies,
    messages,
    not_found,
    order,
    rate_limit,
    recover,
    unstorable,
    verify,
    writes,
)
from .activation import BrokenMutant
from .registry import Mutant

TOPICS = (
    backfill,
    recover,
    verify,
    order,
    writes,
    not_found,
    already_fresh,
    messages,
    identity,
    bodies,
    large_bodies,
    rate_limit,
    unstorable,
)
MUTANTS = tuple(value for topic in TOPICS for value in vars(topic).values() if isinstance(value, Mutant))


def named(sentence: str) -> Mutant:
    """Raises ``BrokenMutant`` where there is no such mutant."""
    for one in MUTANTS:
        if one.sentence == sentence:
            return one
    raise BrokenMutant(f"there is no mutant of this sentence: {sentence}")
