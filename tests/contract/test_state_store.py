"""What reconcile may count on of what it keeps for itself."""

import asyncio
import random

import boto3
import pytest

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.state_store import DynamoJournal
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Retryable
from billing_mirror.core.fingerprints import packed
from billing_mirror.core.items import Item
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.run import Job, Run
from billing_mirror.ports import Journal, Mirror
from tests.doubles.state_store import MemoryJournal
from tests.simulation.state_store import UnreliableJournal

from .conftest import calm

TEST = Scope(livemode=False)
LIVE = Scope(livemode=True)
CONNECTED = Scope(livemode=False, context="acct_1")
BOOK = "run:type"
NOW = 1_700_000_000.25
MINUTE = 60.0


async def entries(journal: Journal, book: str = BOOK, start: str = "", scope: Scope = TEST) -> list[Item]:
    return [entry async for entry in journal.entries(scope, book, start)]


async def leased(journal: Journal, owner: str, *, now: float = NOW, scope: Scope = TEST) -> bool:
    """Whether a lease of a minute was given."""
    return await journal.lease(scope, owner, now=now, until=now + MINUTE)


async def written(journal: Journal, *places: str, book: str = BOOK, scope: Scope = TEST) -> None:
    """An entry at each place, that says where and whose it is."""
    for place in places:
        assert await journal.write(scope, book, place, {"place": place, "in": f"{scope} {book}"})


def places(found: list[Item]) -> list[str]:
    return [str(entry["place"]) for entry in found]


async def test_a_lease_that_nobody_has_is_given(journal: Journal) -> None:
    assert await leased(journal, "me")


async def test_somebody_elses_lease_is_not_given(journal: Journal) -> None:
    await leased(journal, "me")
    assert not await leased(journal, "you")
    assert not await leased(journal, "you", now=NOW + MINUTE - 0.001)


async def test_a_refused_owner_changes_nothing(journal: Journal) -> None:
    await leased(journal, "me")
    assert not await journal.lease(TEST, "you", now=NOW, until=NOW - 1)
    assert not await leased(journal, "you")
    assert await leased(journal, "me")


async def test_a_lease_that_has_run_out_is_free(journal: Journal) -> None:
    await leased(journal, "me")
    assert await leased(journal, "you", now=NOW + MINUTE)
    assert not await leased(journal, "me", now=NOW + MINUTE)


async def test_its_owner_prolongs_a_lease(journal: Journal) -> None:
    await leased(journal, "me")
    assert await leased(journal, "me", now=NOW + MINUTE / 2)
    assert not await leased(journal, "you", now=NOW + MINUTE)
    assert await leased(journal, "you", now=NOW + MINUTE * 1.5)


async def test_its_owner_takes_a_lease_again_that_has_run_out(journal: Journal) -> None:
    await leased(journal, "me")
    assert await leased(journal, "me", now=NOW + 2 * MINUTE)
    assert not await leased(journal, "you", now=NOW + 2 * MINUTE)


async def test_a_lease_that_was_given_back_is_free(journal: Journal) -> None:
    await leased(journal, "me")
    await journal.release(TEST, "me")
    assert await leased(journal, "you")


async def test_only_its_owner_gives_a_lease_back(journal: Journal) -> None:
    await leased(journal, "me")
    await journal.release(TEST, "you")
    assert not await leased(journal, "you")


async def test_a_lease_can_be_given_back_that_is_no_more(journal: Journal) -> None:
    await journal.release(TEST, "me")
    await leased(journal, "me")
    await leased(journal, "you", now=NOW + MINUTE)
    await journal.release(TEST, "me")
    assert not await leased(journal, "me", now=NOW + MINUTE)


async def test_each_scope_has_a_lease_of_its_own(journal: Journal) -> None:
    assert await leased(journal, "me")
    assert await leased(journal, "you", scope=LIVE)
    assert await leased(journal, "another", scope=CONNECTED)
    await journal.release(LIVE, "you")
    assert not await leased(journal, "you")


async def test_of_those_who_want_a_lease_at_the_same_time_one_has_it(journal: Journal) -> None:
    for round_ in range(10):
        owners = [f"owner {number}" for number in range(2)]
        now = NOW + round_ * MINUTE
        assert sorted(await asyncio.gather(*(leased(journal, owner, now=now) for owner in owners))) == [False, True]


async def test_an_entry_comes_back_as_it_was_written(journal: Journal) -> None:
    entry: Item = {
        "compared": 3,
        "complete": True,
        "next": None,
        "reason": "",
        "difference": Difference.MISSING,
        "drifts": [{"id": "rcds_1", "fields": []}],
    }
    assert await journal.write(TEST, BOOK, "2026", entry)
    assert await journal.last(TEST, BOOK) == entry
    assert await entries(journal) == [entry]


