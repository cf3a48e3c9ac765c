"""What a customer may use, and what a customer owes."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.json_body import Json, JsonObject, digest
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.reader.reader import KEYS_FOR_A_BODY, NEWEST_INVOICES
from billing_mirror.views import Entitlements
from dev.benchmarks.events.model.ledger import size_of
from tests.doubles.samples import sample

from .test_reader import TEST, FilledTable


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


@pytest.fixture
def filled(table: tuple[DynamoDBClient, str]) -> FilledTable:
    return FilledTable(*table)


async def put_entitlements(table: tuple[DynamoDBClient, str], customer: str, *lookup_keys: str) -> None:
    entries: list[Json] = [sample("entitlements.active_entitlement", lookup_key=key) for key in lookup_keys]
    body: JsonObject = {"object": "list", "data": entries, "has_more": False}
    ref = ref_to(TEST, Entitlements.OBJECT_TYPE.name, "", customer)
    await DynamoMirror(*table).put(ref, 1, items.item(ref, Observation(1.7e9, "v", "r", body, digest(body)), customer))


async def test_a_customer_may_use_what_stripe_lists(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    await put_entitlements(table, "cus_1", "audit-log", "sso")
    await put_entitlements(table, "cus_2")
    may = {
        (customer, key): filled.reader.entitled(customer, key)
        for customer in ("cus_1", "cus_2", "cus_3")
        for key in ("audit-log", "sso", "audit")
    }
    assert {pair for pair, allowed in may.items() if allowed} == {("cus_1", "audit-log"), ("cus_1", "sso")}


async def test_the_entitlements_of_a_customer_whose_id_users_chose(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    await put_entitlements(table, "a customer/é", "sso")
    assert filled.reader.entitled("a customer/é", "sso")


class Reads:
    """What a client has read: requests by operation, bodies, and units as DynamoDB charges eventual reads."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bodies = 0
        self.units = 0.0

    def record(self, parsed: Mapping[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        self.requests[model.name] += 1
        if model.name == "Query":
            self.units += math.ceil(sum(map(size_of, parsed["Items"])) / 4096) / 2
        else:
            read = [item for items in parsed["Responses"].values() for item in items]
            self.bodies += len(read)
            self.units += sum(math.ceil(size_of(item) / 4096) / 2 for item in read)


@contextmanager
def counted(client: DynamoDBClient) -> Iterator[Reads]:
    reads = Reads()
    client.meta.events.register("after-call.dynamodb", reads.record)
    yield reads
    client.meta.events.unregister("after-call.dynamodb", reads.record)


def put_invoices(filled: FilledTable, customer: str, statuses: list[str]) -> None:
    """One invoice of each status, the newest one last."""
    for number, status in enumerate(statuses):
        identifier = f"in_{customer}_{number:03}"
        filled.put(sample("invoice", id=identifier, created=1_700_000_000 + number, status=status), customer=customer)


def test_the_open_invoices_of_a_customer(filled: FilledTable) -> None:
    every = ["open", "paid", "draft", "void", "uncollectible"]
    put_invoices(filled, "cus_1", every * 8)
    put_invoices(filled, "cus_2", ["open"])
    found = filled.reader.open_invoices("cus_1")
    assert [one.id for one in found] == [f"in_cus_1_{number:03}" for number in range(35, -1, -5)]
    assert {one.amount_due for one in found} == {15760}
    assert filled.reader.open_invoices("cus_3") == []


def test_open_invoices_among_many_cost_few_reads(filled: FilledTable, table: tuple[DynamoDBClient, str]) -> None:
    put_invoices(filled, "cus_1", ["open", "paid", "open", *["paid"] * 56, "open"])
    index_shows_as_open(table, "in_cus_1_001")
    with counted(table[0]) as reads:
        found = filled.reader.open_invoices("cus_1")
    assert [one.id for one in found] == ["in_cus_1_059", "in_cus_1_002", "in_cus_1_000"]
    assert reads.requests == {"Query": 2, "BatchGetItem": 1}
    assert reads.bodies == NEWEST_INVOICES + 3
    assert reads.units < 40


def index_shows_as_open(table: tuple[DynamoDBClient, str], invoice: str) -> None:
    """The index of statuses follows the table a moment later."""
    table[0].update_item(
        TableName=table[1],
        Key={"pk": {"S": f"{TEST}#{invoice}"}, "sk": {"S": "object"}},
        UpdateExpression="SET #status = :open",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":open": {"S": "open"}},
    )


def test_the_open_invoices_of_a_customer_with_few_cost_one_query(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    put_invoices(filled, "cus_1", ["open", "paid"])
    with counted(table[0]) as reads:
        assert len(filled.reader.open_invoices("cus_1")) == 1
    assert reads.requests == {"Query": 1, "BatchGetItem": 1}


def test_where_the_account_has_many_open_invoices_those_of_the_customer_are_read(
    filled: FilledTable, table: tuple[DynamoDBClient, str]
) -> None:
    put_invoices(filled, "cus_1", ["open", *["paid"] * NEWEST_INVOICES])
    put_invoices(filled, "cus_2", ["open"] * (KEYS_FOR_A_BODY + 1))
    with counted(table[0]) as reads:
        assert len(filled.reader.open_invoices("cus_1")) == 1
    assert reads.bodies == NEWEST_INVOICES + 1
