"""Checkpoints are read back from the state store as they were stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.runs.checkpoints import (
    EventsCheckpoint,
    IndexPosition,
    ListCheckpoint,
    ListPart,
    PagePosition,
    UsageCheckpoint,
)
from billing_mirror.core.table.items import Value

NUMBERS = st.integers(min_value=0, max_value=2**31)
PAGES = st.builds(
    PagePosition, url=st.text(), first_id=st.text(), missing_fields=st.lists(st.text(), max_size=3).map(tuple)
)
PARTS = st.builds(ListPart, since=NUMBERS, until=NUMBERS, page=PAGES, pages=NUMBERS, newest=NUMBERS)
POSITIONS = st.builds(IndexPosition, created=st.text(), id=st.text())
NOTHING = pytest.mark.parametrize("value", [None, "", 7, [], {}])


@given(
    st.builds(
        ListCheckpoint,
        listing=NUMBERS,
        filter=NUMBERS,
        page=PAGES,
        parts=st.lists(PARTS, max_size=3).map(tuple),
        filters_shown=st.lists(NUMBERS).map(tuple),
        owner=POSITIONS,
        lists_read=st.booleans(),
        unlisted=POSITIONS,
    )
)
def test_a_list_checkpoint_is_read_as_it_was_stored(checkpoint: ListCheckpoint) -> None:
    assert ListCheckpoint.from_item(checkpoint.to_item()) == checkpoint


@given(
    st.builds(UsageCheckpoint, slice=NUMBERS, last_subscription=POSITIONS, pairs_recorded=st.booleans(), pair=st.text())
)
def test_a_usage_checkpoint_is_read_as_it_was_stored(checkpoint: UsageCheckpoint) -> None:
    assert UsageCheckpoint.from_item(checkpoint.to_item()) == checkpoint


@given(st.builds(EventsCheckpoint, window_start=st.text(), window_end=st.text(), page=PAGES))
def test_an_events_checkpoint_is_read_as_it_was_stored(checkpoint: EventsCheckpoint) -> None:
    assert EventsCheckpoint.from_item(checkpoint.to_item()) == checkpoint


@NOTHING
def test_without_a_stored_checkpoint_a_run_starts_at_the_beginning(value: Value) -> None:
    assert ListCheckpoint.from_item(value) == ListCheckpoint()
    assert UsageCheckpoint.from_item(value) == UsageCheckpoint()
    assert EventsCheckpoint.from_item(value) == EventsCheckpoint()
