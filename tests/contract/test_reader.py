"""What a user's own code reads, from the same engines."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES, Category, generic_type
from billing_mirror.core.json_body import JsonObject, digest, parse
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs import run
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Job, Resolution, Status
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.reader import Drift, Reader, Run, UnreadableBody
from tests.doubles.samples import noise, rate, subscription, version

from .reader_engines import engine as engine

TEST = Scope(livemode=False)
SUBSCRIPTION = "v2.billing.rate_card_subscription"
RATE = "v2.billing.rate_card_rate"


class FilledTable:
    """A table that a test fills, and the reader on it."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._mirror = DynamoMirror(client, table)
        self._state_store = DynamoStateStore(client, table)
        self.reader = Reader(table, scope="test", client=client)

    def put(self, body: JsonObject, *, customer: str | None = None, token: int = 1, **listed: JsonObject) -> None:
        ref = _ref(body)
        members = {RATE: tuple(listed.values())} if listed else {}
        observation = Observation(1_700_000_000.0, "v", "req_1", body, digest(body), members)
        asyncio.run(self._mirror.put(ref, token, items.item(ref, observation, customer)))

    def put_without(self, body: JsonObject, *missing: str) -> None:
        seen = Observation(1_700_000_000.0, "v", "req_1", body, digest(body), missing_fields=missing)
        asyncio.run(self._mirror.put(_ref(body), 1, items.item(_ref(body), seen, None)))

    def record(self, record: run.Run) -> None:
        asyncio.run(self._state_store.write(TEST, f"run:{record.type}", record.name, record.to_item()))

    def note(self, record: run.Run, drift: run.Drift, noticed_at: float) -> None:
        entry = drift.to_item(record, noticed_at)
        asyncio.run(self._state_store.write(TEST, f"drift:{record.type}", f"{record.name}#{drift.id}", entry))

    def put_tombstone(self, body: JsonObject) -> None:
        ref = _ref(body)
        stone = items.tombstone(Observation(1_700_000_001.0, "v", "req_2"), ref)
        asyncio.run(self._mirror.put_tombstone(ref, 2, stone))


def _ref(body: JsonObject) -> ObjectRef:
    name = str(body["object"])
    if name not in TYPES:
        return ObjectRef(TEST, generic_type(name, "/v1/things/{id}"), str(body["id"]))
    return ref_to(TEST, name, str(body["id"]))


@pytest.fixture
def filled(table: tuple[DynamoDBClient, str]) -> FilledTable:
    return FilledTable(*table)


def subscriptions(filled: FilledTable, count: int) -> list[JsonObject]:
    bodies = [subscription(f"rcds_{n}", created=f"2026-11-{n:02}T00:00:00.000Z") for n in range(1, count + 1)]
    for body in bodies:
        filled.put(body, customer="cus_1")
    return bodies


def test_an_object_by_its_id(filled: FilledTable) -> None:
    filled.put(subscription())
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.body, found.type, found.deleted, found.token) == (subscription(), SUBSCRIPTION, False, 1)


def test_nothing_for_an_id_that_was_never_seen(filled: FilledTable) -> None:
    assert filled.reader.get("rcds_1") is None


