"""Mutants of the rule that skips a message because the mirror is fresher than it."""

import sys
from dataclasses import replace

from billing_mirror.core.items import Observation
from billing_mirror.core.mirror_state import Claim, Head, is_fresh_enough
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Clock, Stripe
from billing_mirror.process.already_fresh import _is_last_claim, _last_relevant_at, _relevant_at
from billing_mirror.process.messages import WorkItem
from billing_mirror.refresh.fetch import fetch

from .registry import mutant, replaces


@mutant("already fresh without a margin for clock skew")
@replaces(is_fresh_enough)
def leaves_no_margin(head: Head | None, *, sent_at: float, margin: float) -> bool:
    return is_fresh_enough(head, sent_at=sent_at, margin=min(margin, sys.float_info.min))


@mutant("already fresh although another worker has claimed since")
@replaces(_is_last_claim)
def ignores_later_claims(head: Head, claim: Claim | None) -> bool:
    return claim is not None


@mutant("already fresh by the end of the mirrored fetch")
@replaces(fetch)
async def dates_fetch_by_its_end(
    ref: ObjectRef, stripe: Stripe, clock: Clock, *, event: str | None = None
) -> Observation:
    observation = await fetch(ref, stripe, clock, event=event)
    return observation if observation.body is None else replace(observation, fetched_at=clock.now())


@mutant("the first message of a group decides that all are already fresh")
@replaces(_last_relevant_at)
def asks_first_message(items: list[WorkItem]) -> float:
    return min(_relevant_at(item) for item in items)
