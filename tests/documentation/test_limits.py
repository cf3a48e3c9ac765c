"""The figures of docs/limits.md about reconcile follow from the code."""

import math

from billing_mirror.core.catalog import RECONCILED_TYPES, ApiChannel, CompareInterval
from billing_mirror.core.runs import ranges
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.core.stripe_api.paging import PAGE_SIZE
from billing_mirror.reconcile.lists.listing import OWNERS_AT_ONCE
from tests.documentation.pages import text_of

PAGES_OF_ONE_READER = 2
"""A second, where Stripe takes half a second for a page."""
HOUR = 3600
PAGE = " ".join(text_of("docs/limits.md").split())
LIVE, SANDBOX = (Limits.of(0, 0, livemode=livemode).reconcile for livemode in (True, False))


def test_reconcile_reads_no_more_than_its_share_of_the_budget() -> None:
    assert f"{LIVE:.1f} requests a second live and {SANDBOX:.1f} in a sandbox" in PAGE
    live, sandbox = (math.floor(rate * HOUR * PAGE_SIZE / 1e5) / 10 for rate in (LIVE, SANDBOX))
    assert f"at most {live} or {sandbox} million objects an hour" in PAGE


def test_lists_of_owners_are_read_at_the_lower_of_two_rates() -> None:
    rates = (min(rate, OWNERS_AT_ONCE * PAGES_OF_ONE_READER) for rate in (LIVE, SANDBOX))
    live, sandbox = (math.floor(rate * HOUR / 100) * 100 for rate in rates)
    assert OWNERS_AT_ONCE == ranges.MOST == 8, "the page says eight in words"
    assert f"{live:,} owners an hour live, and {sandbox:,} in a sandbox" in PAGE


def test_the_types_that_are_verified_hourly_share_what_one_reader_reads() -> None:
    hourly = [one for one in RECONCILED_TYPES if one.interval is CompareInterval.RATE_CARD_SUBSCRIPTIONS]
    lists = [listing for one in hourly for listing in one.listings if listing.per is None]
    assert {one.api for one in hourly} == {ApiChannel.PREVIEW}
    assert not any(listing.by_creation for listing in lists)
    an_hour = PAGES_OF_ONE_READER * PAGE_SIZE * HOUR
    assert min(LIVE, SANDBOX) > PAGES_OF_ONE_READER, "the budget does not limit one reader"
    assert f"{an_hour:,} objects an hour, live and in a sandbox" in PAGE
    assert f"{an_hour // len(hourly):,} rate card subscriptions and as many cadences" in PAGE