async def test_a_record_and_a_page_are_equal_to_what_was_written(journal: Journal) -> None:
    """By that a run knows its own write again, to which it has lost the answer."""
    record = Run("price", Job.OBJECTS, started_at=NOW, worked_at=NOW + 1, reason="why").entry()
    page: Item = {"page": 1, "place": Place(shown=(1, 2), url="next").entry(), "shown": packed(["a"]), "pages": 3}
    for place, entry in (("record", record), ("page", page)):
        await journal.write(TEST, BOOK, place, entry, new=True)
        assert await journal.last(TEST, BOOK, place) == entry


async def test_words_that_dynamodb_reserves_are_names_like_others(journal: Journal) -> None:
    entry: Item = {"owner": "me", "until": "then", "type": "price", "status": "active", "begin": 1}
    await journal.write(TEST, BOOK, "2026", entry)
    assert await journal.last(TEST, BOOK) == entry


async def test_bytes_come_back_as_bytes(journal: Journal) -> None:
    data = bytes(range(256)) * 4
    await journal.write(TEST, BOOK, "2026", {"data": data})
    last = await journal.last(TEST, BOOK)
    assert last is not None
    (entry,) = await entries(journal)
    for found in (last, entry):
        assert type(found["data"]) is bytes
        assert found["data"] == data


async def test_what_is_written_later_stands_in_place_of_what_was_there(journal: Journal) -> None:
    assert await journal.write(TEST, BOOK, "2026", {"compared": 3, "found": 1})
    assert await journal.write(TEST, BOOK, "2026", {"compared": 4})
    assert await entries(journal) == [{"compared": 4}]


async def test_a_new_entry_is_refused_where_one_is(journal: Journal) -> None:
    assert await journal.write(TEST, BOOK, "1", {"compared": 1}, new=True)
    assert not await journal.write(TEST, BOOK, "1", {"compared": 2}, new=True)
    assert await journal.write(TEST, BOOK, "2", {"compared": 3}, new=True)
    assert await journal.write(LIVE, BOOK, "1", {"compared": 4}, new=True)
    assert await entries(journal) == [{"compared": 1}, {"compared": 3}]


async def test_of_new_entries_at_the_same_place_and_time_one_is_written(journal: Journal) -> None:
    wrote = await asyncio.gather(*(journal.write(TEST, BOOK, "1", {"by": number}, new=True) for number in range(8)))
    assert wrote.count(True) == 1
    assert await entries(journal) == [{"by": wrote.index(True)}]


async def test_entries_are_in_the_order_of_their_places(journal: Journal) -> None:
    expected = ["1", "10", "9", "A", "Z", "a", "a ", "a#", "a~", "b", "é", "\N{SNOWMAN}", "\N{PILE OF POO}"]
    await written(journal, *random.Random(7).sample(expected, len(expected)))
    assert places(await entries(journal)) == expected


async def test_many_and_large_entries_are_all_found_in_order(journal: Journal) -> None:
    """DynamoDB answers with 1 MB at most for a query."""
    expected = [f"{kind}{number:02}" for kind in "ab" for number in range(5)]
    for place in random.Random(7).sample(expected, len(expected)):
        await journal.write(TEST, BOOK, place, {"place": place, "data": bytes(390_000)})
    assert places(await entries(journal)) == expected
    assert places(await entries(journal, start="b")) == expected[5:]
    last = await journal.last(TEST, BOOK)
    assert last is not None
    assert last["place"] == "b04"


async def test_entries_whose_places_begin_alike(journal: Journal) -> None:
    await written(journal, "a", "a#1", "a#2", "ab#1", "b#1", "B#1")
    assert places(await entries(journal, start="a#")) == ["a#1", "a#2"]
    assert places(await entries(journal, start="a")) == ["a", "a#1", "a#2", "ab#1"]
    assert await entries(journal, start="c") == []


async def test_an_entry_is_replaced_where_it_is_the_one_that_was_read(journal: Journal) -> None:
    assert not await journal.write(TEST, BOOK, "1", {"at": "b"}, over={"at": "a"})
    assert await entries(journal) == []
    await journal.write(TEST, BOOK, "1", {"at": "a", "status": "running", "compared": 1})
    assert await journal.write(TEST, BOOK, "1", {"at": "b", "status": "running"}, over={"at": "a", "status": "running"})
    others: list[Item] = [{"at": "a"}, {"at": "b", "status": "complete"}, {"at": "b", "compared": 1}]
    for other in others:
        assert not await journal.write(TEST, BOOK, "1", {"at": "c"}, over=other)
    assert not await journal.write(TEST, BOOK, "2", {"at": "c"}, over={"at": "b"})
    assert not await journal.write(LIVE, BOOK, "1", {"at": "c"}, over={"at": "b"})
    assert await entries(journal) == [{"at": "b", "status": "running"}]


