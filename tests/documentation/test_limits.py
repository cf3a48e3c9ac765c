"""The figures of docs/limits.md about reconcile follow from the code."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import pytest

from billing_mirror.core.catalog import RECONCILED_TYPES, ApiChannel, CompareInterval
from billing_mirror.core.runs import ranges
from billing_mirror.core.runs.checkpoints import ListPart, PagePosition
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.core.stripe_api.paging import PAGE_SIZE
from billing_mirror.reconcile.lists.listing import OWNERS_AT_ONCE
from tests.documentation.pages import text_of

PAGES_OF_ONE_READER = 2
"""A second, where Stripe takes half a second for a page."""
HOUR = 3600
OBJECTS = 300_000
WORKING_SECONDS = 50
"""Of process: its timeout less what is spared."""
PAGE = " ".join(text_of("docs/limits.md").split())
LIVE, SANDBOX = (Limits.of(0, 0, livemode=livemode).reconcile for livemode in (True, False))


def test_reconcile_reads_no_more_than_its_share_of_the_budget() -> None:
    assert f"{LIVE:.1f} requests a second live and {SANDBOX:.1f} in a sandbox" in PAGE
    live, sandbox = (math.floor(rate * HOUR * PAGE_SIZE / 1e5) / 10 for rate in (LIVE, SANDBOX))
    assert f"at most {live} or {sandbox} million objects an hour" in PAGE


def test_lists_of_owners_are_read_at_the_lower_of_two_rates() -> None:
    rates = (min(rate, OWNERS_AT_ONCE * PAGES_OF_ONE_READER) for rate in (LIVE, SANDBOX))
    live, sandbox = (math.floor(rate * HOUR / 100) * 100 for rate in rates)
    assert OWNERS_AT_ONCE == 8, "the page says eight in words"
    assert f"{live:,} owners an hour live, and {sandbox:,} in a sandbox" in PAGE


@pytest.mark.parametrize(
    ("created", "parts", "minutes"),
    [
        (range(OBJECTS * 500, 0, -500), 11, 9),
        ([month * 2_600_000 + second * 3 for month in range(60, 0, -1) for second in range(5000, 0, -1)], 8, 11),
    ],
    ids=["evenly", "at the ends of months"],
)
def test_long_lists_are_read_in_so_many_parts_on_average(created: Sequence[int], parts: int, minutes: int) -> None:
    average = sum(rounds := parts_read(created)) / len(rounds)
    assert ranges.MOST == 16, "the page says sixteen in words"
    assert "eight to eleven on average" in PAGE
    assert parts == round(average)
    pages_a_second = min(LIVE, PAGES_OF_ONE_READER * average)
    assert minutes == round(1_000_000 / PAGE_SIZE / pages_a_second / 60)
    assert f"9 to 11 minutes live and {round(1_000_000 / PAGE_SIZE / SANDBOX / 60)} in a sandbox" in PAGE


def parts_read(created: Sequence[int]) -> list[int]:
    """The number of parts in each round, of a list of objects that were created then, newest first."""
    older = [-one for one in created]
    parts, rounds = [ListPart()], []

    def left_of(part: ListPart) -> Iterator[ListPart]:
        after = part.page.url.partition("after=")[2].partition("&")[0]
        start = max(int(after or 0), bisect_right(older, -part.until) if part.until else 0)
        end = bisect_right(older, -part.since) if part.since else len(older)
        following = PagePosition(f"/?after={start + PAGE_SIZE}", "first") if end - start > PAGE_SIZE else None
        shown = created[start : min(end, start + PAGE_SIZE)]
        yield from ranges.after_page(part, shown, following, others=len(parts) - 1)

    while parts:
        rounds.append(len(parts))
        parts = [left for part in parts for left in left_of(part)]
    return rounds


def test_one_list_has_as_many_entries_as_its_pages_in_the_time_of_an_invocation() -> None:
    pages = WORKING_SECONDS * PAGES_OF_ONE_READER
    assert f"a hundred pages, so that an invoice of more than {pages * PAGE_SIZE:,} lines" in PAGE


def test_the_types_that_are_verified_hourly_share_what_one_reader_reads() -> None:
    hourly = [one for one in RECONCILED_TYPES if one.interval is CompareInterval.RATE_CARD_SUBSCRIPTIONS]
    lists = [listing for one in hourly for listing in one.listings if listing.per is None]
    assert {one.api for one in hourly} == {ApiChannel.PREVIEW}
    assert not any(listing.by_creation for listing in lists)
    an_hour = PAGES_OF_ONE_READER * PAGE_SIZE * HOUR
    assert min(LIVE, SANDBOX) > PAGES_OF_ONE_READER, "the budget does not limit one reader"
    assert f"{an_hour:,} objects an hour, live and in a sandbox" in PAGE
    assert f"{an_hour // len(hourly):,} rate card subscriptions and as many cadences" in PAGE
