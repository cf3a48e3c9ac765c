"""What a user's own code reads of the past."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.history import DynamoHistory
from billing_mirror.changes.dependencies import ChangesDependencies, FeedResult
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core import times
from billing_mirror.core.changes.history import sort_key
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import partition_key_of
from billing_mirror.core.table.items import Item, id_in
from billing_mirror.reader import PastCustomer, PastObject, Reader, ReaderError, UnknownPast
from tests.doubles.changes import (
    BEGINNING,
    StreamedItems,
    live,
    note_what_leaves,
    raw,
    read_raw,
    removed,
    sequence_of_raw,
)
from tests.doubles.clock import ManualClock
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import sample, subscription

from .reader_engines import engine as engine

START = datetime.fromtimestamp(BEGINNING, UTC)
DAYS = 30


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


class SleepingClock:
    """The clock of the reader, which waits for nothing here."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)


class Mirror:
    """A table, what its stream has, and the reader. Time passes as objects are written: a minute for each token."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client, self._table = client, table
        self.clock = ManualClock(BEGINNING)
        self._items = StreamedItems()
        self._mirror = DynamoMirror(client, table)
        self.history = DynamoHistory(client, table)
        self.reader = Reader(table, scope="test", client=client, clock=SleepingClock(self.clock))

    def write(self, *items: Item, reaches_the_function: bool = True) -> None:
        for item in items:
            token = item["token"]
            assert isinstance(token, int)
            self.clock.advance(max(0.0, BEGINNING + 60.0 * token + 1 - self.clock.now()))
            key = partition_key_of("test", str(item["type"]), id_in(item))
            asyncio.run(note_what_leaves(self._mirror, self._items.get(key), item))
            self._items[key] = item
            self._client.put_item(TableName=self._table, Item=to_attributes({**item, "pk": key, "sk": "object"}))
            if reaches_the_function:
                self.read_stream()
            self._items.records.clear()

    def read_stream(self) -> FeedResult:
        queue = MemoryQueue(self.clock)
        given = ChangesDependencies(self.clock, read_raw, sequence_of_raw, queue, None, self.history, DAYS)
        records = [raw(record) for record in self._items.records]
        return asyncio.run(publish_changes(records, given, deadline=self.clock.now() + 60))

    def before_each_query(self, act: Callable[[], None]) -> None:
        self._client.meta.events.register("before-call.dynamodb.Query", lambda **_: act())

    def replace_entry(self, identifier: str, token: int, damage: Item | None) -> None:
        """With damaged columns, or with none at all: removed."""
        key = to_attributes({"pk": f"test#{identifier}", "sk": sort_key(token)})
        item = self._client.get_item(TableName=self._table, Key=key)["Item"]
        self._client.delete_item(TableName=self._table, Key=key)
        if damage is not None:
            self._client.put_item(TableName=self._table, Item={**item, **to_attributes(damage)})

    def delete(self, identifier: str) -> None:
        self._client.delete_item(TableName=self._table, Key=to_attributes({"pk": f"test#{identifier}", "sk": "object"}))

    def status(self, identifier: str, moment: datetime) -> object:
        found: PastObject = self.reader.as_of(identifier, moment)
        return found.object.body["collection_status"] if found.object is not None else None


@pytest.fixture
def mirror(table: tuple[DynamoDBClient, str]) -> Mirror:
    return Mirror(*table)


def state(status: str, identifier: str = "rcds_1", *, created: float = 0.0) -> JsonObject:
    return subscription(identifier, collection_status=status, created=times.iso(BEGINNING + 60 * created))


CURRENT, PAST_DUE = state("current"), state("past_due")


def statuses(past: PastCustomer) -> dict[str, object]:
    return {one.object.id: one.object.body["collection_status"] for one in past.objects if one.object is not None}


def test_each_change_is_shown_with_the_state_that_it_has_ended(mirror: Mirror) -> None:
    held = live(state("current"), 1)
    mirror.write(held, live(state("past_due"), 2, event="evt_2"), live(state("past_due"), 3))
    mirror.write(removed(live(state("past_due"), 3), 4))
    shown = [(one.kind, one.token, one.announced, one.event_id, one.gap) for one in mirror.reader.history("rcds_1")]
    assert shown == [
        ("removed", 4, False, "", False),
        ("updated", 2, True, "evt_2", False),
        ("created", 1, False, "", False),
    ]
    last, second, first = mirror.reader.history("rcds_1")
    assert second.former is not None
    assert (second.former.body, second.former.token) == (state("current"), 1)
    assert last.former is not None
    assert last.former.body == state("past_due")
    assert first.former is None


def test_an_object_is_shown_as_it_was_at_a_moment(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 1), live(state("past_due"), 5, event="evt_5"), live(state("unpaid"), 9))
    assert mirror.status("rcds_1", minute(2)) == "current"
    assert mirror.status("rcds_1", minute(4.9)) == "current"
    assert mirror.status("rcds_1", minute(4.95)) == "past_due", "by Stripe's clock: the event is older than the fetch"
    assert mirror.status("rcds_1", minute(9)) == "unpaid"
    ended_by = mirror.reader.as_of("rcds_1", minute(2)).ended_by
    assert ended_by is not None
    assert (ended_by.event_id, ended_by.token) == ("evt_5", 5)
    assert mirror.reader.as_of("rcds_1", minute(9)).ended_by is None


def test_before_its_creation_and_after_its_removal_an_object_is_none_or_deleted(mirror: Mirror) -> None:
    mirror.write(live(state("current", "rcds_0"), 1))
    held = live(state("current", created=2.9), 3)
    mirror.write(held, removed(held, 5))
    assert mirror.reader.as_of("rcds_1", minute(2)).object is None
    after = mirror.reader.as_of("rcds_1", minute(5)).object
    assert after is not None
    assert after.deleted


def test_before_the_mirror_held_it_an_object_of_stripe_is_unknown(mirror: Mirror) -> None:
    """A backfill creates what Stripe has had for long."""
    mirror.write(live(state("current", created=1), 3))
    assert mirror.reader.as_of("rcds_1", minute(0.9)).object is None
    with pytest.raises(UnknownPast, match=r"the next moment at which it is known is 2023-11-14T22:16:20\.000Z"):
        mirror.reader.as_of("rcds_1", minute(1))
    assert mirror.status("rcds_1", minute(3)) == "current"


def test_what_was_before_the_history_is_unknown(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 1), reaches_the_function=False)
    mirror.write(live(state("past_due"), 5))
    with pytest.raises(UnknownPast, match="the next moment at which it is known is 2023"):
        mirror.reader.as_of("rcds_1", minute(0))
    assert mirror.status("rcds_1", minute(2)) == "current", "its fetch, and the next write after it, are known"


def test_a_missing_change_is_a_gap_and_the_time_of_it_is_unknown(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 1))
    mirror.write(live(state("past_due"), 4), reaches_the_function=False)
    mirror.write(live(state("unpaid"), 8))
    assert [one.gap for one in mirror.reader.history("rcds_1")] == [True, False]
    assert mirror.status("rcds_1", minute(5)) == "past_due"
    with pytest.raises(UnknownPast):
        mirror.reader.as_of("rcds_1", minute(2))


def test_a_change_that_is_still_on_its_way_is_not_overlooked(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 1))
    mirror.write(live(state("past_due"), 4), reaches_the_function=False)
    with pytest.raises(UnknownPast):
        mirror.reader.as_of("rcds_1", minute(2))
    assert mirror.status("rcds_1", minute(4)) == "past_due"


def test_what_was_missed_and_undone_is_unknown(mirror: Mirror) -> None:
    """No state shows it, but the writes do. What was missed of one object says nothing about another one."""
    mirror.write(live(state("current"), 1), live(state("current", "rcds_2"), 1))
    mirror.write(live(state("past_due"), 2), live(state("current"), 4), reaches_the_function=False)
    mirror.write(live(state("unpaid"), 6), live(state("current", "rcds_2"), 6))
    for moment in (1, 3):
        with pytest.raises(UnknownPast):
            mirror.reader.as_of("rcds_1", minute(moment))
    assert mirror.status("rcds_1", minute(4)) == "current"
    assert [mirror.status("rcds_2", minute(moment)) for moment in (1, 3, 6)] == ["current"] * 3


def test_quiet_days_are_known(mirror: Mirror) -> None:
    day = 24 * 60
    mirror.write(live(state("current"), 1), live(state("current"), 3 * day), live(state("past_due"), 5 * day))
    assert [mirror.status("rcds_1", minute(moment * day)) for moment in (1, 4, 5)] == ["current", "current", "past_due"]


@pytest.mark.parametrize("damage", [None, {"token": "five"}, {"fetched_at": 0}])
def test_an_entry_that_is_gone_or_damaged_is_a_gap(mirror: Mirror, damage: Item | None) -> None:
    """Expired, say, or changed by a hand."""
    mirror.write(*(live(state(f"s{token}"), token) for token in range(1, 6)))
    mirror.replace_entry("rcds_1", 3, damage)
    assert [(one.token, one.gap) for one in mirror.reader.history("rcds_1")] == [
        (5, False),
        (4, True),
        (2, False),
        (1, False),
    ]
    with pytest.raises(UnknownPast):
        mirror.reader.as_of("rcds_1", minute(2))
    assert [mirror.status("rcds_1", minute(moment)) for moment in (1, 3, 4)] == ["s1", "s3", "s4"]


def test_what_a_hand_has_changed_is_unknown(mirror: Mirror) -> None:
    """It is no state that Stripe has shown: neither as the present one, nor once the mirror has repaired it."""
    held = live(state("current"), 1)
    by_hand = {**held, "data": {**state("current"), "collection_status": "by hand"}}
    mirror.write(held, by_hand)
    with pytest.raises(UnknownPast, match="it was edited outside Billing Mirror"):
        mirror.reader.as_of("rcds_1", minute(1))
    mirror.write(live(state("current"), 3))
    with pytest.raises(UnknownPast, match="is known is 2023-11-14T22:16:20"):
        mirror.reader.as_of("rcds_1", minute(2))
    assert mirror.status("rcds_1", minute(3)) == "current"


def test_a_column_that_a_hand_has_changed_is_unknown(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 1), {**live(state("current"), 1), "customer": "cus_2"})
    with pytest.raises(UnknownPast):
        mirror.reader.as_of("rcds_1", minute(1))


def test_a_customer_is_shown_with_what_it_had(mirror: Mirror) -> None:
    kept, left = live(state("current"), 1), live(state("current", "rcds_2"), 2)
    mirror.write(kept, left, live(state("current", "rcds_3"), 3, customer="cus_2"))
    mirror.write(removed(left, 6), live(state("past_due"), 7), live(state("current", "rcds_3"), 8))
    past = mirror.reader.customer_as_of("cus_1", minute(4))
    assert statuses(past) == {"rcds_1": "current", "rcds_2": "current"}
    assert {one.ended_by.kind for one in past.objects if one.ended_by} == {"updated", "removed"}
    assert past.unknown == {}
    assert statuses(mirror.reader.customer_as_of("cus_2", minute(4))) == {"rcds_3": "current"}
    now = mirror.reader.customer_as_of("cus_1", minute(8))
    assert statuses(now) == {"rcds_1": "past_due", "rcds_3": "current"}
    assert [one.ended_by for one in now.objects] == [None, None]


def test_a_write_while_the_history_is_read_changes_no_answer(mirror: Mirror) -> None:
    """The object's item is read first, and then its entries."""
    mirror.write(live(state("current"), 1))
    later = [live(state("past_due"), 2)]
    mirror.before_each_query(lambda: mirror.write(later.pop()) if later else None)
    moment = minute(1.5)
    mirror.clock.advance(60)
    assert mirror.status("rcds_1", moment) == "current"
    assert later == []
    assert mirror.status("rcds_1", minute(2)) == "past_due"


