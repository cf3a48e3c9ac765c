"""What decides over a write is read consistently: moto answers alike, and DynamoDB does not."""

from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.object_ref import Scope

from .test_mirror import item, ref

SCOPE = Scope(livemode=False)
REF = ref("rcds_1")


@pytest.fixture(params=["moto"])
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


@pytest.fixture
def reads(table: tuple[DynamoDBClient, str]) -> list[bool]:
    """Of each read of the table itself, whether it was consistent."""
    found: list[bool] = []

    def note(params: dict[str, Any], **_: object) -> None:
        requests = params["RequestItems"].values() if "RequestItems" in params else [params]
        found.extend(one.get("ConsistentRead") is True for one in requests)

    for name in ("GetItem", "BatchGetItem", "Query"):
        table[0].meta.events.register(f"provide-client-params.dynamodb.{name}", note)
    return found


async def test_heads_claims_and_bodies_are_read_consistently(
    table: tuple[DynamoDBClient, str], reads: list[bool]
) -> None:
    mirror = DynamoMirror(*table)
    await mirror.claim(REF, 1.0)
    await mirror.put(REF, 1, item(REF))
    assert await mirror.heads([REF])
    assert await mirror.claims([REF])
    assert await mirror.body(REF)
    assert reads == [True] * 3


async def test_heads_cost_half_where_they_need_not_be_consistent(
    table: tuple[DynamoDBClient, str], reads: list[bool]
) -> None:
    mirror = DynamoMirror(*table)
    await mirror.put(REF, 1, item(REF))
    assert await mirror.heads([REF], consistent=False)
    assert reads == [False]


async def test_what_is_left_unprocessed_is_read_consistently_too(
    table: tuple[DynamoDBClient, str], reads: list[bool]
) -> None:
    mirror = DynamoMirror(*table)
    await mirror.put(REF, 1, item(REF))
    key = {"pk": {"S": REF.key}, "sk": {"S": "object"}}
    left = [{table[1]: {"Keys": [key]}}]

    def leave(parsed: dict[str, Any], **_: object) -> None:
        if left:
            parsed |= {"Responses": {table[1]: []}, "UnprocessedKeys": left.pop()}

    table[0].meta.events.register("after-call.dynamodb.BatchGetItem", leave)
    assert await mirror.heads([REF])
    assert reads == [True] * 2


async def test_a_tick_reads_consistently_what_the_tick_before_wrote(
    table: tuple[DynamoDBClient, str], reads: list[bool]
) -> None:
    store = DynamoStateStore(*table)
    await store.write(SCOPE, "run:product", "1", {"page": 1})
    assert await store.last(SCOPE, "run:product") == {"page": 1}
    assert [one async for one in store.entries(SCOPE, "run:product")] == [{"page": 1}]
    assert [one async for one in store.after(SCOPE, "run:product", "0")] == [{"page": 1}]
    assert reads == [True] * 3
