"""Mutants of the rule that skips a message because the mirror is fresher than it."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head, ends_at, is_fresh_enough, shows_creation
from billing_mirror.ports import Clock, Stripe
from billing_mirror.process.already_fresh import is_answered, is_dated_ahead
from billing_mirror.process.messages import WorkItem
from billing_mirror.refresh.fetch import fetch

from .registry import mutant, replaces

creates = Notification.creates


@mutant("already fresh without a margin for clock skew")
@replaces(is_fresh_enough)
def leaves_no_margin(head: Head | None, *, sent_at: float, margin: float) -> bool:
    return is_fresh_enough(head, sent_at=sent_at, margin=min(margin, sys.float_info.min))


@mutant("already fresh by the end of the mirrored fetch")
@replaces(fetch)
async def dates_fetch_by_its_end(
    ref: ObjectRef,
    stripe: Stripe,
    clock: Clock,
    *,
    event: str | None = None,
    head: Head | None = None,
    all_lists: bool = False,
) -> Observation:
    observation = await fetch(ref, stripe, clock, event=event, head=head, all_lists=all_lists)
    return observation if observation.body is None else replace(observation, fetched_at=clock.now())


@mutant("the first message of a group decides that all are already fresh")
@replaces(is_answered)
def asks_first_message(items: Sequence[WorkItem], head: Head, *, margin: float) -> bool:
    return is_answered(items[:1], head, margin=margin)


@mutant("already fresh although a whole second may have ended after the newest event")
@replaces(ends_at)
def reads_whole_seconds_as_milliseconds(created_at: float) -> float:
    return (round(created_at * 1_000_000) // 1000 + 1) / 1000


@mutant("any event of a new object is answered by whatever shows the object")
@replaces(Notification.creates)
def takes_any_event_for_a_creation(self: Notification, object_type: ObjectType) -> bool:
    return creates(self.model_copy(update={"type": f"{self.resource}.created"}), object_type)


@mutant("the creation of a version is answered by a list, which leads to none of its rates")
@replaces(shows_creation)
def believes_lists_about_all(head: Head, object_type: ObjectType) -> bool:
    return shows_creation(replace(head, token=1), object_type)


@mutant("already fresh by an event that is dated in the future")
@replaces(is_dated_ahead)
def believes_dates_ahead(event: Notification, item: WorkItem) -> bool:
    assert event is item.message
    return False
