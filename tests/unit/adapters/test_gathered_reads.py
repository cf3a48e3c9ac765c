"""Which reads go together, and what it means for the others that one fails or is cancelled."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from billing_mirror.adapters.table.batch_get import MAX_KEYS
from billing_mirror.adapters.table.gathered_reads import PATIENCE, GatheredReads
from billing_mirror.core.errors import TransientError
from billing_mirror.core.table.items import Item


class Table:
    """Answers a call when it is let to, with the number of the call as the state of each item."""

    def __init__(self) -> None:
        self.calls: list[set[str]] = []
        self.answers: list[asyncio.Event] = []
        self.fails = False

    async def read(self, partitions: Collection[str]) -> Mapping[str, Item]:
        number = len(self.calls)
        self.calls.append(set(partitions))
        self.answers.append(asyncio.Event())
        await self.answers[number].wait()
        if self.fails:
            raise TransientError("DynamoDB is down")
        return {one: {"pk": one, "call": number} for one in partitions if not one.startswith("missing")}

    async def answer(self, number: int) -> None:
        await asyncio.sleep(0.01)  # the call has started by then
        self.answers[number].set()


async def test_what_comes_while_a_call_is_on_its_way_is_read_by_the_next_one() -> None:
    table = Table()
    reads = GatheredReads(table.read)
    first = asyncio.create_task(reads.items(["a"]))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(reads.items(one)) for one in (["b", "c"], ["a"], ["missing"])]
    await asyncio.sleep(0.01)
    assert table.calls == [{"a"}], "one call at a time"
    await table.answer(0)
    assert await first == {"a": {"pk": "a", "call": 0}}
    await table.answer(1)
    found = await asyncio.gather(*later)
    assert table.calls == [{"a"}, {"a", "b", "c", "missing"}]
    assert [{key: item["call"] for key, item in one.items()} for one in found] == [{"b": 1, "c": 1}, {"a": 1}, {}]


async def test_an_error_is_of_all_whose_reads_went_together_and_of_no_later_one() -> None:
    table = Table()
    reads = GatheredReads(table.read)
    gathered = [asyncio.create_task(reads.items([one])) for one in "ab"]
    table.fails = True
    await table.answer(0)
    failures = await asyncio.gather(*gathered, return_exceptions=True)
    assert [type(one) for one in failures] == [TransientError, TransientError]
    table.fails = False
    later = asyncio.create_task(reads.items(["a"]))
    await table.answer(1)
    assert await later == {"a": {"pk": "a", "call": 1}}


async def test_who_runs_out_of_time_does_not_end_the_reads_of_the_others() -> None:
    table = Table()
    reads = GatheredReads(table.read)
    hurried = asyncio.create_task(reads.items(["a"]))
    other = asyncio.create_task(reads.items(["b"]))
    await asyncio.sleep(0)
    hurried.cancel()
    await table.answer(0)
    assert await other == {"b": {"pk": "b", "call": 0}}
    with pytest.raises(asyncio.CancelledError):
        await hurried


async def test_nothing_is_read_for_nothing() -> None:
    table = Table()
    assert await GatheredReads(table.read).items([]) == {}
    assert table.calls == []


async def test_a_call_that_takes_long_holds_up_no_other() -> None:
    table = Table()
    reads = GatheredReads(table.read)
    stalled = asyncio.create_task(reads.items(["a"]))
    await asyncio.sleep(0.01)
    later = asyncio.create_task(reads.items(["b"]))
    await asyncio.sleep(PATIENCE + 0.05)
    await table.answer(1)
    assert await later == {"b": {"pk": "b", "call": 1}}
    assert not stalled.done()
    await table.answer(0)
    assert await stalled == {"a": {"pk": "a", "call": 0}}


async def test_more_than_a_call_takes_is_read_alone() -> None:
    table = Table()
    reads = GatheredReads(table.read)
    small = asyncio.create_task(reads.items(["a"]))
    many = asyncio.create_task(reads.items(f"b{number}" for number in range(MAX_KEYS + 1)))
    await asyncio.sleep(0.01)
    assert sorted(map(len, table.calls)) == [1, MAX_KEYS + 1]
    await table.answer(0)
    await table.answer(1)
    assert (len(await small), len(await many)) == (1, MAX_KEYS + 1)


def test_reads_that_a_loop_has_not_ended_do_not_disturb_the_next_loop() -> None:
    table = Table()
    reads = GatheredReads(table.read)

    async def run_out_of_time() -> None:
        first = asyncio.create_task(reads.items(["a"]))
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reads.items(["b"]), 0.01)
        first.cancel()

    async def read_again() -> dict[str, Item]:
        later = asyncio.create_task(reads.items(["c"]))
        await table.answer(1)
        return await later

    asyncio.run(run_out_of_time())
    assert asyncio.run(read_again()) == {"c": {"pk": "c", "call": 1}}
