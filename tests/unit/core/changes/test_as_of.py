"""What an object was, as far as its entries show each write."""

from collections.abc import Sequence

import pytest

from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.core import times
from billing_mirror.core.changes.as_of import StateAt, Unknown, state_at, states
from billing_mirror.core.changes.change import change_between
from billing_mirror.core.changes.history import Entry, entry
from billing_mirror.core.table.items import Item
from tests.doubles.changes import BEGINNING, live, removed
from tests.doubles.samples import subscription


def minute(number: float) -> str:
    return times.iso(BEGINNING + 60 * number)


def written(status: str, token: int) -> Item:
    body = subscription(collection_status=status, created=minute(0.5))
    return live(body, token)


def entries_of(items: Sequence[Item]) -> list[Entry]:
    """Newest first."""
    found: list[Entry | None] = []
    for at, item in enumerate(items):
        before, after = stored_object(items[at - 1]) if at else None, stored_object(item)
        found.insert(0, entry(before, after, change_between(before, after), days=30))
    return [one for one in found if one is not None]


WRITES = [written("current", 1), written("current", 2), written("past_due", 4), written("past_due", 5)]


def known(found: StateAt | Unknown) -> tuple[object, str | None]:
    assert isinstance(found, StateAt)
    data = found.item["data"] if found.item is not None else {}
    assert isinstance(data, dict)
    return data.get("collection_status"), found.since


def test_a_state_is_known_since_its_change_whatever_was_written_after_it() -> None:
    entries = entries_of(WRITES)
    assert known(state_at(minute(3), entries, WRITES[-1])) == ("current", minute(1))
    assert known(state_at(minute(9), entries, WRITES[-1])) == ("past_due", minute(4))
    assert known(state_at(minute(0.4), entries, WRITES[-1]))[0] is None


def test_between_its_creation_and_the_mirror_an_object_is_unknown() -> None:
    assert state_at(minute(0.5), entries_of(WRITES), WRITES[-1]) == Unknown(minute(1))


@pytest.mark.parametrize("missing", [5, 4, 2, 1])
def test_without_an_entry_a_state_is_known_from_the_fetch_of_its_write_on(missing: int) -> None:
    entries = [one for one in entries_of(WRITES) if one.write.token != missing]
    status = "current" if missing < 4 else "past_due"
    assert known(state_at(minute(missing), entries, WRITES[-1])) == (status, minute(missing))
    assert state_at(minute(missing - 0.01), entries, WRITES[-1]) == Unknown(minute(missing))


def test_what_was_written_after_the_present_item_was_read_is_left_out() -> None:
    """The item is read first, then the entries: a write in between is none of the past that was asked for."""
    entries = entries_of([*WRITES, written("unpaid", 6)])
    assert known(state_at(minute(9), entries, WRITES[-1])) == ("past_due", minute(4))
    assert [one.gap for one in states(entries, WRITES[-1])] == [False] * 3


def test_an_item_that_a_hand_has_deleted_leaves_a_gap() -> None:
    entries = [*entries_of([written("unpaid", 9)]), *entries_of(WRITES)]
    assert [one.gap for one in states(entries, written("unpaid", 9))] == [False, True, False, False]
    assert isinstance(state_at(minute(0.4), entries[:2], written("unpaid", 9)), Unknown)


def test_an_object_that_was_first_seen_as_removed_was_there_before() -> None:
    tombstone = removed(written("current", 1), 2)
    entries = entries_of([tombstone])
    assert isinstance(state_at(minute(2), entries, tombstone), StateAt)
    assert state_at(minute(0.1), entries, tombstone) == Unknown(minute(2))


def test_an_item_that_no_write_has_stored_is_known_at_no_time() -> None:
    by_hand = {name: value for name, value in WRITES[0].items() if name != "fetched_at"}
    assert state_at(minute(9), entries_of(WRITES), by_hand) == Unknown(None)