def test_what_is_unknown_of_a_customer_is_said(mirror: Mirror) -> None:
    mirror.write(live(state("current"), 2), reaches_the_function=False)
    mirror.write(live(state("current", "rcds_2"), 3), live(state("current", "rcds_3", created=3.9), 4))
    past = mirror.reader.customer_as_of("cus_1", minute(1))
    assert past.objects == []
    assert past.unknown.keys() == {"rcds_1", "rcds_2"}


def test_what_left_unread_is_unknown(mirror: Mirror) -> None:
    """The function never read that one was removed, and that the other went to another customer."""
    mirror.write(live(state("current"), 1), live(state("current", "rcds_2"), 1))
    mirror.write(removed(live(state("current"), 1), 4), reaches_the_function=False)
    mirror.write(live(state("current", "rcds_2"), 4, customer="cus_2"), reaches_the_function=False)
    past = mirror.reader.customer_as_of("cus_1", minute(2))
    assert past.objects == []
    assert past.unknown.keys() == {"rcds_1", "rcds_2"}


def test_of_a_forgotten_object_only_the_removal_is_known(mirror: Mirror) -> None:
    held = live(state("past_due"), 3)
    deleted = removed(held, 4)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")}
    mirror.write(live(state("current"), 1), held, deleted, {**erased, "erased_at": "2023-11-14T22:18:00.000Z"})
    assert list(mirror.reader.history("rcds_1")) == []
    for _ in range(2):
        with pytest.raises(UnknownPast):
            mirror.reader.as_of("rcds_1", minute(3))
        found = mirror.reader.as_of("rcds_1", minute(4)).object
        assert found is not None
        assert found.deleted
        mirror.write(live(state("unpaid"), 6))  # and after it came back
    assert mirror.status("rcds_1", minute(6)) == "unpaid"


