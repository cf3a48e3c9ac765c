"""The contract of the history: on the double, on moto and on the emulator."""

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.adapters.table.history import DynamoHistory
from billing_mirror.core.changes.change import change_between
from billing_mirror.core.changes.history import Coverage, Entry, entry
from billing_mirror.ports import HistoryStore
from tests.doubles.changes import BEGINNING, STREAM, MemoryHistory, live
from tests.doubles.samples import subscription
from tests.simulation.feed import Trouble, UnreliableHistory

KEY = "test#rcds_1"
COVERAGE = Coverage(STREAM, "2023-11-14T22:00:00.000Z", "2023-11-14T22:00:00.000Z", 30)


def made(token: int, previous: Entry | None = None) -> Entry:
    before, after = (live(subscription(collection_status=f"s{at}"), at) for at in (token - 1, token))
    change = change_between(stored_object(before), stored_object(after))
    assert change is not None
    return entry(change, previous, COVERAGE, written_at=BEGINNING)


@pytest.fixture
def history(engine: str | None, request: pytest.FixtureRequest) -> HistoryStore:
    if engine == "memory":
        return MemoryHistory()
    if engine == "simulation":
        return UnreliableHistory(Trouble())
    client: DynamoDBClient
    client, table = request.getfixturevalue("table")
    return DynamoHistory(client, table)


async def test_the_entry_before_a_change_is_the_last_one_with_a_lower_token(history: HistoryStore) -> None:
    assert await history.previous(KEY, 5) is None
    for token in (5, 7, 12):
        await history.keep(KEY, made(token))
    assert await history.previous(KEY, 5) is None
    assert await history.previous(KEY, 7) == made(5)
    assert await history.previous(KEY, 12) == made(7)
    assert await history.previous(KEY, 100) == made(12)
    assert await history.previous("test#rcds_2", 100) is None


async def test_an_entry_is_written_again_over_itself(history: HistoryStore) -> None:
    for _ in range(2):
        await history.keep(KEY, made(5))
    assert await history.previous(KEY, 6) == made(5)


async def test_an_emptied_entry_is_none(history: HistoryStore) -> None:
    for token in (5, 7):
        await history.keep(KEY, made(token))
    await history.empty(KEY, BEGINNING)
    assert await history.previous(KEY, 100) is None
    await history.keep(KEY, made(9))
    assert await history.previous(KEY, 100) == made(9)


async def test_what_is_noted_of_a_stream_is_kept_by_scope_and_stream(history: HistoryStore) -> None:
    assert await history.coverage("test", STREAM) is None
    await history.note_coverage("test", COVERAGE)
    assert await history.coverage("test", STREAM) == COVERAGE
    assert await history.coverage("live", STREAM) is None
    assert await history.coverage("test", "another") is None
