"""What `doctor` concludes from the runs of reconcile."""

from __future__ import annotations

from collections.abc import Iterator

from billing_mirror.core import times
from billing_mirror.core.runs.schedule import DAY, EVENTS_KEPT, RECOVER

from ..words import age, since
from .findings import Check, Finding, Level
from .verdict import Facts, State, problems

SOON_LOST = 25 * DAY
"""Seconds: the alarm EventsUnread has the same threshold."""


def conclude(facts: Facts) -> Iterator[Finding]:
    """How far events are read, and what `status` finds wrong; a mirror that is still being filled is not."""
    if facts.newest:
        yield lost_events(facts)
    found = [one for one in problems(facts) if one.state is not State.FILLING]
    if not found:
        yield Finding(Check.RECONCILE, Level.OK, "works, and nothing is overdue")
    for one in found:
        yield Finding(Check.STATUS, Level.FAIL, one.sentence, one.remedy)


def lost_events(facts: Facts) -> Finding:
    """Whether recover reads Stripe's events before Stripe deletes them."""
    name, recover = Check.LOST_EVENTS, facts.newest.get(RECOVER)
    if recover is None or not recover.watermark:
        return Finding(name, Level.FAIL, "Stripe's events were never read to their end", "billing-mirror recover")
    unread_for = facts.now - times.seconds(recover.watermark)
    if unread_for > EVENTS_KEPT:
        return Finding(
            name,
            Level.FAIL,
            f"Stripe has deleted events of {age(unread_for - EVENTS_KEPT)} that recover had not read",
            "billing-mirror verify finds what they announced; then billing-mirror recover",
        )
    if unread_for > SOON_LOST:
        return Finding(
            name,
            Level.FAIL,
            f"events are read until {since(recover.watermark, facts.now)}; Stripe deletes them in "
            f"{age(EVENTS_KEPT - unread_for)}",
            "billing-mirror recover",
        )
    return Finding(
        name,
        Level.OK,
        f"events are read until {since(recover.watermark, facts.now)}; Stripe keeps them {age(EVENTS_KEPT)}",
    )
