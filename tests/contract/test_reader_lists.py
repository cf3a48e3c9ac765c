"""Lists that end by themselves, names that the table does not know, and the cost of reading."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.catalog import TYPES, Category
from billing_mirror.core.json_body import JsonObject, parse
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.account import PIN_PARTITION, PIN_SORT_KEY, Pin
from billing_mirror.reader import EmptyScope, NoRegion, Reader, ReaderError, UnknownStatus, UnknownType
from tests.doubles.samples import rate, subscription

from .test_reader import RATE, SUBSCRIPTION, FilledTable, gold

PREFIXED = sorted(
    name for name, one in TYPES.items() if one.prefix and not one.singleton and not one.nested and not one.events
)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


@pytest.fixture
def filled(table: tuple[DynamoDBClient, str]) -> FilledTable:
    return FilledTable(*table)


class Counted:
    """Counts what a client is asked for: requests, and keys in them."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.keys: list[int] = []

    def note(self, params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        self.requests.append(model.name)
        if model.name == "BatchGetItem":
            self.keys += [len(one["Keys"]) for one in params["RequestItems"].values()]


@contextmanager
def counted(client: DynamoDBClient) -> Iterator[Counted]:
    counts = Counted()
    client.meta.events.register("provide-client-params.dynamodb", counts_note := _noting(counts))
    yield counts
    client.meta.events.unregister("provide-client-params.dynamodb", counts_note)


def _noting(counts: Counted) -> Any:  # noqa: ANN401 - what botocore takes
    return lambda params, model, **_: counts.note(params, model)


def many(filled: FilledTable, count: int) -> list[str]:
    ids = [f"rcds_{number:03}" for number in range(count)]
    for identifier in ids:
        filled.put(subscription(identifier), customer="cus_1")
    return ids


def test_a_loop_over_a_list_ends_where_the_list_ends(filled: FilledTable) -> None:
    ids = many(filled, 142)
    for listed in (
        filled.reader.by_customer("cus_1"),
        filled.reader.by_type(SUBSCRIPTION),
        filled.reader.by_status(SUBSCRIPTION, "active"),
        filled.reader.children("rcd_1"),
        filled.reader.by_category(Category.ACTIVITY),
    ):
        assert sorted(one.id for one in listed) == ids
        assert sorted(one.id for one in listed) == ids, "a list can be read again"


def test_nothing_is_read_before_it_is_needed(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    many(filled, 142)
    with counted(table[0]) as counts:
        listed = filled.reader.by_type(SUBSCRIPTION)
        assert counts.requests == []
        next(iter(listed))
        assert counts.requests == ["Query", "BatchGetItem"]
        assert listed.first() is not None
        assert counts.keys == [100, 1]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_without_entries_is_refused(filled: FilledTable, limit: int) -> None:
    with pytest.raises(ReaderError, match="1 to 100"):
        filled.reader.by_type(SUBSCRIPTION).page(limit=limit)


def test_a_page_has_at_most_a_hundred_entries(filled: FilledTable) -> None:
    many(filled, 101)
    page = filled.reader.by_type(SUBSCRIPTION).page(limit=1000)
    assert len(page.items) == 100
    assert page.cursor is not None


def test_the_first_of_a_list(filled: FilledTable) -> None:
    assert filled.reader.by_type(SUBSCRIPTION).first() is None
    filled.put(subscription("rcds_1", created="2026-11-01T00:00:00.000Z"))
    filled.put(subscription("rcds_2", created="2026-11-02T00:00:00.000Z"))
    found = filled.reader.by_type(SUBSCRIPTION).first()
    assert found is not None
    assert found.id == "rcds_2"


@pytest.mark.parametrize("name", PREFIXED)
def test_an_id_whose_prefix_is_known_costs_one_key(
    filled: FilledTable, table: tuple[DynamoDBClient, str], name: str
) -> None:
    identifier = f"{TYPES[name].prefix}1"
    filled.put({"id": identifier, "object": name, "created": 1})
    with counted(table[0]) as counts:
        found = filled.reader.get(identifier)
    assert found is not None
    assert found.id == identifier
    assert counts.keys == [1]


def test_an_id_that_only_looks_like_another_type_is_still_found(filled: FilledTable) -> None:
    filled.put({"id": "sub_spring", "object": "coupon", "created": 1})
    found = filled.reader.get("sub_spring")
    assert found is not None
    assert found.type == "coupon"


NAMED_WRONG = [("customers", "customer"), ("Invoice", "invoice"), ("rate_card", "v2.billing.rate_card")]


@pytest.mark.parametrize(("wrong", "right"), NAMED_WRONG)
def test_a_type_that_is_not_known_is_refused_with_the_one_that_is_meant(
    filled: FilledTable, wrong: str, right: str
) -> None:
    reader = filled.reader
    for ask in (
        lambda: list(reader.by_type(wrong)),
        lambda: reader.by_type(wrong).page(),
        lambda: reader.by_type(wrong).first(),
        lambda: list(reader.by_customer("cus_1", wrong)),
        lambda: list(reader.children("rcd_1", wrong)),
        lambda: list(reader.by_status(wrong, "open")),
        lambda: list(reader.by_collection_status(wrong, "current")),
        lambda: reader.get("x", wrong),
        lambda: reader.members("x", wrong),
        lambda: list(reader.runs(wrong)),
        lambda: list(reader.drifts(wrong)),
    ):
        with pytest.raises(UnknownType, match=f"did you mean '{right}'"):
            ask()


def test_a_type_that_resembles_none_is_refused(filled: FilledTable) -> None:
    with pytest.raises(UnknownType, match=r"docs/reading\.md lists the types"):
        list(filled.reader.by_type("zebra"))


def test_a_type_outside_the_catalog_is_known_by_its_objects(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    filled.put({"id": "po_1", "object": "payout", "created": 1})
    assert [one.id for one in filled.reader.by_type("payout")] == ["po_1"]
    assert filled.reader.get("po_2", "payout") is None
    with counted(table[0]) as counts:
        assert filled.reader.get("po_2", "payout") is None
    assert counts.requests.count("Query") == 0, "what was confirmed once is remembered"


def test_another_name_of_a_type_finds_the_same_objects(filled: FilledTable) -> None:
    filled.put(rate())
    assert [one.id for one in filled.reader.by_type("v2.billing.rate_card.rate")] == ["rcdr_1"]
    assert filled.reader.get("rcdr_1", "v2.billing.rate_card.rate") == filled.reader.get("rcdr_1", RATE)


def test_a_type_without_objects_is_an_empty_list(filled: FilledTable) -> None:
    assert list(filled.reader.by_type("invoice")) == []
    assert list(filled.reader.by_status("invoice", "open")) == []
    assert list(filled.reader.runs("recover")) == []
    assert filled.reader.members("rcdv_1", RATE) == []


def test_a_status_that_stripe_does_not_know_is_refused(filled: FilledTable) -> None:
    expected = "no invoice has the status 'opened': Stripe knows draft, open, paid, uncollectible, void; did you mean"
    with pytest.raises(UnknownStatus, match=expected):
        list(filled.reader.by_status("invoice", "opened"))
    with pytest.raises(UnknownStatus, match="collection status 'active': Stripe knows current, past_due"):
        list(filled.reader.by_collection_status(SUBSCRIPTION, "active"))
    with pytest.raises(UnknownStatus, match="objects of the type 'product' have no status"):
        list(filled.reader.by_status("product", "active"))
    with pytest.raises(UnknownStatus, match="have no collection status; these have: v2"):
        list(filled.reader.by_collection_status("invoice", "past_due"))


def test_a_status_that_stripe_has_added_is_found(filled: FilledTable) -> None:
    filled.put({"id": "in_1", "object": "invoice", "created": 1, "status": "deferred"})
    assert [one.id for one in filled.reader.by_status("invoice", "deferred")] == ["in_1"]


def pin(table: tuple[DynamoDBClient, str], *, livemode: bool) -> None:
    """What the first key of a mode leaves in the table."""
    asyncio.run(
        DynamoStateStore(*table).write(Scope(livemode), PIN_PARTITION, PIN_SORT_KEY, Pin("acct_1", "x").to_item())
    )


def test_a_scope_that_holds_nothing_beside_one_that_does_is_refused(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    filled.put(subscription())
    pin(table, livemode=False)
    for scope in ("live", "live/acct_1"):
        live = Reader(table[1], scope=scope, client=table[0])
        for ask in (
            lambda reader=live: reader.get("rcds_1"),
            lambda reader=live: list(reader.by_type(SUBSCRIPTION)),
            lambda reader=live: list(reader.by_category(Category.CATALOG)),
            lambda reader=live: list(reader.runs(SUBSCRIPTION)),
            lambda reader=live: reader.members("rcdv_1", RATE),
        ):
            with pytest.raises(EmptyScope, match=r"holds nothing in the scope 'live.*test key, so its scope is 'test'"):
                ask()


def test_the_scope_of_the_key_may_be_empty_and_is_checked_once(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    pin(table, livemode=False)
    with counted(table[0]) as counts:
        assert filled.reader.get("rcds_1") is None
        before = len(counts.requests)
        assert filled.reader.get("rcds_1") is None
    assert counts.requests == ["BatchGetItem"] * 5
    assert before == 3, "the likely key, the other keys, and the scope"


def test_a_new_table_is_empty_and_no_error(filled: FilledTable) -> None:
    assert filled.reader.get("rcds_1") is None
    assert list(filled.reader.by_type(SUBSCRIPTION)) == []


def test_a_reader_without_a_region_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(NoRegion, match="set AWS_REGION"):
        Reader("table")


EXACT = (
    '{"id":"prod_1","object":"product","created":1,"value":0.1000000000000000055511151231257827,'
    '"tiers":[1.50,{"up":7}]}'
)


def test_the_body_as_json_keeps_every_digit(filled: FilledTable) -> None:
    filled.put(parse(EXACT))
    found = filled.reader.get("prod_1")
    assert found is not None
    assert parse(found.to_json()) == parse(EXACT)
    assert "0.1000000000000000055511151231257827" in found.to_json()
    json.loads(found.to_json())


def test_the_body_as_a_copy_with_the_numbers_that_one_wants(filled: FilledTable) -> None:
    filled.put(parse(EXACT))
    found = filled.reader.get("prod_1")
    assert found is not None
    assert found.to_dict()["tiers"] == [Decimal("1.5"), {"up": 7}]
    assert found.to_dict(float=str)["value"] == "0.1000000000000000055511151231257827"
    assert found.to_dict(float=float)["tiers"] == [1.5, {"up": 7}]
    assert isinstance(found.to_dict(float=float)["tiers"][0], float)
    json.dumps(found.to_dict(float=str))
    found.to_dict()["tiers"].append("more")
    assert len(found.body["tiers"]) == 2


def test_a_body_needs_no_casts(filled: FilledTable) -> None:
    body: JsonObject = {**gold("product"), "metadata": {"team": "pricing"}}
    filled.put(body)
    found = filled.reader.get("gold", "product")
    assert found is not None
    assert found.body["metadata"]["team"] == "pricing"
