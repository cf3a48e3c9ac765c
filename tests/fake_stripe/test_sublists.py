"""Expandable fields, and lists inside objects."""

import pytest
import stripe

from dev.fake_stripe.client import StandIn
from dev.fake_stripe.types.object_types import Body
from tests.fake_stripe.harness import Wire
from tests.fake_stripe.makers import make


class TestExpansion:
    @pytest.fixture
    def price(self, stand_in: StandIn) -> str:
        product = make(stand_in, "product")["id"]
        return str(stand_in.create("price", {"product": product, "tiers": [{"up_to": None}]})["id"])

    def test_a_field_is_absent_unless_expanded(self, stand_in: StandIn, sdk: stripe.StripeClient, price: str) -> None:
        assert "tiers" not in sdk.v1.prices.retrieve(price).to_dict()
        assert sdk.v1.prices.retrieve(price, {"expand": ["tiers"]}).to_dict()["tiers"] == [{"up_to": None}]
        assert "tiers" not in sdk.v1.prices.list().data[0].to_dict()
        assert sdk.v1.prices.list({"expand": ["data.tiers"]}).data[0].to_dict()["tiers"] == [{"up_to": None}]
        assert stand_in.objects("price")[0]["body"]["tiers"] == [{"up_to": None}]

    def test_an_unknown_path_is_refused(self, wire: Wire, price: str) -> None:
        assert wire.get(f"/v1/prices/{price}?expand[0]=nothing").status == 400
        assert wire.get(f"/v1/prices/{price}?expand[0]=data.tiers").status == 400
        assert wire.get("/v1/prices?expand[0]=tiers").status == 400

    def test_a_path_leads_into_an_object(self, stand_in: StandIn, wire: Wire) -> None:
        entry = {"amount_total": 5}
        fields = {"computed": {"recurring": None, "upfront": {"amount_total": 5, "line_items": [entry]}}}
        quote = stand_in.create("quote", fields)["id"]
        path = f"/v1/quotes/{quote}"
        assert wire.get(path).body["computed"]["upfront"] == {"amount_total": 5}
        shown = wire.get(f"{path}?expand[0]=computed.upfront.line_items").body["computed"]["upfront"]["line_items"]
        assert shown["url"] == f"{path}/computed_upfront_line_items"
        assert wire.get(shown["url"]).body["data"] == shown["data"]
        assert wire.get(f"{path}/line_items").body["data"] == []

    def test_a_field_inside_a_field_has_a_path_of_its_own(self, stand_in: StandIn, wire: Wire) -> None:
        product, tiers = make(stand_in, "product")["id"], [{"up_to": None, "unit_amount": 5}]
        options = {currency: {"unit_amount": None, "tiers": tiers} for currency in ("eur", "jpy")}
        fields = {"product": product, "tiers": tiers, "currency_options": options}
        path = f"/v1/prices/{stand_in.create('price', fields)['id']}"
        plain = {"unit_amount": None}
        for requested, shown in (
            ("expand[0]=currency_options", {"eur": plain, "jpy": plain}),
            ("expand[0]=currency_options.eur.tiers", {"eur": options["eur"], "jpy": plain}),
            ("expand[0]=currency_options.tiers&expand[1]=currency_options", {"eur": plain, "jpy": plain}),
            ("expand[0]=currency_options.eur.tiers&expand[1]=currency_options.jpy.tiers", options),
            ("expand[0]=currency_options.usd.tiers", {"eur": plain, "jpy": plain}),
        ):
            assert wire.get(f"{path}?{requested}").body["currency_options"] == shown, requested
            of_list = requested.replace("=", "=data.")
            assert wire.get(f"/v1/prices?{of_list}").body["data"][0]["currency_options"] == shown, requested
        assert wire.get(f"{path}?expand[0]=tiers").body.keys().isdisjoint({"currency_options"})

    def test_four_levels_are_the_limit_and_a_list_is_one_of_them(self, stand_in: StandIn, wire: Wire) -> None:
        breakdown = {"discounts": [], "taxes": [{"amount": 7}]}
        total = {"total_details": {"amount_tax": 7, "breakdown": breakdown}}
        quote = stand_in.create("quote", {"computed": {"recurring": None, "upfront": total}})["id"]
        requested = "computed.upfront.total_details.breakdown"
        hidden = wire.get(f"/v1/quotes/{quote}").body["computed"]["upfront"]["total_details"]
        shown = wire.get(f"/v1/quotes/{quote}?expand[0]={requested}").body["computed"]["upfront"]["total_details"]
        assert (hidden, shown) == ({"amount_tax": 7}, total["total_details"])
        reply = wire.get(f"/v1/quotes?expand[0]=data.{requested}")
        assert (reply.status, reply.body["error"]["message"]) == (
            400,
            "You cannot expand more than 4 levels of a property.",
        )
        assert wire.get(f"/v1/quotes/{quote}?expand[0]=computed.upfront.line_items.data.taxes").status == 400

    def test_a_single_discount_is_an_id_unless_expanded(self, stand_in: StandIn, wire: Wire) -> None:
        discount = {"id": "di_1", "object": "discount"}
        phase = {"discounts": [{"coupon": None, "discount": discount}], "items": [{"discounts": []}]}
        schedule = make(stand_in, "subscription_schedule")["id"]
        stand_in.update(schedule, {"phases": [phase]})
        path = f"/v1/subscription_schedules/{schedule}"
        assert wire.get(path).body["phases"][0]["discounts"] == [{"coupon": None, "discount": "di_1"}]
        assert wire.get(f"{path}?expand[0]=phases.discounts.discount").body["phases"] == [phase]

    def test_an_entry_of_a_list_shows_nothing_unasked(self, stand_in: StandIn, wire: Wire) -> None:
        quote = stand_in.create("quote", {"line_items": [{"id": "li_1", "object": "item", "taxes": [{"amount": 1}]}]})
        path = f"/v1/quotes/{quote['id']}"
        assert "taxes" not in wire.get(f"{path}/line_items").body["data"][0]
        assert wire.get(f"{path}/line_items?expand[0]=data.taxes").body["data"][0]["taxes"] == [{"amount": 1}]
        assert "taxes" not in wire.get(f"{path}?expand[0]=line_items").body["line_items"]["data"][0]
        within = wire.get(f"{path}?expand[0]=line_items.data.taxes").body["line_items"]["data"][0]
        assert within["taxes"] == [{"amount": 1}]
        assert wire.get(f"{path}/line_items?expand[0]=data.nothing").status == 400


