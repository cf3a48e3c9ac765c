"""A long list is read in parts by creation: together they show every object, in whichever order Stripe lists them."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_mirror.core.runs import ranges
from billing_mirror.core.runs.checkpoints import ListPart, PagePosition
from billing_mirror.core.runs.ranges import LENGTH, MOST, PAGES_BEFORE_SPLIT

PAGE = 2
LATER = PagePosition("/v1/customers?limit=100&starting_after=cus_1", "cus_9")


class Reader:
    """Reads a list of creations in rounds, a page of each part in each."""

    def __init__(self, created: Sequence[int]) -> None:
        self.created = created
        self.shown: list[int] = []
        self.rounds: list[int] = []

    def read(self) -> None:
        parts: list[ListPart] = [ListPart()]
        while parts:
            self.rounds.append(len(parts))
            parts = [left for part in parts for left in self._after_page(part, others=len(parts) - 1)]

    def _after_page(self, part: ListPart, *, others: int) -> tuple[ListPart, ...]:
        """Numbers of objects stand for their ids."""
        after = part.page.url.partition("starting_after=")[2].partition("&")[0]
        start = int(after) + 1 if after else 0
        until = part.until or 2**40
        numbers = [n for n in range(start, len(self.created)) if part.since <= self.created[n] < until]
        page, more = numbers[:PAGE], len(numbers) > PAGE
        self.shown += page
        following = PagePosition(f"/list?starting_after={page[-1]}", "first") if more else None
        return ranges.after_page(part, [self.created[number] for number in page], following, others=others)


@settings(max_examples=300)
@given(st.lists(st.integers(1, 10_000), max_size=120), st.booleans())
def test_parts_show_every_object_in_whichever_order(created: list[int], in_order: bool) -> None:
    reader = Reader(sorted(created, reverse=True) if in_order else created)
    reader.read()
    assert set(reader.shown) == set(range(len(created)))
    if in_order:
        assert len(reader.shown) == len(created), "none twice"
    assert max(reader.rounds) <= MOST


def test_a_long_list_is_read_several_pages_at_a_time() -> None:
    reader = Reader(range(100_000, 90_000, -1))
    reader.read()
    assert len(reader.rounds) < 10_000 / PAGE / 10
    assert reader.shown.count(0) == 1


def test_a_short_list_is_read_by_one_reader() -> None:
    reader = Reader(range(1000, 1000 - PAGE * PAGES_BEFORE_SPLIT, -1))
    reader.read()
    assert set(reader.rounds) == {1}


def test_the_reader_keeps_its_page_and_the_older_objects_go_to_another_one() -> None:
    part = ListPart(page=LATER, pages=PAGES_BEFORE_SPLIT - 1, newest=1000)
    kept, left = ranges.after_page(part, [985, 980], LATER, others=0)
    assert kept.page.url == f"{LATER.url}&created%5Bgte%5D={980 - LENGTH * 20}"
    assert (ranges.filters(kept), ranges.filters(left)) == ({"created[gte]": "740"}, {"created[lt]": "740"})
    assert left == ListPart(until=740)


def test_a_part_with_a_beginning_is_not_split_again() -> None:
    part = ListPart(since=500, page=LATER, pages=100, newest=1000)
    assert len(ranges.after_page(part, [900], LATER, others=0)) == 1


def test_no_more_parts_are_made_than_are_read_at_the_same_time() -> None:
    part = ListPart(page=LATER, pages=100, newest=1000)
    assert len(ranges.after_page(part, [999], LATER, others=MOST - 1)) == 1
    assert len(ranges.after_page(part, [999], LATER, others=MOST - 2)) == 2


def test_a_list_without_creations_is_read_by_one_reader() -> None:
    part = ListPart(page=LATER, pages=100)
    assert len(ranges.after_page(part, [], LATER, others=0)) == 1


def test_a_restarted_part_keeps_its_bounds() -> None:
    part = ListPart(500, 900, LATER, pages=3, newest=899)
    assert ranges.restarted(part) == ListPart(500, 900)
