"""The contract of the history: on the double, on moto and on the emulator."""

import zlib
from collections.abc import Callable
from typing import TypeAlias

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import from_attributes, stored_object, to_attributes
from billing_mirror.adapters.table.history import EMPTIED_AT_ONCE, DynamoHistory
from billing_mirror.core.changes.change import change_between
from billing_mirror.core.changes.history import Entry, entry
from billing_mirror.core.table.items import Item
from billing_mirror.ports import HistoryStore
from tests.doubles.changes import BEGINNING, MemoryHistory, live
from tests.doubles.samples import subscription
from tests.simulation.feed import Trouble, UnreliableHistory

KEY = "test#rcds_1"
DAYS = 30

Kept: TypeAlias = Callable[[str], list[Entry]]
"""What is kept of an object, in the order of tokens."""


def made(token: int, *, changes: bool = True) -> Entry:
    statuses = (f"s{token - 1}", f"s{token}" if changes else f"s{token - 1}")
    before, after = (
        stored_object(live(subscription(collection_status=status), at))
        for status, at in zip(statuses, (token - 1, token), strict=True)
    )
    found = entry(before, after, change_between(before, after), days=DAYS)
    assert found is not None
    return found


@pytest.fixture
def stored(engine: str | None, request: pytest.FixtureRequest) -> tuple[HistoryStore, Kept]:
    if engine in ("memory", "simulation"):
        double = MemoryHistory() if engine == "memory" else UnreliableHistory(Trouble())
        return double, double.entries
    client: DynamoDBClient
    client, table = request.getfixturevalue("table")

    def kept(key: str) -> list[Entry]:
        values = to_attributes({":pk": key})
        answer = client.query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, ConsistentRead=True
        )
        return [*filter(None, (Entry.from_item(from_attributes(item)) for item in answer["Items"]))]

    return DynamoHistory(client, table), kept


async def test_entries_are_kept_in_the_order_of_tokens(stored: tuple[HistoryStore, Kept]) -> None:
    history, kept = stored
    for one in (made(12), made(7, changes=False), made(5)):
        await history.keep(KEY, one)
    assert kept(KEY) == [made(5), made(7, changes=False), made(12)]
    assert kept("test#rcds_2") == []


async def test_an_entry_is_written_again_over_itself(stored: tuple[HistoryStore, Kept]) -> None:
    history, kept = stored
    for _ in range(2):
        await history.keep(KEY, made(5))
    assert kept(KEY) == [made(5)]


async def test_emptied_entries_are_none(stored: tuple[HistoryStore, Kept]) -> None:
    history, kept = stored
    for token in (5, 7):
        await history.keep(KEY, made(token))
    await empty_all(history)
    assert kept(KEY) == []
    await history.keep(KEY, made(9))
    assert kept(KEY) == [made(9)]


async def test_a_long_history_is_emptied_in_several_calls(stored: tuple[HistoryStore, Kept]) -> None:
    """Each call continues where the last one ended, also in another invocation."""
    history, kept = stored
    tokens = range(2, EMPTIED_AT_ONCE + 9)
    for token in tokens:
        await history.keep(KEY, made(token))
    assert not await history.empty(KEY, BEGINNING)
    left = len(kept(KEY))
    assert 0 < left < len(tokens)
    await empty_all(history)
    assert kept(KEY) == []


async def empty_all(history: HistoryStore) -> None:
    for _ in range(EMPTIED_AT_ONCE):
        if await history.empty(KEY, BEGINNING):
            return
    pytest.fail("the same entries are emptied again and again")


@pytest.mark.parametrize("token", [1, 5])
@pytest.mark.parametrize(
    "damage",
    [
        lambda item: {name: value for name, value in item.items() if name != "state"},
        lambda item: {**item, "token": "5"},
        lambda item: {**item, "fetched_at": "yesterday"},
        lambda item: {**item, "replaced_at": "2026-11-01"},
        lambda item: {**item, "at": "2026-11-01T08:00:00Z"},
        lambda item: {**item, "kind": "moved"},
        lambda item: {**item, "former_z": b"no zlib"},
        lambda item: {**item, "former_z": zlib.compress(b"{}")},
        lambda item: {**item, "former_z": made(3).to_item()["former_z"]},
        lambda item: {**item, "expires_at": None},
        lambda _: {},
    ],
)
def test_what_a_hand_has_damaged_is_no_entry(token: int, damage: Callable[[Item], Item]) -> None:
    item = made(token).to_item()
    assert Entry.from_item(item) == made(token)
    assert Entry.from_item(damage(item)) is None
