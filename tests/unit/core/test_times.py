"""Instants as text whose order is the order of time."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import times
from billing_mirror.core.json_body import Json

INSTANTS = st.floats(0, 4_102_444_800)


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    assert times.iso(1732638783.0) == "2024-11-26T16:33:03.000Z"
    assert times.iso(1732638783.25) == "2024-11-26T16:33:03.250Z"
    assert times.iso(0) == "1970-01-01T00:00:00.000Z"


@given(INSTANTS)
def test_what_was_written_is_read_back_to_the_millisecond_and_never_later(instant: float) -> None:
    read = times.seconds(times.iso(instant))
    assert instant - 0.001001 < read <= instant + 1e-6
    assert times.iso(read) == times.iso(instant)


@given(INSTANTS, INSTANTS)
def test_the_order_of_texts_is_the_order_of_time(one: float, other: float) -> None:
    earlier, later = sorted([one, other])
    assert times.iso(earlier) <= times.iso(later)
    if later - earlier > 0.002:
        assert times.iso(earlier) < times.iso(later)


def test_other_offsets_are_read_as_what_they_are() -> None:
    assert times.seconds("2024-11-26T18:33:03+02:00") == 1732638783.0


@pytest.mark.parametrize("text", ["", "now", "2024-13-01T00:00:00Z", "1732638783"])
def test_text_that_is_no_instant_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        times.seconds(text)


class TestCreated:
    @pytest.mark.parametrize(
        "value",
        [
            "2024-11-26T16:33:03.000Z",
            "2024-11-26T16:33:03Z",
            "2024-11-26T16:33:03.000999Z",
            "2024-11-26T18:33:03+02:00",
            1732638783,
            Decimal(1732638783),
            Decimal("1732638783.5"),
        ],
    )
    def test_is_written_alike_whether_it_came_as_text_or_as_seconds(self, value: Json) -> None:
        assert times.created(value) == "2024-11-26T16:33:03.000Z"

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            False,
            "",
            "soon",
            "0001-01-01T00:00:00+14:00",
            [],
            {},
            {"id": "x"},
            10**15,
            -(10**15),
            10**400,
            Decimal("1e20"),
        ],
    )
    def test_is_the_beginning_of_time_where_it_is_not_known(self, value: Json) -> None:
        assert times.created(value) == times.UNKNOWN == "1970-01-01T00:00:00.000Z"

    @given(st.integers(0, 4_102_444_800), st.integers(0, 4_102_444_800))
    def test_orders_objects_of_both_apis_by_time(self, one: int, other: int) -> None:
        assert (times.created(one) < times.created(times.iso(other))) is (one < other)


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_a_time_without_an_offset_does_not_depend_on_the_machine() -> None:
    assert times.created("2024-11-26T16:33:03") == "2024-11-26T16:33:03.000Z"
    assert times.seconds("2024-11-26T16:33:03") == 1732638783.0


def test_a_huge_number_is_no_time() -> None:
    assert times.created(Decimal("1e300000")) == times.UNKNOWN
