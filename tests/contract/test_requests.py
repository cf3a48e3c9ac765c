"""Which requests to DynamoDB an object costs: only a large one costs more than one."""

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.reader import Reader
from tests.doubles.samples import noise

from .test_mirror import item, ref


@pytest.fixture(params=["moto"])
def engine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("in_process_aws")


@pytest.fixture
def requests(table: tuple[DynamoDBClient, str]) -> list[str]:
    """The names of the operations that are requested, in order."""
    names: list[str] = []
    table[0].meta.events.register("before-call.dynamodb", lambda model, **_: names.append(model.name))
    return names


async def test_an_object_of_usual_size_costs_one_request_each_way(
    table: tuple[DynamoDBClient, str], requests: list[str]
) -> None:
    mirror = DynamoMirror(*table)
    for token in (1, 2):
        await mirror.put(ref(), token, item(ref(), lookup_key=str(token)))
    await mirror.put(ref(), 1, item(ref()))
    assert requests == ["PutItem"] * 3
    requests.clear()
    await mirror.body(ref())
    Reader(table[1], scope="test", client=table[0]).get("rcds_1", ref().type)
    assert requests == ["GetItem", "BatchGetItem"]


async def test_the_head_of_a_large_object_costs_one_request(
    table: tuple[DynamoDBClient, str], requests: list[str]
) -> None:
    mirror = DynamoMirror(*table)
    await mirror.put(ref(), 1, item(ref(), note=noise(700_000)))
    requests.clear()
    assert (await mirror.heads([ref()]))[ref().key].token == 1
    assert requests == ["BatchGetItem"]
