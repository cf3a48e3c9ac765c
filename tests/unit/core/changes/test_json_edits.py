"""Edits turn one body into the other, within bounds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import json_body
from billing_mirror.core.changes.json_edits import bounded, edits
from billing_mirror.core.json_body import Json, JsonObject
from tests.replay import edited

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers(-500, 500).map(lambda cents: Decimal(cents) / 100)
    | st.text("a/~", max_size=3)
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
)
BODIES: st.SearchStrategy[JsonObject] = st.dictionaries(st.text("ab/~", max_size=2), VALUES, max_size=4)


@given(BODIES, BODIES)
def test_edits_make_one_body_the_other(before: JsonObject, after: JsonObject) -> None:
    assert json_body.canonical(edited(before, edits(before, after))) == json_body.canonical(after)


@given(BODIES)
def test_equal_bodies_have_no_edits(body: JsonObject) -> None:
    assert [*edits(body, json_body.parse(json_body.write(body)))] == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [{"path": "/a", "before": 1, "after": 2}]),
        ({"a": 1}, {}, [{"path": "/a", "before": 1}]),
        ({}, {"a": 1}, [{"path": "/a", "after": 1}]),
        ({"a": None}, {}, []),
        ({"a": None}, {"a": True}, [{"path": "/a", "before": None, "after": True}]),
        ({"a": 1}, {"a": True}, [{"path": "/a", "before": 1, "after": True}]),
        ({"a": 1}, {"a": Decimal("1.0")}, []),
        ({"x/y": {"~": 1}}, {"x/y": {"~": 2}}, [{"path": "/x~1y/~0", "before": 1, "after": 2}]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [{"path": "/a/1/b", "before": 2, "after": 3}]),
        ({"a": [1]}, {"a": [1, 2]}, [{"path": "/a", "before": [1], "after": [1, 2]}]),
    ],
)
def test_an_edit_names_the_path_and_both_values(
    before: JsonObject, after: JsonObject, expected: list[JsonObject]
) -> None:
    assert [*edits(before, after)] == expected


def test_an_edit_that_is_too_large_keeps_its_path() -> None:
    found: list[JsonObject] = [{"path": "/a", "after": "x" * 200}, {"path": "/b", "after": 1}]
    assert bounded(found, 100) == ([{"path": "/a", "omitted": True}, {"path": "/b", "after": 1}], False)
    assert bounded(found, 1000) == (found, True)


def test_where_no_path_fits_the_rest_is_left_out() -> None:
    found: list[JsonObject] = [{"path": f"/{number}", "after": number} for number in range(100)]
    kept, complete = bounded(found, 300)
    assert not complete
    assert 0 < len(kept) < 100
    assert len(json_body.write([*kept])) <= 300