class TestDiscounts:
    @pytest.mark.parametrize("name", ["subscription", "invoice", "invoiceitem", "quote"])
    def test_discounts_are_ids_unless_expanded(self, stand_in: StandIn, wire: Wire, name: str) -> None:
        made = make(stand_in, name)["id"]
        stand_in.update(made, {"discounts": [{"source": {"coupon": "c"}}, "di_2"]})
        (truth,) = [each for each in stand_in.objects(name) if each["id"] == made]
        first, second = truth["body"]["discounts"]
        assert (first["object"], second) == ("discount", "di_2")
        assert wire.get(truth["path"]).body["discounts"] == [first["id"], "di_2"]
        assert wire.get(f"{truth['path']}?expand[0]=discounts").body["discounts"] == [first, "di_2"]

    def test_discounts_of_an_entry_are_ids_unless_expanded(self, stand_in: StandIn, wire: Wire) -> None:
        discount = {"id": "di_1", "object": "discount"}
        invoice = make(stand_in, "invoice")["id"]
        stand_in.update(invoice, {"lines": [{"amount": 1, "discounts": [discount]}]})
        path = f"/v1/invoices/{invoice}"
        for plain, expanded in (
            (wire.get(path).body["lines"], wire.get(f"{path}?expand[0]=lines.data.discounts").body["lines"]),
            (wire.get(f"{path}/lines").body, wire.get(f"{path}/lines?expand[0]=data.discounts").body),
        ):
            assert plain["data"][0]["discounts"] == ["di_1"]
            assert expanded["data"][0]["discounts"] == [discount]


