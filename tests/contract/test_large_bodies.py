"""The contract of the mirror for bodies that one item of a table does not hold."""

import asyncio
import random

import pytest

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table import chunks, items
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import noise, subscription
from tests.simulation.aws import UnreliableMirror

from .test_mirror import item, observation, ref, tombstone

ChunkedMirror = DynamoMirror | MemoryMirror | UnreliableMirror
LARGE = 700_000
"""Bytes of three chunks."""
VERY_LARGE = 3_000_000


def large(seed: int, size: int = LARGE) -> Item:
    return item(ref(), note=noise(size, seed))


def body(seed: int, size: int = LARGE) -> JsonObject:
    return subscription(note=noise(size, seed))


async def left(mirror: ChunkedMirror, token: int = 100) -> set[int]:
    """The tokens of the chunks that the table holds."""
    return {int(sort_key.split("#")[1]) for sort_key in await mirror.chunk_keys(ref(), token)}


@pytest.mark.parametrize("size", [LARGE, VERY_LARGE])
async def test_a_large_body_is_read_as_it_was_written(mirror: ChunkedMirror, size: int) -> None:
    assert await mirror.put(ref(), 1, large(1, size))
    assert await mirror.body(ref()) == body(1, size)
    assert len(await mirror.chunk_keys(ref(), 1)) == -(-size // items.CHUNK)


@pytest.mark.usefixtures("short_pages")
async def test_a_large_body_is_read_from_many_pages(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, large(1, VERY_LARGE))
    assert await mirror.body(ref()) == body(1, VERY_LARGE)


async def test_a_large_object_has_a_head_and_is_listed(mirror: ChunkedMirror) -> None:
    one = large(1)
    await mirror.put(ref(), 7, one)
    head = (await mirror.heads([ref()]))[ref().key]
    assert (head.token, head.digest, head.customer) == (7, one["digest"], "cus_1")
    assert [entry.id async for entry in mirror.ids(ref().scope, ref().type, status="active")] == ["rcds_1"]


async def test_an_object_of_usual_size_has_no_chunks(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, item(ref()))
    await mirror.put(ref(), 2, item(ref(), note="x" * 2_000_000))  # which compresses well
    assert await left(mirror) == set()
    assert (await mirror.heads([ref()]))[ref().key].chunks is None


async def test_a_later_large_body_replaces_an_earlier_one(mirror: ChunkedMirror) -> None:
    for token in (1, 2, 5):
        assert await mirror.put(ref(), token, large(token))
        assert await mirror.body(ref()) == body(token)
        assert await left(mirror) == {token}


async def test_a_body_that_shrinks_leaves_no_chunks(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, large(1))
    await mirror.put(ref(), 2, item(ref()))
    assert await mirror.body(ref()) == subscription()
    assert await left(mirror) == set()


@pytest.mark.parametrize("token", [1, 2])
async def test_an_earlier_or_equal_token_is_refused_and_leaves_no_chunks(mirror: ChunkedMirror, token: int) -> None:
    await mirror.put(ref(), 2, large(2))
    assert not await mirror.put(ref(), token, large(1))
    assert await mirror.body(ref()) == body(2)
    assert len(await mirror.chunk_keys(ref(), 100)) == 3


async def test_a_large_body_is_refused_by_a_later_small_one(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 2, item(ref()))
    assert not await mirror.put(ref(), 1, large(1))
    assert await mirror.body(ref()) == subscription()
    assert await left(mirror) == set()


async def test_a_write_that_is_repeated_keeps_its_chunks(mirror: ChunkedMirror) -> None:
    assert await mirror.put(ref(), 1, large(1))
    assert not await mirror.put(ref(), 1, large(1))
    assert await mirror.body(ref()) == body(1)


async def test_of_two_backfills_the_first_one_stays_whole(mirror: ChunkedMirror) -> None:
    """Both write under the token that is below every claim."""
    assert await mirror.put(ref(), UNCLAIMED_TOKEN, large(1))
    assert not await mirror.put(ref(), UNCLAIMED_TOKEN, large(2))
    assert await mirror.body(ref()) == body(1)
    assert await mirror.put(ref(), 1, large(3))
    assert await mirror.body(ref()) == body(3)
    assert await left(mirror) == {1}


async def test_of_two_backfills_at_the_same_time_one_stays_whole(mirror: ChunkedMirror) -> None:
    stored = await asyncio.gather(*(mirror.put(ref(), UNCLAIMED_TOKEN, large(seed)) for seed in (1, 2)))
    assert sorted(stored) == [False, True]
    assert await mirror.body(ref()) == body(1 if stored[0] else 2)


async def test_of_many_large_writes_in_any_order_the_highest_token_stays(mirror: ChunkedMirror) -> None:
    tokens = random.Random(7).sample(range(1, 9), 8)
    await asyncio.gather(*(mirror.put(ref(), token, large(token)) for token in tokens))
    assert (await mirror.heads([ref()]))[ref().key].token == 8
    assert await mirror.body(ref()) == body(8)


async def test_a_tombstone_keeps_the_last_large_body(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, large(1))
    assert await mirror.put_tombstone(ref(), 5, tombstone(ref()))
    assert await mirror.body(ref()) == body(1)
    assert not await mirror.put(ref(), 4, large(4))
    assert await mirror.body(ref()) == body(1)
    assert await mirror.put(ref(), 6, item(ref()))
    assert (await mirror.body(ref()), await left(mirror)) == (subscription(), set())


async def test_chunks_alone_show_nothing(mirror: ChunkedMirror) -> None:
    """As after a worker that dies before it puts the object's item."""
    await mirror.put(ref(), 1, large(1))
    await put_chunks_only(mirror, 2)
    assert await mirror.body(ref()) == body(1)
    assert (await mirror.heads([ref()]))[ref().key].token == 1


async def test_the_next_large_write_drops_what_a_dead_worker_has_left(mirror: ChunkedMirror) -> None:
    await put_chunks_only(mirror, 1)
    await put_chunks_only(mirror, 4)
    await mirror.put(ref(), 3, large(3))
    assert await mirror.body(ref()) == body(3)
    assert await left(mirror) == {3, 4}  # a later worker may still put its item


async def put_chunks_only(mirror: ChunkedMirror, token: int) -> None:
    _, pieces = chunks.split(token, large(token), Limits())
    assert pieces
    for sort_key, content in pieces.items():
        await mirror.put_chunk(ref(), sort_key, content)


@pytest.mark.parametrize("removed", [0, -1])
async def test_a_body_of_which_a_chunk_is_gone_is_none(mirror: ChunkedMirror, removed: int) -> None:
    await mirror.put(ref(), 1, large(1))
    await mirror.drop_chunk(ref(), (await mirror.chunk_keys(ref(), 1))[removed], 1_700_000_000)
    assert await mirror.body(ref()) is None
    await mirror.put(ref(), 2, large(2))
    assert await mirror.body(ref()) == body(2)


async def test_a_body_of_which_a_chunk_was_altered_is_none(mirror: ChunkedMirror) -> None:
    await mirror.put(ref(), 1, large(1))
    await mirror.put_chunk(ref(), (await mirror.chunk_keys(ref(), 1))[0], b"x" * items.CHUNK)
    assert await mirror.body(ref()) is None


async def test_objects_do_not_share_chunks(mirror: ChunkedMirror) -> None:
    for identifier in ("rcds_1", "rcds_2"):
        one = ref(identifier)
        seen = observation(subscription(identifier, note=noise(LARGE)))
        await mirror.put(one, 1, items.item(one, seen, None))
    await mirror.put(ref("rcds_1"), 2, item(ref("rcds_1")))
    assert await mirror.body(ref("rcds_2")) == subscription("rcds_2", note=noise(LARGE))