def test_another_scope_sees_nothing(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    filled.put(subscription())
    assert Reader(table[1], scope="live", client=table[0]).get("rcds_1") is None


@pytest.mark.parametrize(
    "scope", ["", "Live", "prod", "acct_1", "live/", "live/cus_1", "live/acct_1/", "live#", "test\n"]
)
def test_an_impossible_scope_is_refused(table: tuple[DynamoDBClient, str], scope: str) -> None:
    with pytest.raises(ValueError, match="neither 'live' nor 'test'"):
        Reader(table[1], scope=scope, client=table[0])


@pytest.mark.parametrize("scope", ["live", "test", "live/acct_1", "test/acct_1/acct_2"])
def test_a_scope_of_a_mode_and_an_account(table: tuple[DynamoDBClient, str], scope: str) -> None:
    assert Reader(table[1], scope=scope, client=table[0]).get("rcds_1") is None


def gold(type_name: str) -> JsonObject:
    return {"id": "gold", "object": type_name, "created": 1_700_000_000}


def test_an_id_that_people_chose_alike_for_several_types(filled: FilledTable) -> None:
    for name in ("product", "plan", "coupon"):
        filled.put(gold(name))
    for name in ("product", "plan", "coupon"):
        found = filled.reader.get("gold", name)
        assert found is not None
        assert (found.id, found.type, found.body) == ("gold", name, gold(name))


@pytest.mark.parametrize("name", [name for name, object_type in TYPES.items() if object_type.chosen_ids])
def test_a_chosen_id_is_found_without_its_type(filled: FilledTable, name: str) -> None:
    filled.put(gold(name))
    found = filled.reader.get("gold")
    assert found is not None
    assert found.type == name
    assert [one.id for one in filled.reader.by_type(name)] == ["gold"]


@pytest.mark.parametrize("text", ["é" * 5000, "a/../b" * 100, "x" * 900, "x" * 901, "..\\%2f/"])
def test_an_id_of_any_length_that_people_chose(filled: FilledTable, text: str) -> None:
    body: JsonObject = {"id": text, "object": "coupon", "created": 1_700_000_000}
    filled.put(body)
    for found in (filled.reader.get(text), filled.reader.get(text, "coupon"), *filled.reader.by_type("coupon")):
        assert found is not None
        assert (found.id, found.body) == (text, body)
    assert len([*filled.reader.by_type("coupon")]) == 1
    drift = run.Drift(text, Difference.MISSING, Resolution.REPAIRED)
    assert run.Drift.from_item(drift.to_item(run.Run("coupon", Job.VERIFY, started_at=NOON), NOON)).id == text


def test_an_id_that_two_types_outside_the_catalog_share(filled: FilledTable) -> None:
    names = ("account", "v2.core.account")
    for name in names:
        filled.put({"id": "acct_1", "object": name, "created": 1_700_000_000})
    for name in names:
        found = filled.reader.get("acct_1", name)
        assert found is not None
        assert found.body["object"] == name
    assert filled.reader.get("acct_2", "account") is None


def test_nothing_for_an_id_that_only_an_object_of_another_type_has(filled: FilledTable) -> None:
    filled.put(gold("plan"))
    assert filled.reader.get("gold", "product") is None


def test_all_of_a_category_type_by_type(filled: FilledTable) -> None:
    for body in (subscription(), rate(), version(), gold("product"), gold("coupon")):
        filled.put(body)
    assert of_category(filled, Category.ACTIVITY, limit=100) == [SUBSCRIPTION]
    assert of_category(filled, Category.CONFIGURATION, limit=100) == ["coupon"]
    expected = [name for name in TYPES if name in {RATE, "v2.billing.rate_card_version", "product"}]
    assert of_category(filled, Category.CATALOG, limit=100) == expected


def test_a_category_in_small_pages(filled: FilledTable) -> None:
    subscriptions(filled, 5)
    filled.put({"id": "cus_1", "object": "customer", "created": 1})
    assert of_category(filled, Category.ACTIVITY, limit=2) == ["customer", *([SUBSCRIPTION] * 5)]


def of_category(filled: FilledTable, category: Category, *, limit: int) -> list[str]:
    """The types of all objects of a category, page by page."""
    listed = filled.reader.by_category(category)
    page = listed.page(limit=limit)
    found = [one.type for one in page]
    while page.cursor is not None:
        page = listed.page(limit=limit, cursor=page.cursor)
        found += [one.type for one in page]
    assert found == [one.type for one in listed]
    return found


@pytest.mark.parametrize("cursor", ["nonsense", f"{RATE} ", "product nonsense"])
def test_a_cursor_of_another_category_is_refused(filled: FilledTable, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        filled.reader.by_category(Category.ACTIVITY).page(cursor=cursor)


def test_all_of_a_type_newest_first(filled: FilledTable) -> None:
    bodies = subscriptions(filled, 3)
    filled.put(rate())
    assert [one.body for one in filled.reader.by_type(SUBSCRIPTION)] == bodies[::-1]


def test_a_list_in_pages(filled: FilledTable) -> None:
    subscriptions(filled, 5)
    seen, cursor = [], None
    for expected in (2, 2, 1):
        page = filled.reader.by_type(SUBSCRIPTION).page(limit=2, cursor=cursor)
        assert len(page.items) == expected
        seen += [one.id for one in page.items]
        cursor = page.cursor
    assert seen == ["rcds_5", "rcds_4", "rcds_3", "rcds_2", "rcds_1"]
    assert cursor is None


def test_a_cursor_that_the_reader_did_not_give_out_is_refused(filled: FilledTable) -> None:
    with pytest.raises(ValueError, match="cursor"):
        filled.reader.by_type(SUBSCRIPTION).page(cursor="nonsense")


def test_all_of_a_customer_and_those_of_one_type(filled: FilledTable) -> None:
    filled.put(subscription(), customer="cus_1")
    filled.put(rate(), customer="cus_1")
    filled.put(subscription("rcds_2"), customer="cus_2")
    assert {one.id for one in filled.reader.by_customer("cus_1")} == {"rcds_1", "rcdr_1"}
    assert [one.id for one in filled.reader.by_customer("cus_1", SUBSCRIPTION)] == ["rcds_1"]


def test_the_children_of_a_parent(filled: FilledTable) -> None:
    for body in (subscription(), rate(), version(), rate("rcdr_9", rate_card="rcd_9")):
        filled.put(body)
    assert {one.id for one in filled.reader.children("rcd_1")} == {"rcds_1", "rcdr_1", "rcdv_1"}
    assert [one.id for one in filled.reader.children("rcd_1", RATE)] == ["rcdr_1"]


def test_a_type_by_either_status(filled: FilledTable) -> None:
    filled.put(subscription("rcds_1", collection_status="past_due"))
    filled.put(subscription("rcds_2", servicing_status="canceled"))
    assert [one.id for one in filled.reader.by_status(SUBSCRIPTION, "canceled")] == ["rcds_2"]
    assert [one.id for one in filled.reader.by_collection_status(SUBSCRIPTION, "past_due")] == ["rcds_1"]


def test_a_removed_object_is_found_by_its_id_only(filled: FilledTable) -> None:
    filled.put(subscription(), customer="cus_1")
    filled.put_tombstone(subscription())
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.deleted, found.body) == (True, subscription())
    assert [*filled.reader.by_type(SUBSCRIPTION)] == []
    assert [*filled.reader.by_customer("cus_1")] == []
    assert [*filled.reader.children("rcd_1")] == []


def test_the_rates_of_a_version_also_when_one_was_removed_since(filled: FilledTable) -> None:
    filled.put(rate("rcdr_1"))
    filled.put(rate("rcdr_2"))
    filled.put(version(), first=rate("rcdr_1"), second=rate("rcdr_2"))
    filled.put_tombstone(rate("rcdr_2"))
    found = filled.reader.members("rcdv_1", RATE)
    assert [(one.id, one.deleted) for one in found] == [("rcdr_1", False), ("rcdr_2", True)]


@pytest.mark.parametrize(
    "value",
    [
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "1e30",
        "-0.000000000001",
        '"12345678901234567890.123456789012"',
        '""',
        "null",
        "[]",
        "{}",
        '"\\ud83d\\ude00 \\u0000"',
        '"\\ud800"',
        "123456789012345678901234567890123456789012345",
        "1e400",
        "[" * 40 + "]" * 40,
    ],
)
def test_a_value_is_read_as_it_was_sent(filled: FilledTable, value: str) -> None:
    text = _text_with(value)
    body = parse(text)
    filled.put(body)
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert found.body == body
    assert not isinstance(found.body["value"], float)


def _text_with(value: str) -> str:
    return f'{{"id": "rcds_1", "object": "{SUBSCRIPTION}", "value": {value}}}'


def test_whole_numbers_are_integers_and_others_are_decimals(filled: FilledTable) -> None:
    filled.put(subscription(a=5, b=Decimal("5.50")))
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (type(found.body["a"]), type(found.body["b"])) == (int, Decimal)


def test_a_body_of_half_a_megabyte(filled: FilledTable) -> None:
    text = _text_with('"' + "x" * 500_000 + '"')
    filled.put(parse(text))
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert found.body == parse(text)


LARGE = 700_000
"""Bytes that one item does not hold, whatever compresses them."""


def large(seed: int = 1, identifier: str = "rcds_1") -> JsonObject:
    return subscription(identifier, note=noise(LARGE, seed))


@pytest.mark.usefixtures("short_pages")
def test_a_body_that_takes_several_items(filled: FilledTable) -> None:
    filled.put(large())
    filled.put(subscription("rcds_2"))
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.body, found.token, found.deleted) == (large(), 1, False)
    assert [one.body for one in filled.reader.by_type(SUBSCRIPTION)] == [subscription("rcds_2"), large()]
    filled.put_tombstone(large())
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.body, found.token, found.deleted) == (large(), 2, True)


