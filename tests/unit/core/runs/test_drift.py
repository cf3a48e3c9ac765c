"""Where a page from Stripe and the mirror differ."""

from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.drift import FETCHED_WITHOUT_DIFFERENCE, Difference, compare
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.mirror_state import Head

OBJECT_TYPE = TYPES["v2.billing.rate_card_subscription"]


def entry(identifier: str, status: str = "active") -> JsonObject:
    return {"id": identifier, "servicing_status": status}


def head(mirrored: JsonObject, *, deleted: bool = False, version: str = "") -> Head:
    return Head(1, fetched_at=0.0, digest=json_body.digest(mirrored), deleted=deleted, stripe_version=version)


def test_a_listed_object_that_was_never_seen_is_missing() -> None:
    assert compare(OBJECT_TYPE, [entry("a")], {}) == {"a": Difference.MISSING}


def test_a_listed_object_with_a_tombstone_is_missing() -> None:
    assert compare(OBJECT_TYPE, [entry("a")], {"a": head(entry("a"), deleted=True)}) == {"a": Difference.MISSING}


def test_a_listed_object_with_another_body_is_different() -> None:
    assert compare(OBJECT_TYPE, [entry("a", "canceled")], {"a": head(entry("a"))}) == {"a": Difference.DIFFERENT}


def test_equal_bodies_written_differently_are_no_difference() -> None:
    mirrored: JsonObject = {"id": "a", "n": 1, "m": {}}
    listed: JsonObject = {"m": {"x": None}, "absent": None, "n": Decimal("1.0"), "id": "a"}
    assert compare(OBJECT_TYPE, [listed], {"a": head(mirrored)}) == {}


def test_the_object_that_another_head_belongs_to_does_not_matter() -> None:
    assert compare(OBJECT_TYPE, [entry("a")], {"b": head(entry("a"))}) == {"a": Difference.MISSING}


def test_an_entry_without_an_id_is_not_compared() -> None:
    assert compare(OBJECT_TYPE, [{"object": "x"}, {"id": ""}, {"id": 1}], {}) == {}


def test_heads_that_a_page_does_not_show_are_ignored() -> None:
    assert compare(OBJECT_TYPE, [], {"a": head(entry("a"))}) == {}


STATUSES = st.sampled_from(["active", "paused", "canceled"])
SIDE = st.dictionaries(st.sampled_from("abcdef"), STATUSES)


@given(SIDE, SIDE)
def test_exactly_the_objects_that_differ_are_found(stripe: dict[str, str], mirror: dict[str, str]) -> None:
    heads = {identifier: head(entry(identifier, status)) for identifier, status in mirror.items()}
    found = compare(OBJECT_TYPE, [entry(identifier, status) for identifier, status in stripe.items()], heads)
    assert found.keys() == {name for name, status in stripe.items() if mirror.get(name) != status}
    assert {name for name, kind in found.items() if kind is Difference.MISSING} == stripe.keys() - mirror.keys()


def test_a_deleted_entry_equals_a_tombstone() -> None:
    assert compare(OBJECT_TYPE, [{"id": "cus_1", "deleted": True}], {"cus_1": Head(2, 0.0, "d", deleted=True)}) == {}


class TestAnotherVersion:
    """Bodies of two versions may differ in shape: that is no drift of the mirror."""

    @pytest.mark.parametrize("status", ["active", "canceled"])
    def test_is_outdated_whether_the_body_differs_or_not(self, status: str) -> None:
        heads = {"a": head(entry("a"), version="2025-01-01.ga")}
        assert compare(OBJECT_TYPE, [entry("a", status)], heads, "2026-01-01.ga") == {"a": Difference.OUTDATED}

    def test_that_is_the_same_is_compared_by_bodies(self) -> None:
        heads = {name: head(entry(name), version="2026-01-01.ga") for name in ("a", "b")}
        listed = [entry("a"), entry("b", "canceled")]
        assert compare(OBJECT_TYPE, listed, heads, "2026-01-01.ga") == {"b": Difference.DIFFERENT}

    def test_does_not_matter_without_a_version_to_compare(self) -> None:
        assert compare(OBJECT_TYPE, [entry("a")], {"a": head(entry("a"), version="2025-01-01.ga")}) == {}

    def test_of_a_tombstone_is_still_missing(self) -> None:
        heads = {"a": head(entry("a"), deleted=True, version="2025-01-01.ga")}
        assert compare(OBJECT_TYPE, [entry("a")], heads, "2026-01-01.ga") == {"a": Difference.MISSING}