def test_many_changes_are_read_page_by_page(mirror: Mirror, short_pages: None) -> None:  # noqa: ARG001 - a table of short pages
    mirror.write(*(live(state(f"s{token}"), token) for token in range(1, 8)))
    assert [one.token for one in mirror.reader.history("rcds_1")] == [7, 6, 5, 4, 3, 2, 1]
    assert mirror.status("rcds_1", minute(2)) == "s2"
    first = mirror.reader.history("rcds_1").page(limit=3)
    second = mirror.reader.history("rcds_1").page(limit=3, cursor=first.cursor)
    assert [[one.token for one in page] for page in (first, second)] == [[7, 6, 5], [4, 3, 2]]
    last = mirror.reader.history("rcds_1").page(limit=3, cursor=second.cursor)
    assert ([one.token for one in last], last.cursor) == ([1], None)


def test_writes_that_changed_nothing_fill_no_page(mirror: Mirror, short_pages: None) -> None:  # noqa: ARG001 - as above
    mirror.write(*(live(state("current" if token < 9 else "past_due"), token) for token in range(1, 15)))
    page = mirror.reader.history("rcds_1").page(limit=2)
    assert [(one.token, one.former_since, one.gap, one.gap_after) for one in page] == [
        (9, times.iso(minute(1).timestamp()), False, False),
        (1, "", False, False),
    ]


