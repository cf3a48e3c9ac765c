"""The contract of removing bodies: tokens and claims stay, and everything else that an object leaves goes."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.core import catalog
from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.forgetting import FoundObject, RemovalNote
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item
from billing_mirror.ports import Mirror
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import noise, subscription
from tests.simulation.aws import UnreliableMirror

from .test_large_bodies import ChunkedMirror, large
from .test_mirror import LIVE, NOW, TEST, item, observation, ref, tombstone

INVOICE = ref_to(TEST, "invoice", "in_1")
DYNAMODB = pytest.mark.parametrize("engine", ["moto", "emulator"], indirect=True)
NOTE = RemovalNote("invoice", "in_1", "cus_1", removed_at=NOW, due_at=NOW)


def removed(one: ObjectRef, customer: str | None = "cus_1") -> Item:
    return items.tombstone(observation(), one, customer)


def generic(name: str = "thing_1", **fields: str | JsonObject) -> tuple[ObjectRef, Item]:
    """An object of a type outside the catalog, and its item."""
    one = ObjectRef(TEST, catalog.generic_type("thing", "/v1/things/{id}"), name)
    return one, items.item(one, observation({"id": name, "object": "thing", "created": 1, **fields}), None)


async def found(mirror: Mirror, customers: Sequence[str] = ("cus_1",), scope: Scope = TEST) -> list[FoundObject]:
    objects: list[FoundObject] = []
    cursor = ""
    while True:
        page = await mirror.objects_of(scope, customers, cursor)
        objects += page.objects
        cursor = page.cursor
        if not cursor:
            return sorted(objects, key=lambda one: one.ref.id)


async def notes(mirror: Mirror, until: float = NOW) -> list[RemovalNote]:
    return [note async for note in mirror.removals(TEST, until)]


async def test_a_removal_is_noted_with_the_customer(mirror: Mirror) -> None:
    await mirror.put(ref(), 1, item(ref()))
    assert await notes(mirror) == []
    await mirror.put_tombstone(ref(), 2, removed(ref()))
    assert await notes(mirror) == [RemovalNote(ref().type, "rcds_1", "cus_1", removed_at=NOW, due_at=NOW)]
    assert (await mirror.heads([ref()]))[ref().key].former_customer == "cus_1"


LeftKeys = Callable[[Mirror, str], set[str]]


@pytest.fixture
def left(request: pytest.FixtureRequest) -> LeftKeys:
    """The keys of objects that a partition notes."""

    def keys(mirror: Mirror, partition: str) -> set[str]:
        if isinstance(mirror, MemoryMirror | UnreliableMirror):
            return mirror.left.get(partition, set())
        client, name = request.getfixturevalue("table")
        answer = client.query(
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
        return {item["key"]["S"] for item in answer["Items"]}

    return keys


async def test_a_removal_is_noted_in_the_type_and_the_customer(mirror: Mirror, left: LeftKeys) -> None:
    await mirror.put(ref(), 1, item(ref()))
    assert left(mirror, f"test#left:type:{ref().type}") == left(mirror, "test#left:customer:cus_1") == set()
    for token in (2, 2, 1):
        await mirror.put_tombstone(ref(), token, removed(ref()))
    assert left(mirror, f"test#left:type:{ref().type}") == left(mirror, "test#left:customer:cus_1") == {ref().key}


async def test_what_leaves_a_customer_is_noted_in_the_customer_alone(mirror: Mirror, left: LeftKeys) -> None:
    await mirror.note_left(ref(), customer="cus_1")
    await mirror.note_left(ref(), customer=None)
    assert left(mirror, "test#left:customer:cus_1") == {ref().key}
    assert left(mirror, f"test#left:type:{ref().type}") == set()


async def test_notes_are_due_at_their_time_and_in_its_order(mirror: Mirror) -> None:
    for delay in (60.0, 0.0, 3600.0):
        await mirror.note_removal(TEST, NOTE.put_off(NOW + delay))
    assert [note.due_at - NOW for note in await notes(mirror, NOW + 60)] == [0.0, 60.0]
    assert await notes(mirror, NOW - 1) == []


async def test_a_dropped_note_is_gone_and_is_dropped_again_without_effect(mirror: Mirror) -> None:
    await mirror.note_removal(TEST, NOTE)
    await mirror.note_removal(LIVE, NOTE)
    for _ in range(2):
        await mirror.drop_removal(TEST, NOTE)
    assert await notes(mirror) == []
    assert [note async for note in mirror.removals(LIVE, NOW)] == [NOTE]


async def test_an_erased_object_keeps_its_token_and_its_claim(mirror: Mirror) -> None:
    await mirror.claim(ref(), NOW)
    await mirror.put(ref(), 1, item(ref()))
    await mirror.put_tombstone(ref(), 2, removed(ref()))
    assert await mirror.erase(ref(), 2, "cus_1", NOW)
    await mirror.empty_beside(ref(), 2, None, NOW)
    head = (await mirror.heads([ref()]))[ref().key]
    assert (head.token, head.deleted, head.digest, head.former_customer) == (2, True, "", "cus_1")
    assert await mirror.body(ref()) is None
    assert (await mirror.claims([ref()]))[ref().key].claimed == 1


@pytest.mark.parametrize("token", [1, 2])
async def test_nothing_older_is_written_over_an_erased_object(mirror: Mirror, token: int) -> None:
    await mirror.put_tombstone(ref(), 2, removed(ref()))
    await mirror.erase(ref(), 2, "cus_1", NOW)
    assert not await mirror.put(ref(), token, item(ref()))
    assert await mirror.put(ref(), 3, item(ref()))
    assert await mirror.body(ref()) == subscription()


async def test_a_later_deletion_of_an_erased_object_brings_nothing_back(mirror: Mirror) -> None:
    await mirror.put(ref(), 1, item(ref()))
    await mirror.put_tombstone(ref(), 2, removed(ref()))
    await mirror.erase(ref(), 2, "cus_1", NOW)
    assert await mirror.put_tombstone(ref(), 3, tombstone(ref()))
    assert await mirror.body(ref()) is None


async def test_an_object_that_was_written_meanwhile_is_not_erased(mirror: Mirror) -> None:
    await mirror.put(ref(), 3, item(ref()))
    assert not await mirror.erase(ref(), 2, "cus_1", NOW)
    assert not await mirror.erase(ref("rcds_2"), 2, "cus_1", NOW)
    assert await mirror.body(ref()) == subscription()
    assert await mirror.heads([ref("rcds_2")]) == {}


async def test_the_chunks_of_an_erased_object_go(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, large(1))
    await mirror.put_tombstone(ref(), 2, removed(ref()))
    await mirror.erase(ref(), 2, "cus_1", NOW)
    await mirror.empty_beside(ref(), 2, None, NOW)
    assert await mirror.chunk_keys(ref(), 100) == []
    assert await mirror.body(ref()) is None


async def test_the_chunks_of_an_existing_object_stay_and_those_of_a_dead_writer_go(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 5, large(5))
    await mirror.put_chunk(ref(), f"chunk#{3:020}#dead#000", b"a former state")
    await mirror.put_chunk(ref(), f"chunk#{9:020}#busy#000", b"a write on its way")
    head = (await mirror.heads([ref()]))[ref().key]
    await mirror.empty_beside(ref(), head.token, head.chunks, NOW)
    assert {key.split("#")[1].lstrip("0") for key in await mirror.chunk_keys(ref(), 100)} == {"5", "9"}
    assert await mirror.body(ref()) == subscription(note=noise(700_000, 5))


@DYNAMODB
async def test_whatever_else_lies_beside_an_object_is_emptied(
    mirror: Mirror, table: tuple[DynamoDBClient, str]
) -> None:
    """A kind of item that another release adds is covered, too."""
    client, name = table
    await mirror.claim(ref(), NOW)
    await mirror.put(ref(), 1, item(ref()))
    for sort_key in ("history#00000000000000000001", "anything"):
        client.put_item(
            TableName=name, Item=to_attributes({"pk": ref().key, "sk": sort_key, "data": {"email": "ann@example.com"}})
        )
    await mirror.empty_beside(ref(), 1, None, NOW)
    left = {one["sk"]["S"]: set(one) for one in client.scan(TableName=name)["Items"]}
    assert left["history#00000000000000000001"] == left["anything"] == {"pk", "sk", "expires_at"}
    assert {"token", "data"} <= left["object"]
    assert "claimed" in left["claim"]


@pytest.mark.parametrize("is_removed", [False, True])
async def test_the_objects_of_a_customer_are_found(mirror: Mirror, is_removed: bool) -> None:
    for number in (1, 2):
        await mirror.put(ref(f"rcds_{number}"), 1, item(ref(f"rcds_{number}")))
    other = ref("rcds_3")
    await mirror.put(other, 1, items.item(other, observation(subscription("rcds_3")), "cus_2"))
    if is_removed:
        for one in (ref("rcds_1"), ref("rcds_2"), other):
            await mirror.put_tombstone(one, 2, removed(one, "cus_2" if one == other else "cus_1"))
    keys = [ref("rcds_1").key, ref("rcds_2").key]
    assert [(one.ref.key, one.customer) for one in await found(mirror)] == [(key, "cus_1") for key in keys]
    assert await found(mirror, scope=LIVE) == []
    assert {one.customer for one in await found(mirror, ["cus_1", "cus_2"])} == {"cus_1", "cus_2"}


async def test_the_customer_itself_is_found(mirror: Mirror) -> None:
    customer = ref_to(TEST, "customer", "cus_1")
    await mirror.put(customer, 1, items.item(customer, observation({"id": "cus_1", "created": 1}), "cus_1"))
    await mirror.put_tombstone(customer, 2, removed(customer, None))
    assert [one.ref.id for one in await found(mirror)] == ["cus_1"]


async def test_a_removed_object_is_found_by_its_body_where_no_column_names_the_customer(mirror: Mirror) -> None:
    await mirror.put(INVOICE, 1, items.item(INVOICE, observation({"id": "in_1", "customer": "cus_1"}), "cus_1"))
    await mirror.put_tombstone(INVOICE, 2, removed(INVOICE, None))
    assert [one.ref.id for one in await found(mirror)] == ["in_1"]


@pytest.mark.parametrize("fields", [{}, {"note": noise(700_000, 1)}, {"odd": "\ud800"}], ids=["map", "chunks", "text"])
@pytest.mark.parametrize("customer", ["cus_1", {"id": "cus_1", "name": "Ann"}], ids=["id", "expanded"])
async def test_an_object_outside_the_catalog_is_found_by_its_body(
    mirror: Mirror, fields: dict[str, str], customer: str | JsonObject
) -> None:
    one, stored = generic(customer=customer, **fields)
    other, others = generic("thing_2", customer="cus_2", **fields)
    await mirror.put(one, 1, stored)
    await mirror.put(other, 1, others)
    assert [(each.ref.key, each.can_be_fetched) for each in await found(mirror)] == [(one.key, False)]
    assert await mirror.erase(one, 1, "cus_1", NOW)
    assert [each.ref.key for each in await found(mirror)] == [one.key], "an interrupted request finds it again"


async def test_an_erased_object_is_found_again(mirror: Mirror) -> None:
    await mirror.put(INVOICE, 1, items.item(INVOICE, observation({"id": "in_1", "customer": "cus_1"}), "cus_1"))
    await mirror.put_tombstone(INVOICE, 2, removed(INVOICE, None))
    await mirror.erase(INVOICE, 2, "cus_1", NOW)
    assert [one.ref.id for one in await found(mirror)] == ["in_1"]


def _two_at_most(params: dict[str, Any], **_: object) -> dict[str, Any]:
    return {**params, "Limit": 2}


@DYNAMODB
async def test_a_table_is_read_in_parts(mirror: Mirror, table: tuple[DynamoDBClient, str]) -> None:
    hooks: Any = table[0].meta.events  # its type knows no hook that answers
    hooks.register("provide-client-params.dynamodb.Scan", _two_at_most)
    for number in range(5):
        await mirror.put(ref(f"rcds_{number}"), 1, item(ref(f"rcds_{number}")))
    assert [one.ref.id for one in await found(mirror)] == [f"rcds_{number}" for number in range(5)]


@DYNAMODB
@pytest.mark.parametrize("cursor", ["x", "{}", "[1]", '["a", "b", "c"]'])
async def test_a_text_that_is_no_cursor_is_refused(mirror: Mirror, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await mirror.objects_of(TEST, ["cus_1"], cursor)
