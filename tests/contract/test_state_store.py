"""The contract of the state store."""

import asyncio
import random

import boto3
import pytest

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core.errors import TransientError
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.checkpoints import ListCheckpoint, PagePosition
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.fingerprints import pack
from billing_mirror.core.runs.run import Job, Run
from billing_mirror.core.table.items import Item
from billing_mirror.ports import Mirror, StateStore
from tests.doubles.state_store import MemoryStateStore
from tests.simulation.state_store import UnreliableStateStore

from .conftest import without_faults

TEST = Scope(livemode=False)
LIVE = Scope(livemode=True)
CONNECTED = Scope(livemode=False, context="acct_1")
PARTITION = "run:type"
NOW = 1_700_000_000.25
MINUTE = 60.0


async def entries(
    state_store: StateStore, partition: str = PARTITION, start: str = "", scope: Scope = TEST
) -> list[Item]:
    return [entry async for entry in state_store.entries(scope, partition, start)]


async def leased(state_store: StateStore, owner: str, *, now: float = NOW, scope: Scope = TEST) -> bool:
    """Whether a lease of a minute was given."""
    return await state_store.lease(scope, owner, now=now, until=now + MINUTE)


async def written(state_store: StateStore, *sort_keys: str, partition: str = PARTITION, scope: Scope = TEST) -> None:
    """Writes an entry at each sort key, with its key, scope and partition."""
    for sort_key in sort_keys:
        assert await state_store.write(scope, partition, sort_key, {"sort_key": sort_key, "in": f"{scope} {partition}"})


def sort_keys(found: list[Item]) -> list[str]:
    return [str(entry["sort_key"]) for entry in found]


async def test_a_free_lease_is_granted(state_store: StateStore) -> None:
    assert await leased(state_store, "me")


async def test_a_lease_of_another_owner_is_not_granted(state_store: StateStore) -> None:
    await leased(state_store, "me")
    assert not await leased(state_store, "you")
    assert not await leased(state_store, "you", now=NOW + MINUTE - 0.001)


async def test_a_refused_owner_changes_nothing(state_store: StateStore) -> None:
    await leased(state_store, "me")
    assert not await state_store.lease(TEST, "you", now=NOW, until=NOW - 1)
    assert not await leased(state_store, "you")
    assert await leased(state_store, "me")


async def test_a_lease_that_has_run_out_is_free(state_store: StateStore) -> None:
    await leased(state_store, "me")
    assert await leased(state_store, "you", now=NOW + MINUTE)
    assert not await leased(state_store, "me", now=NOW + MINUTE)


async def test_its_owner_prolongs_a_lease(state_store: StateStore) -> None:
    await leased(state_store, "me")
    assert await leased(state_store, "me", now=NOW + MINUTE / 2)
    assert not await leased(state_store, "you", now=NOW + MINUTE)
    assert await leased(state_store, "you", now=NOW + MINUTE * 1.5)


async def test_its_owner_takes_a_lease_again_that_has_run_out(state_store: StateStore) -> None:
    await leased(state_store, "me")
    assert await leased(state_store, "me", now=NOW + 2 * MINUTE)
    assert not await leased(state_store, "you", now=NOW + 2 * MINUTE)


async def test_a_lease_that_was_given_back_is_free(state_store: StateStore) -> None:
    await leased(state_store, "me")
    await state_store.release(TEST, "me")
    assert await leased(state_store, "you")


async def test_only_its_owner_gives_a_lease_back(state_store: StateStore) -> None:
    await leased(state_store, "me")
    await state_store.release(TEST, "you")
    assert not await leased(state_store, "you")


async def test_a_lease_can_be_given_back_that_is_no_more(state_store: StateStore) -> None:
    await state_store.release(TEST, "me")
    await leased(state_store, "me")
    await leased(state_store, "you", now=NOW + MINUTE)
    await state_store.release(TEST, "me")
    assert not await leased(state_store, "me", now=NOW + MINUTE)


async def test_each_scope_has_a_lease_of_its_own(state_store: StateStore) -> None:
    assert await leased(state_store, "me")
    assert await leased(state_store, "you", scope=LIVE)
    assert await leased(state_store, "another", scope=CONNECTED)
    await state_store.release(LIVE, "you")
    assert not await leased(state_store, "you")


async def test_of_those_who_want_a_lease_at_the_same_time_one_has_it(state_store: StateStore) -> None:
    for attempt in range(10):
        owners = [f"owner {number}" for number in range(2)]
        now = NOW + attempt * MINUTE
        assert sorted(await asyncio.gather(*(leased(state_store, owner, now=now) for owner in owners))) == [False, True]


async def test_an_entry_comes_back_as_it_was_written(state_store: StateStore) -> None:
    entry: Item = {
        "compared": 3,
        "complete": True,
        "next": None,
        "reason": "",
        "difference": Difference.MISSING,
        "drifts": [{"id": "rcds_1", "fields": []}],
    }
    assert await state_store.write(TEST, PARTITION, "2026", entry)
    assert await state_store.last(TEST, PARTITION) == entry
    assert await entries(state_store) == [entry]