class Between:
    """Lets a test write between the reads of an item and of its chunks, ``times`` times."""

    def __init__(self, client: DynamoDBClient, write: Callable[[int], None], *, times: int) -> None:
        self._write = write
        self._left = times
        self._at_work = False
        client.meta.events.register("before-call.dynamodb.Query", self._strike)

    def _strike(self, **_: object) -> None:
        if self._left and not self._at_work:
            self._left -= 1
            self._at_work = True
            self._write(self._left)
            self._at_work = False


def test_a_large_body_that_is_replaced_while_it_is_read(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    filled.put(large(1))
    Between(table[0], lambda left: filled.put(large(2 + left), token=5 - left), times=3)
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.body, found.token) == (large(2), 5)


def test_a_large_body_that_shrinks_while_it_is_read(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    filled.put(large(1))
    Between(table[0], lambda _: filled.put(subscription(), token=2), times=1)
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert (found.body, found.token) == (subscription(), 2)


def test_a_large_body_that_is_replaced_all_the_time(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    filled.put(large(1))
    Between(table[0], lambda left: filled.put(large(2 + left), token=100 - left), times=50)
    with pytest.raises(TimeoutError, match="rcds_1 is written so often"):
        filled.reader.get("rcds_1")


def test_a_large_body_of_which_an_item_was_removed_by_hand(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    filled.put(large())
    client, name = table
    items_of = client.query(
        TableName=name,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :chunks)",
        ExpressionAttributeValues={":pk": {"S": "test#rcds_1"}, ":chunks": {"S": "chunk#"}},
    )["Items"]
    client.delete_item(TableName=name, Key={"pk": items_of[1]["pk"], "sk": items_of[1]["sk"]})
    with pytest.raises(UnreadableBody, match="body of rcds_1"):
        filled.reader.get("rcds_1")


def test_what_an_index_still_shows_after_its_removal_is_left_out(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    filled.put(subscription())
    client, name = table
    client.update_item(
        TableName=name,
        Key={"pk": {"S": "test#rcds_1"}, "sk": {"S": "object"}},
        UpdateExpression="SET deleted = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    assert [*filled.reader.by_type(SUBSCRIPTION)] == []


def test_more_bodies_than_one_answer_of_dynamodb_holds(filled: FilledTable) -> None:
    for number in range(50):
        filled.put(subscription(f"rcds_{number}", note="x" * 390_000))
    assert len({one.id for one in filled.reader.by_type(SUBSCRIPTION)}) == 50


NOON = times.seconds("2026-11-20T12:00:00.000Z")


def run_at(minutes: int, type_name: str = SUBSCRIPTION) -> run.Run:
    return run.Run(type_name, Job.VERIFY, started_at=NOON + minutes * 60, updated_at=NOON + minutes * 60)


def drift_of(identifier: str) -> run.Drift:
    return run.Drift(identifier, Difference.DIFFERENT, Resolution.REPAIRED, type=SUBSCRIPTION)


def test_a_run_as_it_was_recorded(filled: FilledTable) -> None:
    counts = Counts(pages=3, stripe_calls=5, milliseconds=2000, compared=250, equal=249, different=1, repaired=1)
    filled.record(replace(run_at(0), status=Status.COMPLETE, finished_at=NOON + 2.5, expected=251, counts=counts))
    assert [*filled.reader.runs(SUBSCRIPTION)] == [
        Run(
            type=SUBSCRIPTION,
            job=Job.VERIFY,
            status=Status.COMPLETE,
            reason="",
            started_at="2026-11-20T12:00:00.000Z",
            updated_at="2026-11-20T12:00:00.000Z",
            finished_at="2026-11-20T12:00:02.500Z",
            watermark="",
            expected=251,
            failures=0,
            counts=counts,
        )
    ]
    assert counts.found == 1


def test_a_run_that_goes_on_has_not_finished_and_says_what_it_met(filled: FilledTable) -> None:
    filled.record(replace(run_at(0), reason="out of time; the next tick continues", failures=3))
    (found,) = filled.reader.runs(SUBSCRIPTION)
    assert found.failures == 3
    assert (found.status, found.finished_at) == (Status.RUNNING, None)
    assert found.reason == "out of time; the next tick continues"


def test_runs_over_the_events_say_how_far_they_are_read(filled: FilledTable) -> None:
    filled.record(run_at(0))
    watermark = "2026-11-20T11:58:00.000Z"
    filled.record(replace(run_at(0, "recover"), job=Job.RECOVER, watermark=watermark))
    assert [(one.job, one.watermark) for one in filled.reader.runs("recover")] == [(Job.RECOVER, watermark)]


def test_the_newest_runs_come_first_and_the_others_on_later_pages(filled: FilledTable) -> None:
    for number in range(13):
        filled.record(run_at(number))
    first = filled.reader.runs(SUBSCRIPTION).page(limit=10)
    assert [one.started_at[11:16] for one in first] == [f"12:{number:02}" for number in range(12, 2, -1)]
    assert first.cursor is not None
    rest = filled.reader.runs(SUBSCRIPTION).page(cursor=first.cursor)
    assert [one.started_at[11:16] for one in rest] == ["12:02", "12:01", "12:00"]
    assert rest.cursor is None


def test_no_runs_of_a_type_that_has_none(filled: FilledTable) -> None:
    filled.record(run_at(0, "product"))
    assert [*filled.reader.runs(SUBSCRIPTION)] == []


def test_evidence_as_it_was_noted(filled: FilledTable) -> None:
    noted = run.Drift(
        "rcds_1",
        Difference.DIFFERENT,
        Resolution.REPAIRED,
        fields=("metadata", "servicing_status"),
        type=SUBSCRIPTION,
        token=7,
    )
    filled.note(run_at(0), noted, NOON + 1)
    assert [*filled.reader.drifts(SUBSCRIPTION)] == [
        Drift(
            type=SUBSCRIPTION,
            id="rcds_1",
            difference=Difference.DIFFERENT,
            resolution=Resolution.REPAIRED,
            fields=("metadata", "servicing_status"),
            reason="",
            token=7,
            run="2026-11-20T12:00:00.000Z",
            noticed_at="2026-11-20T12:00:01.000Z",
        )
    ]


def test_evidence_of_the_newest_run_comes_first_or_of_one_run_alone(filled: FilledTable) -> None:
    for number in (1, 2):
        filled.record(run_at(number))
        for identifier in ("rcds_1", "rcds_2"):
            filled.note(run_at(number), drift_of(identifier), NOON)
    everything = [(one.run[11:16], one.id) for one in filled.reader.drifts(SUBSCRIPTION)]
    assert everything == [("12:02", "rcds_2"), ("12:02", "rcds_1"), ("12:01", "rcds_2"), ("12:01", "rcds_1")]
    [_, older] = filled.reader.runs(SUBSCRIPTION)
    assert [(one.run[11:16], one.id) for one in filled.reader.drifts(SUBSCRIPTION, run=older)] == everything[2:]


@pytest.mark.parametrize("of_one_run", [True, False])
def test_evidence_in_pages(filled: FilledTable, *, of_one_run: bool) -> None:
    filled.record(run_at(0))
    for number in range(5):
        filled.note(run_at(0), drift_of(f"rcds_{number}"), NOON)
    wanted = filled.reader.runs(SUBSCRIPTION).first() if of_one_run else None
    seen, cursor = [], None
    for expected in (2, 2, 1):
        page = filled.reader.drifts(SUBSCRIPTION, run=wanted).page(limit=2, cursor=cursor)
        assert len(page.items) == expected
        seen += [one.id for one in page]
        cursor = page.cursor
    assert seen == ["rcds_4", "rcds_3", "rcds_2", "rcds_1", "rcds_0"]
    assert cursor is None


def test_another_scope_has_runs_and_evidence_of_its_own(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    filled.record(run_at(0))
    filled.note(run_at(0), drift_of("rcds_1"), NOON)
    live = Reader(table[1], scope="live", client=table[0])
    assert ([*live.runs(SUBSCRIPTION)], [*live.drifts(SUBSCRIPTION)]) == ([], [])


def test_a_cursor_of_evidence_that_the_reader_did_not_give_out_is_refused(filled: FilledTable) -> None:
    with pytest.raises(ValueError, match="cursor"):
        filled.reader.drifts(SUBSCRIPTION).page(cursor="nonsense")


def test_an_object_says_which_fields_stripe_refused_to_show(filled: FilledTable) -> None:
    filled.put_without(subscription(), "discounts", "lines.data.discounts")
    found = filled.reader.get("rcds_1")
    assert found is not None
    assert found.missing_fields == ("discounts", "lines.data.discounts")
    filled.put(subscription("rcds_2"))
    listed = {one.id: one.missing_fields for one in filled.reader.by_type(SUBSCRIPTION)}
    assert listed == {"rcds_1": ("discounts", "lines.data.discounts"), "rcds_2": ()}
