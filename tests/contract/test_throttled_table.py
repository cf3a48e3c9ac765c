"""A table that answers only a part of a batch, as DynamoDB does when it is short of capacity."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.errors import TransientError
from billing_mirror.reader import Reader
from tests.doubles.samples import noise

from .test_mirror import item, ref

MANY = [ref(f"rcds_{number}") for number in range(6)]


@pytest.fixture(params=["moto"])
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


class Shortage:
    """Leaves all but ``most`` items of each answer unprocessed."""

    def __init__(self, client: DynamoDBClient, table: str, most: int) -> None:
        self._table = table
        self._most = most
        client.meta.events.register("after-call.dynamodb.BatchGetItem", self.strike)

    def strike(self, parsed: dict[str, Any], **_: object) -> None:
        items = parsed["Responses"][self._table]
        left = [{"pk": one["pk"], "sk": {"S": "object"}} for one in items[self._most :]]
        parsed["Responses"][self._table] = items[: self._most]
        parsed["UnprocessedKeys"] = {self._table: {"Keys": left}} if left else {}


async def stocked(client: DynamoDBClient, table: str) -> DynamoMirror:
    mirror = DynamoMirror(client, table)
    for one in MANY:
        await mirror.put(one, 1, item(one))
    return mirror


async def test_unprocessed_keys_are_requested_again(table: tuple[DynamoDBClient, str]) -> None:
    mirror = await stocked(*table)
    Shortage(*table, most=2)
    assert set(await mirror.heads(MANY)) == {one.key for one in MANY}
    found = Reader(table[1], scope="test", client=table[0]).by_type(MANY[0].type)
    assert {one.id for one in found} == {one.id for one in MANY}


async def test_a_table_that_answers_nothing_is_for_later(table: tuple[DynamoDBClient, str]) -> None:
    mirror = await stocked(*table)
    Shortage(*table, most=0)
    with pytest.raises(TransientError, match="unprocessed"):
        await mirror.heads(MANY)


async def test_a_chunk_that_the_table_does_not_take_at_once_is_written_again(table: tuple[DynamoDBClient, str]) -> None:
    mirror = DynamoMirror(*table)
    tries: list[str] = []

    def refuse(params: dict[str, Any], **_: object) -> tuple[object, dict[str, object]] | None:
        sort_key = json.loads(params["body"])["Item"]["sk"]["S"]
        tries.append(sort_key)
        if not sort_key.startswith("chunk#") or tries.count(sort_key) > 1:
            return None
        error = {"Code": "ProvisionedThroughputExceededException", "Message": "too much for the partition"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    table[0].meta.events.register("before-call.dynamodb.PutItem", refuse)  # type: ignore[arg-type]
    one = item(MANY[0], note=noise(700_000))
    assert await mirror.put(MANY[0], 1, one)
    assert len(tries) == 2 * 3 + 1
    assert tries[-1] == "object"
    assert await mirror.body(MANY[0]) is not None