def test_only_outdated_and_listless_and_partly_listed_objects_are_fetched_without_a_cause() -> None:
    without = {Difference.OUTDATED, Difference.NO_LIST, Difference.PARTLY_LISTED}
    assert without == FETCHED_WITHOUT_DIFFERENCE


class TestFieldsThatNoListShows:
    PRICE = TYPES["price"]

    def price(self, *currencies: str, tiered: bool, **option: Json) -> JsonObject:
        options: JsonObject = {currency: {"unit_amount": None, **option} for currency in currencies}
        tiers: list[Json] = [{"up_to": None}] if tiered else []
        return {"id": "price_1", "tiers": tiers, "currency_options": options}

    def compared(self, listed: JsonObject, mirrored: JsonObject) -> dict[str, Difference]:
        held = Head(1, 0.0, digest(self.PRICE, mirrored), stripe_version="2026-01-01.ga")
        return compare(self.PRICE, [listed], {"price_1": held}, "2026-01-01.ga")

    def test_make_an_object_partly_listed_whether_the_rest_differs_or_not(self) -> None:
        listed = self.price("eur", "usd", tiered=True)
        for mirrored in (listed, self.price("eur", "usd", tiered=True, tiers=[{"up_to": None}])):
            assert self.compared(listed, mirrored) == {"price_1": Difference.PARTLY_LISTED}

    @pytest.mark.parametrize(("currencies", "tiered"), [(("eur", "usd"), False), ((), True)])
    def test_that_an_object_has_not_leave_it_compared_by_bodies(
        self, currencies: tuple[str, ...], tiered: bool
    ) -> None:
        listed = self.price(*currencies, tiered=tiered)
        assert self.compared(listed, listed) == {}
        assert self.compared(listed, {**listed, "active": True}) == {"price_1": Difference.DIFFERENT}

    def test_that_a_list_shows_all_the_same_are_compared_too(self) -> None:
        shown = self.price("eur", tiered=True, tiers=[{"up_to": 5}])
        assert self.compared(shown, shown) == {}
        other = self.price("eur", tiered=True, tiers=[{"up_to": 6}])
        assert self.compared(shown, other) == {"price_1": Difference.DIFFERENT}


class TestIgnoredFields:
    """Links that expire differ in each answer."""

    INVOICE = TYPES["invoice"]
    ONE: ClassVar[JsonObject] = {"id": "in_1", "status": "open", "invoice_pdf": "https://pay/1", "lines": {}}

    def test_do_not_make_two_answers_differ(self) -> None:
        other: JsonObject = {**self.ONE, "invoice_pdf": "https://pay/2", "hosted_invoice_url": "https://pay/3"}
        assert digest(self.INVOICE, self.ONE) == digest(self.INVOICE, other)

    def test_are_the_only_fields_left_out(self) -> None:
        assert digest(self.INVOICE, self.ONE) != digest(self.INVOICE, {**self.ONE, "status": "paid"})
        assert digest(OBJECT_TYPE, self.ONE) == json_body.digest(self.ONE) != digest(self.INVOICE, self.ONE)

    def test_do_not_make_a_listed_object_different(self) -> None:
        held = Head(1, 0.0, digest(self.INVOICE, self.ONE))
        listed: JsonObject = {**self.ONE, "invoice_pdf": "https://pay/2"}
        assert compare(self.INVOICE, [listed], {"in_1": held}) == {}
