"""Which requests to DynamoDB an object costs: only a large one costs more than one."""

import asyncio
from types import SimpleNamespace

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.reader import Reader
from billing_mirror.refresh.from_lists import store_unclaimed
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


async def test_twenty_five_new_objects_are_inserted_by_one_request(
    table: tuple[DynamoDBClient, str], requests: list[str]
) -> None:
    many = [ref(f"rcds_{number}") for number in range(60)]
    await DynamoMirror(*table).insert({one: item(one) for one in many})
    assert requests == ["BatchExecuteStatement"] * 3


async def test_a_role_without_partiql_leaves_inserts_to_puts(
    table: tuple[DynamoDBClient, str], requests: list[str]
) -> None:
    """A permissions boundary of an earlier release may not name the action."""
    error = {"Code": "AccessDeniedException", "Message": "not authorized to perform dynamodb:PartiQLInsert"}
    denied = SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
    table[0].meta.events.register("before-call.dynamodb.BatchExecuteStatement", lambda **_: denied)  # type: ignore[arg-type]
    mirror, one = DynamoMirror(*table), ref()
    assert await store_unclaimed({one: item(one)}, mirror) == {one: True}
    assert requests[-1] == "PutItem"


async def test_what_is_read_at_the_same_time_is_one_request(
    table: tuple[DynamoDBClient, str], requests: list[str]
) -> None:
    mirror, many = DynamoMirror(*table), [ref(f"rcds_{number}") for number in range(20)]
    await mirror.insert({one: item(one) for one in many[:10]})
    requests.clear()
    found = await asyncio.gather(*(mirror.heads([one]) for one in many))
    assert [len(heads) for heads in found] == [1] * 10 + [0] * 10
    assert [one.key for one in many[:10]] == [key for heads in found for key in heads]
    assert requests == ["BatchGetItem"]
