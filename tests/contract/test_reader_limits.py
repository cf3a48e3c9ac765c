"""What the reader leaves out: more than a hundred objects of a page, and an object of another type."""

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.reader import Reader

from .test_mirror import item, ref

COUNT = 130
MANY = [ref(f"rcds_{number:03}") for number in range(COUNT)]


@pytest.fixture(params=["moto"])
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


async def test_a_larger_limit_means_a_hundred_and_leaves_nothing_out(table: tuple[DynamoDBClient, str]) -> None:
    mirror = DynamoMirror(*table)
    for one in MANY:
        await mirror.put(one, 1, item(one))
    reader = Reader(table[1], scope="test", client=table[0])
    first = reader.by_type(MANY[0].type).page(limit=1000)
    second = reader.by_type(MANY[0].type).page(limit=1000, cursor=first.cursor)
    assert (len(first.items), len(second.items), second.cursor) == (100, COUNT - 100, None)
    assert {one.id for page in (first, second) for one in page} == {one.id for one in MANY}


async def test_an_id_of_another_type_is_not_found(table: tuple[DynamoDBClient, str]) -> None:
    await DynamoMirror(*table).put(MANY[0], 1, item(MANY[0]))
    reader = Reader(table[1], scope="test", client=table[0])
    assert reader.get(MANY[0].id, MANY[0].type) is not None
    assert reader.get(MANY[0].id, "invoice") is None
