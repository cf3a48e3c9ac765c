"""When the mirror already reflects a message, and when a refresh is in flight."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.table.mirror_state import (
    CLAIM_DIES_AFTER,
    MAX_CLOCK_SKEW,
    READ_LAG,
    UNCLAIMED_TOKEN,
    Claim,
    Head,
    ends_at,
    follows_event,
    is_fresh_enough,
    is_in_flight,
    lag_left,
    may_lag,
    reflects_event,
    shows_creation,
)

TIMES = st.floats(0, 1e9)


def head(*, fetched_at: float = 0.0, token: int = 1) -> Head:
    return Head(token=token, fetched_at=fetched_at, digest="d")


class TestTheReadLag:
    @pytest.mark.parametrize(("created_at", "left"), [(1000.0, 60.0), (980.0, 40.0), (940.0, 0.0), (1030.0, 30.0)])
    def test_ends_a_minute_after_the_creation(self, created_at: float, left: float) -> None:
        assert lag_left(created_at, 1000.0) == left

    def test_does_not_last_for_what_a_test_clock_dates_far_ahead(self) -> None:
        assert not may_lag(1000.0 + 30 * 86400, 1000.0)


class TestCovers:
    def test_a_fetch_started_after_the_message_and_the_margin_is_fresh_enough(self) -> None:
        assert is_fresh_enough(head(fetched_at=105.1), sent_at=100.0, margin=5.0)

    @pytest.mark.parametrize("fetched_at", [0.0, 99.0, 100.0, 104.0, 105.0])
    def test_a_fetch_started_earlier_or_within_the_margin_is_not(self, fetched_at: float) -> None:
        assert not is_fresh_enough(head(fetched_at=fetched_at), sent_at=100.0, margin=5.0)

    def test_a_margin_of_zero_switches_it_off(self) -> None:
        assert not is_fresh_enough(head(fetched_at=1e9), sent_at=0.0, margin=0.0)

    def test_the_time_at_which_a_list_was_read_is_none_of_a_fetch(self) -> None:
        listed = head(fetched_at=1e9, token=UNCLAIMED_TOKEN)
        assert not is_fresh_enough(listed, sent_at=0.0, margin=5.0)

    def test_nothing_is_covered_where_nothing_is_known(self) -> None:
        assert not is_fresh_enough(None, sent_at=0.0, margin=5.0)

    @given(TIMES, TIMES, st.floats(0, 3600), st.floats(-1, 1))
    def test_two_clocks_may_differ_by_the_margin(
        self, sent_at: float, fetched_at: float, margin: float, share: float
    ) -> None:
        if is_fresh_enough(head(fetched_at=fetched_at), sent_at=sent_at, margin=margin):
            assert fetched_at > sent_at + margin * share


class TestKnowsOf:
    MADE = 1000.0
    LATE = head(fetched_at=1000.0 + READ_LAG + MAX_CLOCK_SKEW + 1, token=3)

    def test_what_was_received_before_the_fetch_is_known_whatever_the_clocks_say(self) -> None:
        known = Head(token=3, fetched_at=0.0, digest="d", last_event_at=self.MADE + 1, last_event_ids=("evt_1",))
        assert reflects_event(known, None, "evt_2", self.MADE)
        assert reflects_event(known, None, "evt_1", self.MADE + 1)
        assert not reflects_event(known, None, "evt_2", self.MADE + 1)

    def test_a_fetch_started_later_than_clocks_differ_reflects_the_event(self) -> None:
        assert reflects_event(self.LATE, Claim(3, 0.0), "evt_1", self.MADE)
        early = head(fetched_at=self.MADE + READ_LAG + MAX_CLOCK_SKEW, token=3)
        assert not reflects_event(early, Claim(3, 0.0), "evt_1", self.MADE)

    def test_a_fetch_with_a_later_claim_may_be_replaced_by_an_older_state(self) -> None:
        assert not reflects_event(self.LATE, Claim(4, 0.0), "evt_1", self.MADE)
        assert not reflects_event(self.LATE, None, "evt_1", self.MADE)

    @pytest.mark.parametrize(("lead", "knows"), [(0, False), (1, True)])
    def test_a_page_may_be_as_old_as_a_list_may_be(self, lead: float, knows: bool) -> None:
        taken = head(fetched_at=self.MADE + READ_LAG + MAX_CLOCK_SKEW + lead, token=UNCLAIMED_TOKEN)
        assert reflects_event(taken, None, "evt_1", self.MADE) is knows
        assert not reflects_event(taken, Claim(1, 0.0), "evt_1", self.MADE), (
            "a worker is about to fetch it, or has died"
        )

    def test_nothing_is_known_of_what_was_never_seen(self) -> None:
        assert not reflects_event(None, Claim(1, 0.0), "evt_1", self.MADE)


class TestShowsCreation:
    RATE, VERSION = (TYPES[f"v2.billing.rate_card_{name}"] for name in ("rate", "version"))

    def test_whatever_shows_an_object_shows_its_creation(self) -> None:
        assert shows_creation(head(), self.VERSION)
        assert shows_creation(head(token=UNCLAIMED_TOKEN), self.RATE)

    def test_what_a_list_shows_leads_to_no_other_object(self) -> None:
        assert not shows_creation(head(token=UNCLAIMED_TOKEN), self.VERSION)

    def test_a_tombstone_and_a_fetch_that_left_something_out_show_none(self) -> None:
        assert not shows_creation(replace(head(), deleted=True), self.RATE)
        assert not shows_creation(replace(head(), follow_ups_due=True), self.RATE)

    def test_it_is_reflected_unless_an_older_answer_may_still_be_written(self) -> None:
        assert reflects_event(head(), Claim(1, 0.0), "evt_1", 1000.0, creates=self.RATE)
        assert reflects_event(head(token=UNCLAIMED_TOKEN), None, "evt_1", 1000.0, creates=self.RATE)
        assert not reflects_event(head(), Claim(2, 0.0), "evt_1", 1000.0, creates=self.RATE)
        assert not reflects_event(head(), Claim(1, 0.0), "evt_1", 1000.0)


class TestFollowsEvent:
    @pytest.mark.parametrize(
        ("created_at", "end"), [(1000.0, 1001.0), (1000.25, 1000.251), (1000.2504, 1000.251), (1000.999, 1001.0)]
    )
    def test_a_time_stands_for_the_end_of_its_second_or_millisecond(self, created_at: float, end: float) -> None:
        assert ends_at(created_at) == end

    @pytest.mark.parametrize(
        ("created_at", "follows"), [(1000.5, False), (1000.499, True), (1000.0, False), (999.0, True), (999.9, True)]
    )
    def test_a_fetch_follows_an_event_that_ended_before_a_newer_one(self, created_at: float, follows: bool) -> None:
        known = Head(token=3, fetched_at=0.0, digest="d", last_event_at=1000.5, last_event_ids=("evt_1",))
        assert follows_event(known, "evt_2", created_at) is follows

    def test_a_whole_second_hides_no_other_event_of_it(self) -> None:
        known = Head(token=3, fetched_at=0.0, digest="d", last_event_at=1000.0, last_event_ids=("evt_1",))
        assert not follows_event(known, "evt_2", 1000.0)
        assert not follows_event(known, "evt_2", 1000.1)
        assert follows_event(known, "evt_1", 1000.1)

    def test_without_an_event_nothing_is_followed(self) -> None:
        assert not follows_event(head(), "evt_1", 1000.0)


class TestInFlight:
    NOW = 10_000.0

    @pytest.mark.parametrize(("token", "claimed"), [(1, 2), (0, 1), (7, 20)])
    def test_a_claim_above_the_token_may_still_be_applied(self, token: int, claimed: int) -> None:
        assert is_in_flight(head(token=token), Claim(claimed, self.NOW - 1), now=self.NOW)

    @pytest.mark.parametrize(("token", "claimed"), [(2, 2), (3, 2)])
    def test_an_applied_or_superseded_claim_is_not_in_flight(self, token: int, claimed: int) -> None:
        assert not is_in_flight(head(token=token), Claim(claimed, self.NOW - 1), now=self.NOW)

    def test_a_first_claim_is_in_flight_although_nothing_is_mirrored(self) -> None:
        assert is_in_flight(None, Claim(1, self.NOW), now=self.NOW)

    def test_nothing_is_in_flight_without_a_claim(self) -> None:
        assert not is_in_flight(None, None, now=self.NOW)
        assert not is_in_flight(head(), None, now=self.NOW)

    @pytest.mark.parametrize(("age", "alive"), [(0.0, True), (3599.0, True), (3600.0, False), (90_000.0, False)])
    def test_a_claim_dies_after_an_hour(self, age: float, alive: bool) -> None:
        assert CLAIM_DIES_AFTER == 3600.0
        assert is_in_flight(head(token=1), Claim(2, self.NOW - age), now=self.NOW) is alive
