"""Each view shows a sample of its type, with every field of the sample's body kept."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import MirroredObject
from billing_mirror.views import (
    VIEWS,
    Coupon,
    CreditGrant,
    Customer,
    Entitlements,
    Invoice,
    InvoiceItem,
    Meter,
    Price,
    Quote,
    RateCardRate,
    RateCardSubscription,
    Subscription,
    View,
)
from billing_mirror.views.fields import Field
from tests.doubles.samples import sample

SUMMARY = Entitlements.OBJECT_TYPE.name
WITH_SAMPLES = {name: view for name, view in VIEWS.items() if name != SUMMARY}


def mirrored(type_name: str, body: JsonObject, *, deleted: bool = False) -> MirroredObject:
    identifier = str(body.get("id", "x"))
    return MirroredObject(identifier, type_name, body, deleted, "2026-11-20T12:00:00.000Z", "v", 1, "cus_1", {})


def fields_of(view: type[View]) -> dict[str, Field[object]]:
    members = {name: member for one in reversed(view.__mro__) for name, member in vars(one).items()}
    return {name: member for name, member in members.items() if isinstance(member, Field)}


def has_path(body: Json, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


def test_the_fifteen_most_used_types_have_views() -> None:
    assert len(VIEWS) >= 15
    assert all(view.OBJECT_TYPE.name == name for name, view in VIEWS.items())


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_every_field_is_one_that_stripe_sends(name: str) -> None:
    body = sample(name)
    assert [field.path for field in fields_of(VIEWS[name]).values() if not has_path(body, field.path)] == []


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_every_value_of_a_sample_is_read_as_its_type(name: str) -> None:
    body = sample(name)
    view = VIEWS[name].of(mirrored(name, body))
    not_read = [
        shown
        for shown, field in fields_of(VIEWS[name]).items()
        if json_body.value_at(body, field.path) not in (None, [], {}) and getattr(view, shown) in (None, [], {})
    ]
    assert not_read == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_body_without_any_field_is_no_error(name: str) -> None:
    view = VIEWS[name].of(mirrored(name, {}))
    assert {
        getattr(view, shown) for shown in fields_of(VIEWS[name]) if not isinstance(getattr(view, shown), list | dict)
    } <= {None}


@pytest.mark.parametrize("wrong", [True, "x", [1], {"a": 1}, Decimal("1e400")])
@pytest.mark.parametrize("name", VIEWS)
def test_a_value_of_another_type_than_documented_is_no_error(name: str, wrong: Json) -> None:
    body: JsonObject = {}
    for field in fields_of(VIEWS[name]).values():
        parent, _, last = field.path.rpartition(".")
        inner = json_body.value_at(body, parent)
        body = json_body.with_value(body, parent, {**(inner if isinstance(inner, dict) else {}), last: wrong})
    view = VIEWS[name].of(mirrored(name, body))
    shown = [getattr(view, field) for field in fields_of(VIEWS[name])]
    assert not any(isinstance(one, float) for one in shown)


def test_the_body_keeps_what_has_no_field() -> None:
    body: JsonObject = {**sample("invoice"), "field_of_next_year": {"a": 1}}
    assert Invoice.of(mirrored("invoice", body)).body["field_of_next_year"]["a"] == 1


def test_an_object_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="cus_1 is of the type customer; Invoice shows invoice"):
        Invoice.of(mirrored("customer", {"id": "cus_1"}))


def test_a_view_shows_no_body_when_it_is_printed() -> None:
    view = Customer.of(mirrored("customer", {"id": "cus_1", "email": "a@example.com"}, deleted=True))
    assert repr(view) == "Customer(id='cus_1', deleted=True)"


def test_times_of_either_api_are_in_utc() -> None:
    invoice = Invoice.of(mirrored("invoice", {"created": 1_790_145_939, "due_date": None}))
    assert (invoice.created, invoice.due_date) == (datetime(2026, 9, 23, 6, 45, 39, tzinfo=UTC), None)
    one = RateCardSubscription.of(
        mirrored(RateCardSubscription.OBJECT_TYPE.name, {"created": "2026-09-14T08:41:17+02:00"})
    )
    assert one.created == datetime(2026, 9, 14, 6, 41, 17, tzinfo=UTC)
    assert one.created is not None
    assert one.created.tzinfo is UTC


def test_amounts_are_exact_however_they_are_written() -> None:
    assert Invoice.of(mirrored("invoice", {"total": 15760})).total == Decimal(15760)
    assert Coupon.of(mirrored("coupon", {"percent_off": Decimal("12.5")})).percent_off == Decimal("12.5")
    rate = RateCardRate.of(mirrored(RateCardRate.OBJECT_TYPE.name, {"unit_amount": "0.033333333333"}))
    assert str(rate.unit_amount) == "0.033333333333"


def test_ids_of_expanded_objects() -> None:
    assert Invoice.of(mirrored("invoice", {"customer": {"id": "cus_1", "name": "A"}})).customer == "cus_1"
    rate = RateCardRate.of(mirrored(RateCardRate.OBJECT_TYPE.name, sample(RateCardRate.OBJECT_TYPE.name)))
    assert (rate.metered_item or "").startswith("bli_")
    assert (rate.display_name, rate.unit_label) == ("Atlas map tiles", "tile")


def test_some_values_of_the_samples() -> None:
    invoice = Invoice.of(mirrored("invoice", sample("invoice")))
    assert (invoice.number, invoice.status, invoice.amount_due) == ("KJ7M2QX4-0003", "paid", Decimal(15760))
    assert {one["object"] for one in invoice.lines} == {"line_item"}
    assert Subscription.of(mirrored("subscription", sample("subscription"))).items[0]["object"] == "subscription_item"
    assert (Quote.of(mirrored("quote", sample("quote"))).subscription_schedule or "").startswith("sub_sched_")
    assert Meter.of(mirrored("billing.meter", sample("billing.meter"))).formula == "sum"
    assert CreditGrant.of(mirrored("billing.credit_grant", sample("billing.credit_grant"))).amount == 5000
    assert InvoiceItem.of(mirrored("invoiceitem", sample("invoiceitem"))).created is not None
    assert Price.of(mirrored("price", sample("price"))).metadata == {"owner": "pricing"}


def test_the_lookup_keys_of_entitlements() -> None:
    entries: list[Json] = [sample("entitlements.active_entitlement"), {"lookup_key": None}, "x"]
    shown = Entitlements.of(mirrored(SUMMARY, {"object": "list", "data": entries}))
    assert shown.lookup_keys == {"audit-log"}
    assert Entitlements.of(mirrored(SUMMARY, {})).lookup_keys == frozenset()
