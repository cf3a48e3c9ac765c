"""The arithmetic of the shared budget."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.stripe_api.budget import (
    ACCOUNT,
    AHEAD,
    AHEAD_OF_RECONCILE,
    COOLDOWN,
    DECREASE,
    IDLE,
    INCREASE,
    LEAST,
    LONG_WAIT,
    NEARLY,
    RECONCILE,
    Bucket,
    Budget,
    Limits,
    Wanted,
    limited_bucket,
)

HOT = "/v1/customers/{id}"
OTHER = "/v1/invoices/{id}"
LIMITS = Limits(account=100.0, endpoint=25.0, reconcile=5.0)
NOW = 1_700_000_000.0


def starts(count: int, endpoint: str = HOT, *, limits: Limits = LIMITS) -> list[float]:
    found = Budget().reserve([Wanted(endpoint, NOW)] * count, limits, NOW)[1]
    return [one - NOW for one in found if one is not None]


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 30), st.booleans()), max_size=40))
def test_no_second_has_more_starts_than_the_limit(asks: list[tuple[float, int, bool]]) -> None:
    budget, now, found = Budget(), NOW, list[float]()
    for gap, count, of_reconcile in asks:
        now += gap
        budget, reserved = budget.reserve([Wanted(HOT, now, of_reconcile)] * count, LIMITS, now)
        found += [one for one in reserved if one is not None]
    found.sort()
    for first, start in enumerate(found):
        assert bisect_right(found, start + 1.0 - 1e-6) - first <= LIMITS.endpoint + 1


def test_starts_are_even_and_the_first_is_now() -> None:
    assert starts(4) == pytest.approx([0.0, 0.04, 0.08, 0.12])


def test_only_near_starts_are_reserved() -> None:
    assert starts(100)[-1] <= AHEAD
    assert len(starts(100)) == AHEAD * LIMITS.endpoint + 1


def test_a_request_that_has_waited_long_reserves_however_far_ahead() -> None:
    budget = Budget(buckets={HOT: Bucket(NOW + 1.5 * AHEAD)})
    assert budget.reserve([Wanted(HOT, NOW)], LIMITS, NOW)[1] == [None]
    assert budget.reserve([Wanted(HOT, NOW - LONG_WAIT)], LIMITS, NOW)[1] == [NOW + 1.5 * AHEAD]


def test_a_busy_endpoint_holds_up_no_other() -> None:
    budget, _ = Budget().reserve([Wanted(HOT, NOW)] * 30, LIMITS, NOW)
    assert (budget.reserve([Wanted(OTHER, NOW)], LIMITS, NOW)[1][0] or 0.0) - NOW <= 0.3


def test_the_account_limits_all_endpoints_together() -> None:
    wanted = [Wanted(f"/v1/{number}", NOW) for number in range(100)]
    found = Budget().reserve(wanted, LIMITS, NOW)[1]
    assert found[-1] is not None
    assert found[-1] - NOW == pytest.approx(0.99)


def test_reconcile_has_a_limit_of_its_own_and_waits_where_live_traffic_waits() -> None:
    wanted = [Wanted(f"/v1/{number}", NOW, of_reconcile=True) for number in range(9)]
    found = [one for one in Budget().reserve(wanted, LIMITS, NOW)[1] if one is not None]
    assert [one - NOW for one in found] == pytest.approx([0.0, 0.2, 0.4])
    assert found[-1] <= NOW + AHEAD_OF_RECONCILE
    waiting = Budget(buckets={ACCOUNT: Bucket(NOW + 0.5)})
    assert waiting.reserve([Wanted(HOT, NOW, of_reconcile=True)], LIMITS, NOW)[1] == [None]
    assert waiting.reserve([Wanted(HOT, NOW)], LIMITS, NOW)[1] == [NOW + 0.5]


def test_the_clock_of_a_container_that_is_far_ahead_holds_up_no_other() -> None:
    wrong = Budget(buckets={HOT: Bucket(NOW + 600.0)})
    assert wrong.reserve([Wanted(HOT, NOW)], LIMITS, NOW)[1] == [NOW]


class TestA429:
    def test_lowers_the_rate_of_its_bucket_alone(self) -> None:
        slowed = Budget().slowed([(HOT, NOW)], LIMITS).buckets
        assert slowed[HOT].rate(25.0, NOW) == 25.0 * DECREASE
        assert slowed.keys() == {HOT}

    def test_counts_once_in_a_moment(self) -> None:
        twice = Bucket().slowed(25.0, NOW).slowed(25.0, NOW + COOLDOWN / 2)
        assert twice == Bucket().slowed(25.0, NOW)
        assert twice.slowed(25.0, NOW + COOLDOWN).rate(25.0, NOW + COOLDOWN) < 25.0 * DECREASE

    def test_is_made_up_for_bit_by_bit(self) -> None:
        bucket = Bucket().slowed(100.0, NOW)
        assert bucket.rate(100.0, NOW + 1) == pytest.approx(100.0 * (DECREASE + INCREASE))
        assert bucket.rate(100.0, NOW + 60) == 100.0

    def test_always_leaves_something(self) -> None:
        bucket = Bucket()
        for number in range(200):
            bucket = bucket.slowed(100.0, NOW + number)
        assert bucket.slowed_to >= 100.0 * LEAST

    @pytest.mark.parametrize(
        ("reason", "bucket"),
        [("global-rate", ACCOUNT), ("global-concurrency", ACCOUNT), ("endpoint-rate", HOT), ("", HOT)],
    )
    def test_is_about_the_bucket_that_stripe_names(self, reason: str, bucket: str) -> None:
        assert limited_bucket(HOT, reason) == bucket


class TestItems:
    def test_keep_the_budget_and_count_the_writes(self) -> None:
        budget, _ = Budget(3).reserve([Wanted(HOT, NOW)] * 3, LIMITS, NOW)
        budget = budget.slowed([(HOT, NOW)], LIMITS)
        found = Budget.from_item(budget.to_item(NOW))
        assert found.version == 4
        assert found.buckets[HOT].next_at == pytest.approx(budget.buckets[HOT].next_at, abs=1e-6)
        assert found.buckets[HOT].rate(25.0, NOW) == pytest.approx(25.0 * DECREASE, abs=1e-3)

    def test_forget_what_is_idle(self) -> None:
        budget = Budget(buckets={HOT: Bucket(NOW - IDLE - 1), OTHER: Bucket(NOW)})
        assert Budget.from_item(budget.to_item(NOW)).buckets.keys() == {OTHER}

    @pytest.mark.parametrize("item", [{}, {"version": "x", "next_at": 1}, {"next_at": {HOT: "x"}, "slowed_to": None}])
    def test_that_cannot_be_read_are_an_empty_budget(self, item: dict[str, object]) -> None:
        assert Budget.from_item(item) == Budget()  # type: ignore[arg-type]


class TestLimits:
    @pytest.mark.parametrize(("livemode", "account"), [(True, 80.0), (False, 20.0)])
    def test_follow_the_mode_of_the_key_by_default(self, livemode: bool, account: float) -> None:
        limits = Limits.of(0.0, 0.0, livemode=livemode)
        assert limits == Limits(NEARLY * account, NEARLY * 25.0, NEARLY * account / 4)

    def test_that_are_set_hold_in_both_modes(self) -> None:
        assert Limits.of(10.0, 3.0, livemode=True) == Limits.of(10.0, 3.0, livemode=False)
        assert Limits.of(10.0, 3.0, livemode=True).reconcile == NEARLY * 3.0

    def test_of_reconcile_are_within_the_budget(self) -> None:
        limits = Limits.of(10.0, 50.0, livemode=True)
        assert limits.reconcile == limits.account

    def test_above_those_of_stripe_are_the_endpoints_too(self) -> None:
        assert Limits.of(200.0, 0.0, livemode=False).endpoint == NEARLY * 200.0

    def test_static_shares_add_up_to_the_limits_at_most(self) -> None:
        process = LIMITS.static_share(5, of_reconcile=False)
        reconcile = LIMITS.static_share(5, of_reconcile=True)
        for name in (HOT, ACCOUNT):
            whole = 5 * process.of_bucket(name) + reconcile.of_bucket(name)
            assert whole == pytest.approx(LIMITS.of_bucket(name))
        assert reconcile.of_bucket(RECONCILE) == LIMITS.reconcile
