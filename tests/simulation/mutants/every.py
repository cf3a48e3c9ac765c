"""All mutants, by topic."""

from . import (
    accounts,
    already_fresh,
    backfill,
    bodies,
    coalescing,
    deep_verify,
    feed,
    identity,
    large_bodies,
    messages,
    not_found,
    order,
    rate_limit,
    recover,
    removals,
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
    deep_verify,
    order,
    writes,
    not_found,
    already_fresh,
    coalescing,
    messages,
    identity,
    bodies,
    large_bodies,
    rate_limit,
    accounts,
    removals,
    unstorable,
    feed,
)
MUTANTS = tuple(value for topic in TOPICS for value in vars(topic).values() if isinstance(value, Mutant))


def named(sentence: str) -> Mutant:
    """Raises ``BrokenMutant`` where there is no such mutant."""
    for one in MUTANTS:
        if one.sentence == sentence:
            return one
    raise BrokenMutant(f"there is no mutant of this sentence: {sentence}")
