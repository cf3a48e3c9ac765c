"""When the next request may start: evenly, without bursts, and at half the rate after a 429."""

from bisect import bisect_right
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.rate_limiter import SLOWED_FOR, RateLimiter

RATES = st.floats(0.05, 200.0)
GAPS = st.lists(st.floats(0.0, 5.0) | st.just(0.0), min_size=1, max_size=60)

SLACK = 1e-6


def starts(limiter: RateLimiter, arrivals: list[float]) -> list[float]:
    """When each request starts: requests wait in a queue, and only the first of them calls the limiter."""
    begins: list[float] = []
    for arrival in arrivals:
        earliest = max([arrival, *begins[-1:]])
        start = earliest + limiter.wait(earliest)
        limiter.start(start)
        begins.append(start)
    return begins


@given(RATES, GAPS, st.floats(0, 1e9))
def test_no_window_holds_more_starts_than_the_rate_allows(rate: float, gaps: list[float], at: float) -> None:
    times = starts(RateLimiter(rate), [at + gap for gap in accumulate(gaps)])
    for first, begin in enumerate(times):
        for length in (0.0, 0.5 / rate, 1.0 / rate, 3.0 / rate, 10.0):
            inside = bisect_right(times, begin + length) - first
            assert inside <= rate * (length + SLACK) + 1 + SLACK


@given(RATES, GAPS)
def test_no_request_starts_before_it_arrives_or_before_earlier_requests(rate: float, gaps: list[float]) -> None:
    arrivals = list(accumulate(gaps))
    times = starts(RateLimiter(rate), arrivals)
    assert all(start >= arrival for start, arrival in zip(times, arrivals, strict=True))
    assert times == sorted(times)


@given(RATES, st.integers(2, 50))
def test_many_requests_get_the_whole_rate(rate: float, count: int) -> None:
    times = starts(RateLimiter(rate), [1000.0] * count)
    assert times[-1] - times[0] == pytest.approx((count - 1) / rate, rel=1e-6)


def test_the_first_request_does_not_wait() -> None:
    assert RateLimiter(1.0).wait(1e9) == 0.0


def test_rest_is_not_saved_up_for_a_burst() -> None:
    limiter = RateLimiter(10.0)
    limiter.start(0.0)
    assert starts(limiter, [100.0] * 3) == pytest.approx([100.0, 100.1, 100.2])


def test_a_cancelled_request_delays_no_other() -> None:
    limiter = RateLimiter(0.5)
    limiter.start(0.0)
    assert [limiter.wait(1.0) for _ in range(50)] == [1.0] * 50


def test_a_429_slows_down_those_who_already_wait() -> None:
    limiter = RateLimiter(10.0)
    starts(limiter, [0.0] * 5)
    limiter.slow_down(0.45)
    assert starts(limiter, [0.45] * 3) == pytest.approx([0.5, 0.7, 0.9])


def test_a_429_halves_the_rate_for_half_a_minute() -> None:
    limiter = RateLimiter(10.0)
    limiter.slow_down(1000.0)
    times = starts(limiter, [1000.0] * 160)
    slowed = [start for start in times if start < 1000.0 + SLOWED_FOR]
    assert len(slowed) == pytest.approx(SLOWED_FOR * 10.0 / 2, abs=1)
    after = [start for start in times if start >= 1000.0 + SLOWED_FOR]
    assert after[-1] - after[0] == pytest.approx((len(after) - 1) / 10.0)


def test_another_429_slows_down_for_longer() -> None:
    limiter = RateLimiter(10.0)
    limiter.slow_down(0.0)
    limiter.slow_down(SLOWED_FOR - 1)
    assert starts(limiter, [SLOWED_FOR + 1] * 2) == pytest.approx([SLOWED_FOR + 1, SLOWED_FOR + 1.2])


def test_after_the_slow_time_all_is_as_before() -> None:
    limiter = RateLimiter(10.0)
    limiter.slow_down(0.0)
    assert starts(limiter, [SLOWED_FOR] * 2) == pytest.approx([SLOWED_FOR, SLOWED_FOR + 0.1])