LOST = [
    pytest.param([live(CURRENT, 1)], [live(PAST_DUE, 2)], [("created", True)], id="an update"),
    pytest.param([live(CURRENT, 1)], [removed(live(CURRENT, 1), 2)], [("created", True)], id="the removal"),
    pytest.param(
        [live(CURRENT, 1), live(PAST_DUE, 2)],
        [live(CURRENT, 3)],
        [("updated", True), ("created", False)],
        id="a later update",
    ),
    pytest.param([], [live(CURRENT, 1), live(PAST_DUE, 2)], [], id="everything"),
    pytest.param([live(CURRENT, 1)], [live(PAST_DUE, 2), live(CURRENT, 3)], [("created", True)], id="an undone update"),
]


@pytest.mark.parametrize(("kept", "lost", "shown"), LOST)
def test_a_change_says_that_later_ones_may_be_missing(
    mirror: Mirror, kept: list[Item], lost: list[Item], shown: list[tuple[str, bool]]
) -> None:
    mirror.write(*kept)
    mirror.write(*lost, reaches_the_function=False)
    assert [(one.kind, one.gap_after) for one in mirror.reader.history("rcds_1")] == shown


def test_a_later_change_may_be_missing_of_an_object_that_a_hand_has_deleted(mirror: Mirror) -> None:
    mirror.write(live(CURRENT, 1))
    mirror.delete("rcds_1")
    assert [one.gap_after for one in mirror.reader.history("rcds_1", "v2.billing.rate_card_subscription")] == [True]


