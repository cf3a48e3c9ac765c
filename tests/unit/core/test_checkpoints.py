"""Where a walk is, as it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.checkpoints import Place, place
from billing_mirror.core.items import Value

NUMBERS = st.integers(min_value=0, max_value=2**31)
PLACES = st.builds(
    Place,
    listing=NUMBERS,
    filter=NUMBERS,
    url=st.text(),
    first=st.text(),
    shown=st.lists(NUMBERS).map(tuple),
    owner=st.text(),
    created=st.text(),
    counted=st.booleans(),
)


@given(PLACES)
def test_a_place_is_read_as_it_was_kept(here: Place) -> None:
    assert place(here.entry()) == here


@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_nothing_kept_is_the_beginning(value: Value) -> None:
    assert place(value) == Place()
