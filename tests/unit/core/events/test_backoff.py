"""How long a message that failed stays away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.events.backoff import FIRST_PAUSE, MAX_PAUSE, seconds

MESSAGES = st.text(max_size=40)
RECEIVES = st.integers(1, 100_000)


@given(MESSAGES, RECEIVES, st.none() | st.floats(0, allow_nan=False))
def test_a_wait_is_a_whole_number_that_sqs_takes(message: str, count: int, retry_after: float | None) -> None:
    wait = seconds(message, count, retry_after)
    assert isinstance(wait, int)
    assert 1 <= wait <= MAX_PAUSE == 900


@given(MESSAGES, RECEIVES)
def test_a_wait_is_within_a_fifth_below_the_doubled_one(message: str, count: int) -> None:
    doubled = min(FIRST_PAUSE * 2 ** min(count - 1, 30), MAX_PAUSE)
    assert 0.8 * doubled - 0.5 <= seconds(message, count) <= doubled + 0.5


@given(MESSAGES, st.integers(1, 7))
def test_each_failure_waits_longer_than_the_one_before(message: str, count: int) -> None:
    assert seconds(message, count) < seconds(message, count + 1)


@given(MESSAGES, RECEIVES, st.integers(0, 900))
def test_it_is_never_below_retry_after(message: str, count: int, retry_after: int) -> None:
    assert seconds(message, count, float(retry_after)) >= retry_after


@given(MESSAGES, RECEIVES, st.integers(0, 900))
def test_retry_after_never_shortens_it(message: str, count: int, retry_after: int) -> None:
    assert seconds(message, count, float(retry_after)) >= seconds(message, count)


def test_an_outage_of_days_is_retried_every_quarter_of_an_hour() -> None:
    assert all(0.8 * MAX_PAUSE - 1 <= seconds("m", count) <= MAX_PAUSE for count in range(10, 500))


@pytest.mark.parametrize("retry_after", [3600.0, 1e300, float("inf")])
def test_retry_after_never_exceeds_the_longest_wait(retry_after: float) -> None:
    assert seconds("m", 1, retry_after) == MAX_PAUSE


def test_equal_runs_are_equal() -> None:
    assert [seconds("m", count) for count in range(1, 20)] == [seconds("m", count) for count in range(1, 20)]


def test_messages_that_failed_together_do_not_come_back_together() -> None:
    waits = [seconds(f"message {number}", 10) for number in range(1000)]
    assert len(set(waits)) > 100
    assert max(waits) - min(waits) > 0.15 * MAX_PAUSE


def test_a_retry_after_is_never_undercut() -> None:
    assert seconds("a", 1, 100.4) >= 100.4
