"""Which fields an object has that an answer does not show."""

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.stripe_api.on_request import lacking
from tests.doubles.samples import sample

TIERS: list[Json] = [{"up_to": None, "unit_amount": 5}]


def price(options: Json, tiers: Json = TIERS) -> JsonObject:
    return {"id": "price_1", "tiers": tiers, "currency_options": options}


class TestThePriceOfSeveralCurrencies:
    def test_lacks_the_tiers_of_each(self) -> None:
        found = lacking(TYPES["price"], price({"eur": {"unit_amount": None}, "jpy": {"tiers": None}}))
        assert found == ("currency_options.eur.tiers", "currency_options.jpy.tiers")

    def test_lacks_those_that_the_answer_leaves_out(self) -> None:
        found = lacking(TYPES["price"], price({"eur": {"tiers": TIERS}, "jpy": {}}))
        assert found == ("currency_options.jpy.tiers",)

    @pytest.mark.parametrize("tiers", [None, []])
    def test_lacks_nothing_without_tiers(self, tiers: Json) -> None:
        assert lacking(TYPES["price"], price({"eur": {"unit_amount": 5}}, tiers)) == ()

    @pytest.mark.parametrize("options", [None, {}, "eur", ["eur"], {"eur": None}])
    def test_lacks_nothing_where_no_currency_holds_anything(self, options: Json) -> None:
        assert lacking(TYPES["price"], price(options)) == ()


class TestAQuote:
    @staticmethod
    def quote(**amounts: int) -> JsonObject:
        return {"id": "qt_1", "computed": {"recurring": None, "upfront": {"total_details": dict(amounts)}}}

    @pytest.mark.parametrize("name", ["amount_tax", "amount_discount"])
    def test_lacks_the_breakdown_of_an_amount(self, name: str) -> None:
        amounts = {"amount_tax": 0, "amount_discount": 0, name: 7}
        assert lacking(TYPES["quote"], self.quote(**amounts)) == ("computed.upfront.total_details.breakdown",)

    def test_lacks_nothing_without_an_amount_to_break_down(self) -> None:
        assert lacking(TYPES["quote"], self.quote(amount_tax=0, amount_discount=0, amount_shipping=3)) == ()


class TestASchedule:
    @staticmethod
    def schedule(*discounts: Json) -> JsonObject:
        items: list[Json] = [{"discounts": [{"coupon": None, "discount": one}]} for one in discounts]
        return {"id": "sub_sched_1", "phases": [{"items": items, "add_invoice_items": []}]}

    def test_lacks_a_discount_that_is_an_id(self) -> None:
        found = lacking(TYPES["subscription_schedule"], self.schedule(None, "di_1", "di_2"))
        assert found == ("phases.items.discounts.discount",)

    def test_lacks_it_where_each_is_an_id(self) -> None:
        found = lacking(TYPES["subscription_schedule"], self.schedule("di_1"))
        assert found == ("phases.items.discounts.discount",)

    def test_lacks_nothing_without_a_discount(self) -> None:
        assert lacking(TYPES["subscription_schedule"], self.schedule(None)) == ()

    def test_lacks_nothing_where_each_is_an_object(self) -> None:
        assert lacking(TYPES["subscription_schedule"], self.schedule({"id": "di_1"})) == ()


@pytest.mark.parametrize("type_name", ["price", "quote", "subscription"])
def test_a_body_with_everything_lacks_nothing(type_name: str) -> None:
    assert lacking(TYPES[type_name], sample(type_name)) == ()