async def test_of_those_who_replace_an_entry_at_the_same_time_one_does(journal: Journal) -> None:
    await journal.write(TEST, BOOK, "1", {"by": -1})
    several = (journal.write(TEST, BOOK, "1", {"by": number}, over={"by": -1}) for number in range(8))
    wrote = await asyncio.gather(*several)
    assert wrote.count(True) == 1
    assert await entries(journal) == [{"by": wrote.index(True)}]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("", ["a", "a#1", "a#2", "b", "\N{PILE OF POO}"]),
        ("a", ["a#1", "a#2", "b", "\N{PILE OF POO}"]),
        ("a#1", ["a#2", "b", "\N{PILE OF POO}"]),
        ("a#11", ["a#2", "b", "\N{PILE OF POO}"]),
        ("\N{PILE OF POO}", []),
    ],
)
@pytest.mark.usefixtures("short_pages")
async def test_the_entries_after_a_place_whether_there_is_one_or_not(
    journal: Journal, place: str, expected: list[str]
) -> None:
    await written(journal, "b", "a#2", "a", "\N{PILE OF POO}", "a#1")
    await written(journal, "a#3", "z", book="run:typ")
    await written(journal, "a#4", "y", scope=LIVE)
    assert places([entry async for entry in journal.after(TEST, BOOK, place)]) == expected


async def test_the_last_entry_is_that_of_the_last_place(journal: Journal) -> None:
    await written(journal, "10", "20", "00")
    last = await journal.last(TEST, BOOK)
    assert last is not None
    assert last["place"] == "20"


async def test_the_last_of_the_entries_whose_places_begin_alike(journal: Journal) -> None:
    await written(journal, "a#1", "a#2", "ab#1", "b#1")
    last = await journal.last(TEST, BOOK, "a#")
    assert last is not None
    assert last["place"] == "a#2"
    assert await journal.last(TEST, BOOK, "c") is None


async def test_books_are_kept_apart_by_scope_and_whole_name(journal: Journal) -> None:
    for scope in (TEST, LIVE, CONNECTED):
        for book in ("run:typ", BOOK, "run:type.of.another"):
            await written(journal, "1", "2", book=book, scope=scope)
            found = await entries(journal, book, scope=scope)
            assert found == [{"place": place, "in": f"{scope} {book}"} for place in ("1", "2")]
            assert await journal.last(scope, book) == found[-1]


async def test_a_book_in_which_nothing_was_written_has_no_entries(journal: Journal) -> None:
    await written(journal, "1")
    for scope, book in ((TEST, "run:typ"), (TEST, "run:type.of.another"), (LIVE, BOOK), (CONNECTED, BOOK)):
        assert await journal.last(scope, book) is None
        assert await entries(journal, book, scope=scope) == []
        assert [entry async for entry in journal.after(scope, book, "")] == []


async def test_a_lease_is_no_entry(journal: Journal) -> None:
    await leased(journal, "me")
    await written(journal, "1")
    assert places(await entries(journal)) == ["1"]


async def test_an_entry_is_no_object(journal: Journal, mirror: Mirror) -> None:
    name = "v2.billing.rate_card_subscription"
    await journal.write(TEST, f"run:{name}", "1", {"type": name, "id": "rcds_1", "scope": "test"})
    await leased(journal, "me")
    assert [one async for one in mirror.ids(TEST, name)] == []


@pytest.fixture
def unreachable(engine: str | None) -> Journal:
    """One whose table is away, as it is while it is being restored."""
    if engine == "memory":
        return MemoryJournal(down=True)
    if engine == "simulation":
        return UnreliableJournal(MemoryJournal(down=True), *calm())
    return DynamoJournal(boto3.client("dynamodb", endpoint_url=engine, config=QUICK), "away")


async def test_a_table_that_is_away_is_for_later(unreachable: Journal) -> None:
    for ask in (
        leased(unreachable, "me"),
        unreachable.release(TEST, "me"),
        unreachable.write(TEST, BOOK, "1", {}),
        unreachable.write(TEST, BOOK, "1", {}, new=True),
        unreachable.write(TEST, BOOK, "1", {}, over={"at": "a"}),
        unreachable.last(TEST, BOOK),
        entries(unreachable),
        anext(unreachable.after(TEST, BOOK, "")),
    ):
        with pytest.raises(Retryable):
            await ask