async def test_a_record_and_a_page_are_equal_to_what_was_written(state_store: StateStore) -> None:
    """A run that lost the answer to its write recognises the write by comparing."""
    record = Run("price", Job.VERIFY, started_at=NOW, updated_at=NOW + 1, reason="why").to_item()
    checkpoint = ListCheckpoint(filters_shown=(1, 2), page=PagePosition("next"))
    page: Item = {"page": 1, "checkpoint": checkpoint.to_item(), "shown": pack(["a"]), "pages": 3}
    for sort_key, entry in (("record", record), ("page", page)):
        await state_store.write(TEST, PARTITION, sort_key, entry, if_absent=True)
        assert await state_store.last(TEST, PARTITION, sort_key) == entry


async def test_words_that_dynamodb_reserves_are_names_like_others(state_store: StateStore) -> None:
    entry: Item = {"owner": "me", "until": "then", "type": "price", "status": "active", "begin": 1}
    await state_store.write(TEST, PARTITION, "2026", entry)
    assert await state_store.last(TEST, PARTITION) == entry


async def test_bytes_come_back_as_bytes(state_store: StateStore) -> None:
    data = bytes(range(256)) * 4
    await state_store.write(TEST, PARTITION, "2026", {"data": data})
    last = await state_store.last(TEST, PARTITION)
    assert last is not None
    (entry,) = await entries(state_store)
    for found in (last, entry):
        assert type(found["data"]) is bytes
        assert found["data"] == data


async def test_a_later_write_replaces_an_entry(state_store: StateStore) -> None:
    assert await state_store.write(TEST, PARTITION, "2026", {"compared": 3, "found": 1})
    assert await state_store.write(TEST, PARTITION, "2026", {"compared": 4})
    assert await entries(state_store) == [{"compared": 4}]


async def test_a_new_entry_is_refused_where_one_is(state_store: StateStore) -> None:
    assert await state_store.write(TEST, PARTITION, "1", {"compared": 1}, if_absent=True)
    assert not await state_store.write(TEST, PARTITION, "1", {"compared": 2}, if_absent=True)
    assert await state_store.write(TEST, PARTITION, "2", {"compared": 3}, if_absent=True)
    assert await state_store.write(LIVE, PARTITION, "1", {"compared": 4}, if_absent=True)
    assert await entries(state_store) == [{"compared": 1}, {"compared": 3}]


async def test_of_new_entries_at_the_same_sort_key_and_time_one_is_written(state_store: StateStore) -> None:
    wrote = await asyncio.gather(
        *(state_store.write(TEST, PARTITION, "1", {"by": number}, if_absent=True) for number in range(8))
    )
    assert wrote.count(True) == 1
    assert await entries(state_store) == [{"by": wrote.index(True)}]


async def test_entries_are_in_the_order_of_their_sort_keys(state_store: StateStore) -> None:
    expected = ["1", "10", "9", "A", "Z", "a", "a ", "a#", "a~", "b", "é", "\N{SNOWMAN}", "\N{PILE OF POO}"]
    await written(state_store, *random.Random(7).sample(expected, len(expected)))
    assert sort_keys(await entries(state_store)) == expected


async def test_many_and_large_entries_are_all_found_in_order(state_store: StateStore) -> None:
    """DynamoDB answers with 1 MB at most for a query."""
    expected = [f"{kind}{number:02}" for kind in "ab" for number in range(5)]
    for sort_key in random.Random(7).sample(expected, len(expected)):
        await state_store.write(TEST, PARTITION, sort_key, {"sort_key": sort_key, "data": bytes(390_000)})
    assert sort_keys(await entries(state_store)) == expected
    assert sort_keys(await entries(state_store, start="b")) == expected[5:]
    last = await state_store.last(TEST, PARTITION)
    assert last is not None
    assert last["sort_key"] == "b04"


async def test_entries_whose_sort_keys_share_a_prefix(state_store: StateStore) -> None:
    await written(state_store, "a", "a#1", "a#2", "ab#1", "b#1", "B#1")
    assert sort_keys(await entries(state_store, start="a#")) == ["a#1", "a#2"]
    assert sort_keys(await entries(state_store, start="a")) == ["a", "a#1", "a#2", "ab#1"]
    assert await entries(state_store, start="c") == []


async def test_an_entry_is_replaced_where_it_is_the_one_that_was_read(state_store: StateStore) -> None:
    assert not await state_store.write(TEST, PARTITION, "1", {"at": "b"}, expected={"at": "a"})
    assert await entries(state_store) == []
    await state_store.write(TEST, PARTITION, "1", {"at": "a", "status": "running", "compared": 1})
    assert await state_store.write(
        TEST, PARTITION, "1", {"at": "b", "status": "running"}, expected={"at": "a", "status": "running"}
    )
    others: list[Item] = [{"at": "a"}, {"at": "b", "status": "complete"}, {"at": "b", "compared": 1}]
    for other in others:
        assert not await state_store.write(TEST, PARTITION, "1", {"at": "c"}, expected=other)
    assert not await state_store.write(TEST, PARTITION, "2", {"at": "c"}, expected={"at": "b"})
    assert not await state_store.write(LIVE, PARTITION, "1", {"at": "c"}, expected={"at": "b"})
    assert await entries(state_store) == [{"at": "b", "status": "running"}]


