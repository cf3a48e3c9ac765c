"""What a customer may use, and what a customer owes."""

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.json_body import Json, JsonObject, digest
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.views import Entitlements
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


def test_the_open_invoices_of_a_customer(filled: FilledTable) -> None:
    for number in range(120):
        status = ("open", "paid", "draft", "void", "uncollectible")[number % 5]
        body = sample("invoice", id=f"in_{number:03}", created=1_700_000_000 + number, status=status)
        filled.put(body, customer="cus_1")
    filled.put(sample("invoice", id="in_other", status="open"), customer="cus_2")
    found = filled.reader.open_invoices("cus_1")
    assert [one.id for one in found] == [f"in_{number:03}" for number in range(115, -1, -5)]
    assert {one.amount_due for one in found} == {15760}
    assert filled.reader.open_invoices("cus_3") == []
