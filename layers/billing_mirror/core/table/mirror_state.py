"""What the mirror knows of an object without its body: enough to decide whether to fetch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor
from typing import Protocol

from ..catalog import ObjectType

READ_LAG = 60.0
"""Seconds after creation during which a GET may still return 404, although Stripe has sent the event."""
CLAIM_DIES_AFTER = 3600.0
"""Seconds after which a claim without a write is dead: retries of messages come sooner."""
MAX_CLOCK_SKEW = 300.0
"""Seconds by which a container's clock may differ from Stripe's. A container further off reaches no table: AWS refuses
what it signs. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""
UNCLAIMED_TOKEN = 0
"""The token of objects that backfill inserts from a list, without a fetch: every claim is newer."""


@dataclass(frozen=True, slots=True)
class Head:
    """An object's item without the body. ``fetched_at`` is in seconds since 1970."""

    token: int
    fetched_at: float
    digest: str
    deleted: bool = False
    customer: str | None = None
    parent: str | None = None
    stripe_version: str = ""
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By type, the ids on the lists that belong to the object."""
    last_event_at: float = 0.0
    """Creation, by Stripe's clock, of the newest event received before the fetch; 0 without an event."""
    last_event_ids: tuple[str, ...] = ()
    """The id of that event, and those of others received before the fetch that may not be older, as
    :attr:`~billing_mirror.core.events.messages.Notification.identity` has them.
    """
    chunks: str | None = None
    """How the sort keys of the items begin that hold the body, where it takes several; see ``core.table.chunks``."""
    missing_fields: tuple[str, ...] = ()
    """Fields on request that the body lacks, because Stripe refused to show them; sorted."""
    follow_ups_due: bool = False
    """Whether refreshes that should follow the fetch were left out, because the chain of them had got too long."""
    former_customer: str | None = None
    """The customer that a removed object had."""


class KnowsEvents(Protocol):
    """What knows the newest events that were received before a fetch, or before a claim."""

    @property
    def last_event_at(self) -> float:
        """Creation, by Stripe's clock, of the newest one (seconds since 1970); 0 without an event."""

    @property
    def last_event_ids(self) -> tuple[str, ...]:
        """The id of that event, and those of others that may not be older."""


@dataclass(frozen=True, slots=True)
class LastEvents:
    """Implements :class:`KnowsEvents`."""

    last_event_at: float = 0.0
    last_event_ids: tuple[str, ...] = ()


NO_EVENTS = LastEvents()
CLAIMS_KEPT = 5
"""Claims whose events a counter keeps: more than claims that the events of one change usually cause at once."""
EVENTS_COMPARED = 4
"""Events of one moment that a claim compares with those of earlier ones at most: DynamoDB's expressions have 4 KB.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An object's counter: the last token taken, and when."""

    claimed: int
    claimed_at: float


class AlreadyClaimed(Exception):
    """A claim is refused: the last one of the object is recent, and follows the same events."""


def may_lag(created_at: float, now: float) -> bool:
    """The read-lag rule: whether Stripe may not yet show what was created then. Times are in seconds since 1970.

    A test clock may date the creation in the future: https://docs.stripe.com/billing/testing/test-clocks
    """
    return lag_left(created_at, now) > 0


def lag_left(created_at: float, now: float) -> float:
    """Seconds for which :func:`may_lag` still holds."""
    return max(0.0, READ_LAG - abs(now - created_at))


def is_fresh_enough(head: Head | None, *, sent_at: float, margin: float) -> bool:
    """Whether the mirrored fetch started late enough to show what a message sent at ``sent_at`` announces.

    ``margin`` is the clock skew to allow for, in seconds. 0 switches this off. What a list has shown never is late
    enough: a list lags.
    """
    if head is None or head.token == UNCLAIMED_TOKEN or margin <= 0:
        return False
    return head.fetched_at > sent_at + margin


def ends_at(created_at: float) -> float:
    """The end of the moment that an event's creation names (seconds since 1970).

    Snapshot events name whole seconds, thin events milliseconds: the change happened at some time within.
    """
    milliseconds = round(created_at * 1_000_000) // 1000
    return (milliseconds + (1 if milliseconds % 1000 else 1000)) / 1000


def latest_events(*known: KnowsEvents) -> LastEvents:
    """The newest of all known events, and those that may not be older."""
    sources = sorted(known, key=lambda one: one.last_event_at, reverse=True)
    newest = sources[0].last_event_at
    # What may have happened in the second of the newest event is not older by every clock: its id is kept.
    ids = [name for one in sources if ends_at(floor(one.last_event_at)) > newest for name in one.last_event_ids]
    return LastEvents(newest, tuple(dict.fromkeys(ids)))


def follows_events(known: KnowsEvents, events: KnowsEvents) -> bool:
    """Whether what follows the ``known`` events follows these few, too, by Stripe's clock alone."""
    if not 0 < len(events.last_event_ids) <= EVENTS_COMPARED:
        return False
    return ends_at(events.last_event_at) <= known.last_event_at or {*events.last_event_ids} <= {*known.last_event_ids}


def follows_event(head: Head, identity: str, created_at: float) -> bool:
    """Whether the mirrored fetch followed an event that Stripe created then, by Stripe's clock alone.

    It did where a newer event was received before the fetch, or this very event. Equal times of different events prove
    nothing by themselves: the mirrored fetch may have run between them.
    """
    return follows_events(head, LastEvents(created_at, (identity,)))


def reflects_event(
    head: Head | None, claim: Claim | None, identity: str, created_at: float, *, creates: ObjectType | None = None
) -> bool:
    """Whether the mirror shows what an event announces that Stripe created then (seconds since 1970).

    It does where the fetch followed the event, whatever any clock says; or where it has the newest token, and shows
    the object that the event ``creates``, or started so much later that no clock and no replica can lag so far.
    """
    if head is None:
        return False
    if follows_event(head, identity, created_at):
        return True
    is_late = head.fetched_at > created_at + READ_LAG + MAX_CLOCK_SKEW
    return is_last_claim(head, claim) and (is_late or (creates is not None and shows_creation(head, creates)))


def shows_creation(head: Head, object_type: ObjectType) -> bool:
    """Whether the mirror shows that an object was created, under an id that no other one ever has.

    Whatever shows the object, a list included, shows its creation. What is stored from a list is not enough where a
    fetch leads to other objects.
    """
    if head.deleted or head.follow_ups_due:
        return False
    return head.token > UNCLAIMED_TOKEN or not object_type.leads_on


def is_last_claim(head: Head, claim: Claim | None) -> bool:
    """Whether the mirrored state has the newest token: no worker is about to write an older answer."""
    return (claim.claimed if claim else UNCLAIMED_TOKEN) == head.token


def is_in_flight(head: Head | None, claim: Claim | None, *, now: float) -> bool:
    """Whether a worker has claimed the object and may still apply its fetch."""
    if claim is None or claim.claimed <= (head.token if head else 0):
        return False
    return now - claim.claimed_at < CLAIM_DIES_AFTER