async def test_of_those_who_replace_an_entry_at_the_same_time_one_does(state_store: StateStore) -> None:
    await state_store.write(TEST, PARTITION, "1", {"by": -1})
    several = (state_store.write(TEST, PARTITION, "1", {"by": number}, expected={"by": -1}) for number in range(8))
    wrote = await asyncio.gather(*several)
    assert wrote.count(True) == 1
    assert await entries(state_store) == [{"by": wrote.index(True)}]


@pytest.mark.parametrize(
    ("sort_key", "expected"),
    [
        ("", ["a", "a#1", "a#2", "b", "\N{PILE OF POO}"]),
        ("a", ["a#1", "a#2", "b", "\N{PILE OF POO}"]),
        ("a#1", ["a#2", "b", "\N{PILE OF POO}"]),
        ("a#11", ["a#2", "b", "\N{PILE OF POO}"]),
        ("\N{PILE OF POO}", []),
    ],
)
@pytest.mark.usefixtures("short_pages")
async def test_the_entries_after_a_sort_key_whether_there_is_one_or_not(
    state_store: StateStore, sort_key: str, expected: list[str]
) -> None:
    await written(state_store, "b", "a#2", "a", "\N{PILE OF POO}", "a#1")
    await written(state_store, "a#3", "z", partition="run:typ")
    await written(state_store, "a#4", "y", scope=LIVE)
    assert sort_keys([entry async for entry in state_store.after(TEST, PARTITION, sort_key)]) == expected


async def test_the_last_entry_is_that_of_the_last_sort_key(state_store: StateStore) -> None:
    await written(state_store, "10", "20", "00")
    last = await state_store.last(TEST, PARTITION)
    assert last is not None
    assert last["sort_key"] == "20"


async def test_the_last_of_the_entries_whose_sort_keys_share_a_prefix(state_store: StateStore) -> None:
    await written(state_store, "a#1", "a#2", "ab#1", "b#1")
    last = await state_store.last(TEST, PARTITION, "a#")
    assert last is not None
    assert last["sort_key"] == "a#2"
    assert await state_store.last(TEST, PARTITION, "c") is None


async def test_partitions_are_kept_apart_by_scope_and_whole_name(state_store: StateStore) -> None:
    for scope in (TEST, LIVE, CONNECTED):
        for partition in ("run:typ", PARTITION, "run:type.of.another"):
            await written(state_store, "1", "2", partition=partition, scope=scope)
            found = await entries(state_store, partition, scope=scope)
            assert found == [{"sort_key": sort_key, "in": f"{scope} {partition}"} for sort_key in ("1", "2")]
            assert await state_store.last(scope, partition) == found[-1]


async def test_an_empty_partition_has_no_entries(state_store: StateStore) -> None:
    await written(state_store, "1")
    for scope, partition in (
        (TEST, "run:typ"),
        (TEST, "run:type.of.another"),
        (LIVE, PARTITION),
        (CONNECTED, PARTITION),
    ):
        assert await state_store.last(scope, partition) is None
        assert await entries(state_store, partition, scope=scope) == []
        assert [entry async for entry in state_store.after(scope, partition, "")] == []


async def test_a_lease_is_no_entry(state_store: StateStore) -> None:
    await leased(state_store, "me")
    await written(state_store, "1")
    assert sort_keys(await entries(state_store)) == ["1"]


async def test_an_entry_is_not_listed_as_an_object(state_store: StateStore, mirror: Mirror) -> None:
    name = "v2.billing.rate_card_subscription"
    await state_store.write(TEST, f"run:{name}", "1", {"type": name, "id": "rcds_1", "scope": "test"})
    await leased(state_store, "me")
    assert [one async for one in mirror.ids(TEST, name)] == []


@pytest.fixture
def unreachable(engine: str | None) -> StateStore:
    """A state store whose table is missing, as during a restore."""
    if engine == "memory":
        return MemoryStateStore(down=True)
    if engine == "simulation":
        return UnreliableStateStore(MemoryStateStore(down=True), *without_faults())
    return DynamoStateStore(boto3.client("dynamodb", endpoint_url=engine, config=QUICK), "away")


async def test_a_missing_table_raises_a_transient_error(unreachable: StateStore) -> None:
    for call in (
        leased(unreachable, "me"),
        unreachable.release(TEST, "me"),
        unreachable.write(TEST, PARTITION, "1", {}),
        unreachable.write(TEST, PARTITION, "1", {}, if_absent=True),
        unreachable.write(TEST, PARTITION, "1", {}, expected={"at": "a"}),
        unreachable.last(TEST, PARTITION),
        entries(unreachable),
        anext(unreachable.after(TEST, PARTITION, "")),
    ):
        with pytest.raises(TransientError):
            await call