def test_a_write_that_changed_nothing_is_no_gap(mirror: Mirror) -> None:
    mirror.write(live(CURRENT, 1), live(CURRENT, 2))
    assert [one.gap_after for one in mirror.reader.history("rcds_1")] == [False]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_each_page_shows_the_gap_after_its_first_change(mirror: Mirror, limit: int) -> None:
    mirror.write(*(live(state(f"s{token}"), token) for token in range(1, 8)))
    mirror.replace_entry("rcds_1", 5, None)
    shown, cursor = [], None
    while True:
        page = mirror.reader.history("rcds_1").page(limit=limit, cursor=cursor)
        shown += [(one.token, one.gap, one.gap_after) for one in page]
        cursor = page.cursor
        if cursor is None:
            break
    gaps = {6: (True, False), 4: (False, True)}
    assert shown == [(token, *gaps.get(token, (False, False))) for token in (7, 6, 4, 3, 2, 1)]


def test_the_last_change_of_a_page_that_expires_before_the_next_one_leaves_a_gap(mirror: Mirror) -> None:
    mirror.write(*(live(state(f"s{token}"), token) for token in range(1, 5)))
    first = mirror.reader.history("rcds_1").page(limit=2)
    mirror.replace_entry("rcds_1", 3, None)
    second = mirror.reader.history("rcds_1").page(limit=2, cursor=first.cursor)
    assert [(one.token, one.gap_after) for one in second] == [(2, True), (1, False)]


def test_a_former_state_that_was_edited_outside_is_known_since_no_time(mirror: Mirror) -> None:
    held = live(CURRENT, 1)
    mirror.write(held, {**held, "data": {**CURRENT, "collection_status": "by hand"}}, live(CURRENT, 2))
    newest, created = mirror.reader.history("rcds_1")
    assert newest.former is not None
    assert (newest.former.body["collection_status"], newest.former_since) == ("by hand", "")
    assert (created.former, created.former_since) == (None, "")


def test_without_a_history_the_present_state_is_known_from_its_fetch_on(mirror: Mirror) -> None:
    customer = sample("customer", id="cus_1", livemode=False)
    mirror.write(live(customer, 1, customer=None), reaches_the_function=False)
    found = mirror.reader.as_of("cus_1", minute(1), "customer").object
    assert found is not None
    with pytest.raises(UnknownPast, match="the next moment at which it is known is 2023-11-14T22:14:20"):
        mirror.reader.as_of("cus_1", minute(0.9), "customer")


def test_of_an_object_that_the_mirror_does_not_hold_nothing_is_known(mirror: Mirror) -> None:
    with pytest.raises(UnknownPast, match="the mirror does not hold it"):
        mirror.reader.as_of("rcds_9", minute(0))


@pytest.mark.parametrize("moment", [datetime(2023, 11, 14), minute(10_000)])  # noqa: DTZ001 - it is what is refused
def test_a_moment_has_a_time_zone_and_is_past(mirror: Mirror, moment: datetime) -> None:
    mirror.write(live(state("current"), 1))
    with pytest.raises(ReaderError):
        mirror.reader.as_of("rcds_1", moment)