SUBLISTS = [
    ("invoice", "lines", "/v1/invoices/{id}/lines", "line_item"),
    ("subscription", "items", "/v1/subscription_items?subscription={id}", "subscription_item"),
    ("quote", "line_items", "/v1/quotes/{id}/line_items", "item"),
    ("credit_note", "lines", "/v1/credit_notes/{id}/lines", "credit_note_line_item"),
]


class TestLists:
    @pytest.mark.parametrize(("name", "field", "url", "item"), SUBLISTS)
    def test_an_object_shows_the_first_ten_and_the_list_shows_all(
        self, stand_in: StandIn, wire: Wire, name: str, field: str, url: str, item: str
    ) -> None:
        made = make(stand_in, name)["id"]
        stand_in.update(made, {field: [{"amount": number} for number in range(25)]})
        (truth,) = [each for each in stand_in.objects(name) if each["id"] == made]
        whole = truth["body"][field]
        assert (len(whole["data"]), whole["has_more"], whole["object"]) == (25, False, "list")
        expand = "?expand[0]=line_items" if name == "quote" else ""
        shown = wire.get(f"{truth['path']}{expand}").body[field]
        assert shown == whole | {"data": whole["data"][:10], "has_more": True}
        assert shown["url"] == url.format(id=made)
        assert {each["object"] for each in whole["data"]} == {item}
        assert walk(wire, shown["url"]) == whole["data"]

    def test_lists_in_listed_objects_are_cut_too(self, stand_in: StandIn, sdk: stripe.StripeClient) -> None:
        invoice = make(stand_in, "invoice")["id"]
        stand_in.faults(sublist_size=2)
        stand_in.update(invoice, {"lines": [{"id": f"il_{number}"} for number in range(5)]})
        (listed,) = sdk.v1.invoices.list().data
        assert [each.id for each in listed.lines.data] == ["il_0", "il_1"]
        assert listed.lines.has_more
        assert len(list(listed.lines.auto_paging_iter())) == 5

    def test_a_cursor_that_does_not_exist_is_refused(self, stand_in: StandIn, wire: Wire) -> None:
        invoice = make(stand_in, "invoice")["id"]
        reply = wire.get(f"/v1/invoices/{invoice}/lines?starting_after=il_x")
        assert (reply.status, reply.body["error"]["code"]) == (400, "resource_missing")
        assert wire.get("/v1/invoices/in_x/lines").status == 404

    def test_a_subscription_item_is_read_by_its_id(
        self, stand_in: StandIn, sdk: stripe.StripeClient, wire: Wire
    ) -> None:
        subscription = make(stand_in, "subscription")["id"]
        body = stand_in.update(subscription, {"items": [{"id": "si_1", "quantity": 3}]})
        assert body["items"]["data"][0]["subscription"] == subscription
        assert sdk.v1.subscription_items.retrieve("si_1").quantity == 3
        stand_in.update(subscription, {"items": [{"id": "si_1", "discounts": [{"id": "di_1", "object": "discount"}]}]})
        assert wire.get("/v1/subscription_items/si_1").body["discounts"] == ["di_1"]
        shown = wire.get("/v1/subscription_items/si_1?expand[0]=discounts").body["discounts"]
        assert shown == [{"id": "di_1", "object": "discount"}]
        assert wire.get("/v1/subscription_items/si_2").status == 404
        assert wire.get("/v1/subscription_items").status == 400

    def test_a_body_that_is_put_is_cut_like_others(self, stand_in: StandIn, wire: Wire) -> None:
        data = [{"id": f"il_{number}", "object": "line_item"} for number in range(12)]
        stand_in.put("invoice", {"id": "in_1", "lines": {"object": "list", "data": data, "has_more": True}})
        lines = wire.get("/v1/invoices/in_1").body["lines"]
        assert (len(lines["data"]), lines["has_more"]) == (10, True)
        assert walk(wire, "/v1/invoices/in_1/lines") == data


def walk(wire: Wire, url: str) -> list[Body]:
    seen: list[Body] = []
    more = True
    while more:
        cursor = f"{'&' if '?' in url else '?'}limit=10" + (f"&starting_after={seen[-1]['id']}" if seen else "")
        page = wire.get(url + cursor).body
        seen += page["data"]
        more = page["has_more"]
    return seen
