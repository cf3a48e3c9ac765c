"""Large bodies are split without loss, and nothing is joined that was not split together."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.table import chunks, items
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import Item

SMALL = Limits(body=10, chunk=4)


def item_with(content: bytes) -> Item:
    return {"id": "in_1", "digest": "d", "data_z": content}


@given(st.binary(min_size=11, max_size=200), st.integers(0, 10**19))
def test_an_item_is_joined_as_it_was_split(content: bytes, token: int) -> None:
    own, pieces = chunks.split(token, item_with(content), SMALL)
    assert "data_z" not in own
    assert all(1 <= len(piece) <= 4 for piece in pieces.values())
    name = chunks.name_in(own)
    assert name is not None
    assert all(sort_key.startswith(name) for sort_key in pieces)
    assert chunks.join(own, [pieces[sort_key] for sort_key in sorted(pieces)]) == item_with(content)


@pytest.mark.parametrize("item", [item_with(b"x" * 10), {"id": "in_1", "data": {"a": "x" * 1000}}, {"id": "in_1"}])
def test_a_body_that_fits_is_not_split(item: Item) -> None:
    assert chunks.split(7, item, SMALL) == (item, {})


def test_what_is_chosen_for_an_item_of_dynamodb_is_not_split() -> None:
    columns: Item = {"id": "in_1", "digest": "d"}
    room = items.room_beside(columns)
    assert chunks.split(7, {**columns, "data_z": b"x" * room}, Limits())[1] == {}
    own, pieces = chunks.split(7, {**columns, "data_z": b"x" * (room + 1)}, Limits())
    assert [len(piece) for piece in pieces.values()] == [items.CHUNK, room + 1 - items.CHUNK]
    assert own.keys() == {*columns, "chunks", "chunk_count"}


def test_the_largest_body_takes_all_chunks() -> None:
    _, pieces = chunks.split(7, item_with(b"x" * items.MAX_COMPRESSED), Limits())
    assert len(pieces) == items.MAX_CHUNKS == len(set(pieces))
    assert [*pieces] == sorted(pieces)


def test_chunks_that_are_missing_or_others_are_not_joined() -> None:
    own, pieces = chunks.split(7, item_with(zlib.compress(b"a longer text")), SMALL)
    ordered = [*pieces.values()]
    assert chunks.join(own, ordered) is not None
    for wrong in ([], ordered[1:], ordered[:-1], ordered[::-1], [*ordered, b""], [b"", *ordered[1:]]):
        assert chunks.join(own, wrong) is None


def test_another_content_under_the_same_token_has_another_name() -> None:
    own, _ = chunks.split(0, item_with(b"one content of a page"), SMALL)
    same, _ = chunks.split(0, item_with(b"one content of a page"), SMALL)
    other, _ = chunks.split(0, item_with(b"another one of a page"), SMALL)
    assert own["chunks"] == same["chunks"] != other["chunks"]


@pytest.mark.parametrize("kept", [5, 7, 9, None])
def test_what_no_item_can_name_any_more_is_superseded(kept: int | None) -> None:
    keys: dict[str, int] = {}
    names: dict[int | None, str | None] = {None: None}
    for token in (0, 5, 7, 8, 9, 10, 100, 10**18):
        own, pieces = chunks.split(token, item_with(b"x" * 11 + str(token).encode()), SMALL)
        names[token] = chunks.name_in(own)
        keys |= dict.fromkeys(pieces, token)
    dropped = chunks.superseded([*keys], 9, names[kept])
    assert {keys[sort_key] for sort_key in dropped} == {0, 5, 7, 8, 9} - {kept}
    first, last = chunks.range_up_to(9)
    assert {token for sort_key, token in keys.items() if first <= sort_key <= last} == {0, 5, 7, 8, 9}
