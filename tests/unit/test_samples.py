"""The sample bodies that other tests read: exact JSON, and the v1 ones with every field that Stripe's library knows."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import stripe

from billing_mirror.core import json_body

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.json"))

V1_CLASSES: dict[str, type[stripe.StripeObject]] = {
    "billing.alert": stripe.billing.Alert,
    "billing.credit_balance_transaction": stripe.billing.CreditBalanceTransaction,
    "billing.credit_grant": stripe.billing.CreditGrant,
    "billing.meter": stripe.billing.Meter,
    "cash_balance": stripe.CashBalance,
    "coupon": stripe.Coupon,
    "credit_note": stripe.CreditNote,
    "customer": stripe.Customer,
    "entitlements.active_entitlement": stripe.entitlements.ActiveEntitlement,
    "entitlements.feature": stripe.entitlements.Feature,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "product": stripe.Product,
    "promotion_code": stripe.PromotionCode,
    "quote": stripe.Quote,
    "subscription": stripe.Subscription,
    "subscription_schedule": stripe.SubscriptionSchedule,
    "tax_id": stripe.TaxId,
    "tax_rate": stripe.TaxRate,
    "test_helpers.test_clock": stripe.test_helpers.TestClock,
}

NO_FIELDS = {"OBJECT_NAME", "deleted"}
"""The class's own constant, and the mark that only a deleted object bears."""

ONLY_WHEN_EXPANDED = {
    # Each holds objects that have a sample of their own, or that are no part of billing (sources).
    "customer": {"cash_balance", "sources", "subscriptions", "tax_ids"},
    # A secret that lets a browser pay, and objects that have a sample of their own.
    "invoice": {"confirmation_secret", "payments"},
}
"""Fields that Stripe leaves out of a body unless the request expands them, and that no sample needs."""


def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, count in Counter(name for name, _ in members).items() if count > 1]
    if twice:
        raise ValueError(f"written twice: {twice}")
    return dict(members)


def test_there_are_samples_of_both_apis() -> None:
    assert {path.stem.partition(".")[0] == "v2" for path in SAMPLES} == {True, False}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
class TestEverySample:
    def test_is_exact_json_of_the_object_that_its_file_is_named_after(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert json.loads(text, object_pairs_hook=once)
        assert json_body.parse(text)["object"] == path.stem

    def test_has_livemode_false(self, path: Path) -> None:
        assert json_body.parse(path.read_text(encoding="utf-8")).get("livemode", False) is False


def test_no_two_samples_share_an_id_of_the_same_type() -> None:
    read = [json_body.parse(path.read_text(encoding="utf-8")) for path in SAMPLES]
    # A cash balance has no id: it is its customer's only one.
    named = [
        (json_body.text_at(one, "object"), json_body.text_at(one, "id") or json_body.text_at(one, "customer"))
        for one in read
    ]
    assert all(identifier for _, identifier in named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if not path.stem.startswith("v2.")], ids=lambda path: path.stem
)
def test_a_v1_sample_has_every_field_that_the_library_knows(path: Path) -> None:
    known = V1_CLASSES[path.stem].__annotations__.keys()
    left_out = ONLY_WHEN_EXPANDED.get(path.stem, set())
    assert left_out <= known
    assert json_body.parse(path.read_text(encoding="utf-8")).keys() == known - NO_FIELDS - left_out
