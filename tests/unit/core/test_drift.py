"""Where a page of Stripe's and the mirror differ."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import body
from billing_mirror.core.body import JsonObject
from billing_mirror.core.drift import Difference, compare
from billing_mirror.core.known import Head


def entry(identifier: str, status: str = "active") -> JsonObject:
    return {"id": identifier, "servicing_status": status}


def head(mirrored: JsonObject, *, deleted: bool = False) -> Head:
    return Head(token=1, fetched_at=0.0, digest=body.digest(mirrored), deleted=deleted)


def test_a_listed_object_that_was_never_seen_is_missing() -> None:
    assert compare([entry("a")], {}) == {"a": Difference.MISSING}


def test_a_listed_object_that_the_mirror_holds_for_gone_is_missing() -> None:
    assert compare([entry("a")], {"a": head(entry("a"), deleted=True)}) == {"a": Difference.MISSING}


def test_a_listed_object_with_another_body_is_different() -> None:
    assert compare([entry("a", "canceled")], {"a": head(entry("a"))}) == {"a": Difference.DIFFERENT}


def test_equal_bodies_written_differently_are_no_difference() -> None:
    mirrored: JsonObject = {"id": "a", "n": 1, "m": {}}
    listed: JsonObject = {"m": {"x": None}, "gone": None, "n": Decimal("1.0"), "id": "a"}
    assert compare([listed], {"a": head(mirrored)}) == {}


def test_the_object_that_another_head_belongs_to_does_not_matter() -> None:
    assert compare([entry("a")], {"b": head(entry("a"))}) == {"a": Difference.MISSING}


def test_an_entry_without_an_id_is_nothing_that_can_be_compared() -> None:
    assert compare([{"object": "x"}, {"id": ""}, {"id": 1}], {}) == {}


def test_heads_that_a_page_does_not_show_are_not_its_business() -> None:
    assert compare([], {"a": head(entry("a"))}) == {}


STATUSES = st.sampled_from(["active", "paused", "canceled"])
SIDE = st.dictionaries(st.sampled_from("abcdef"), STATUSES)


@given(SIDE, SIDE)
def test_exactly_the_objects_that_differ_are_found(stripe: dict[str, str], mirror: dict[str, str]) -> None:
    heads = {identifier: head(entry(identifier, status)) for identifier, status in mirror.items()}
    found = compare([entry(identifier, status) for identifier, status in stripe.items()], heads)
    assert found.keys() == {name for name, status in stripe.items() if mirror.get(name) != status}
    assert {name for name, kind in found.items() if kind is Difference.MISSING} == stripe.keys() - mirror.keys()


def test_a_notice_of_deletion_agrees_with_a_tombstone() -> None:
    assert compare([{"id": "cus_1", "deleted": True}], {"cus_1": Head(2, 0.0, "d", deleted=True)}) == {}
