"""Rules of single v1 types, as the SDK parses them."""

import pytest
import stripe

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import KEY, SECRET, Catalogue, Inbox, Wire
from tests.fake_stripe.makers import make


@pytest.fixture
def quiet_inbox(catalogue: Catalogue, inbox: Inbox) -> Inbox:
    assert catalogue
    return inbox


class TestSubscriptions:
    @pytest.fixture
    def subscription(self, stand_in: StandIn, catalogue: Catalogue) -> str:
        return str(stand_in.create("subscription", {"customer": catalogue.customer})["id"])

    def test_cancellation_has_the_event_deleted_and_keeps_the_subscription(
        self, stand_in: StandIn, sdk: stripe.StripeClient, subscription: str, inbox: Inbox
    ) -> None:
        stand_in.settle()
        inbox.received.clear()
        stand_in.transition(subscription, "canceled")
        stand_in.settle()
        assert inbox.types == ["v1.customer.subscription.deleted"]
        read = sdk.v1.subscriptions.retrieve(subscription)
        assert (read.status, read.ended_at is not None) == ("canceled", True)
        assert sdk.v1.subscriptions.list().data == []
        for status in ("all", "canceled", "ended"):
            params: stripe.params.SubscriptionListParams = {"status": status}
            assert [each.id for each in sdk.v1.subscriptions.list(params).data] == [subscription]

    def test_a_status_has_an_event_besides_the_update(self, stand_in: StandIn, subscription: str, inbox: Inbox) -> None:
        stand_in.settle()
        inbox.received.clear()
        stand_in.transition(subscription, "past_due")
        stand_in.update(subscription, {"cancel_at": 2_000_000_000})
        stand_in.settle()
        assert sorted(each.rpartition(".")[2] for each in inbox.types) == [
            "cancel_at_changed",
            "past_due",
            "updated",
            "updated",
        ]


class TestTestClocks:
    @pytest.mark.parametrize(
        ("name", "path"), [("customer", "customers"), ("subscription", "subscriptions"), ("quote", "quotes")]
    )
    def test_an_object_of_a_test_clock_is_listed_on_request(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, name: str, path: str
    ) -> None:
        clock = stand_in.create("test_helpers.test_clock")["id"]
        fields = {"test_clock": clock} | ({} if name == "customer" else {"customer": catalogue.customer})
        made = stand_in.create(name, fields)["id"]
        assert made not in wire.ids(f"/v1/{path}")
        assert wire.ids(f"/v1/{path}?test_clock={clock}") == [made]
        if name == "subscription":
            assert wire.ids(f"/v1/{path}?customer={catalogue.customer}") == [made]


class TestTaxIds:
    def test_a_customers_tax_id_is_read_at_two_urls_and_listed_at_one(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue
    ) -> None:
        fields = {"type": "eu_vat", "value": "DE1"}
        own = stand_in.create("tax_id", fields)["id"]
        theirs = stand_in.create("tax_id", fields, parent=catalogue.customer)["id"]
        owner = {"type": "customer", "customer": catalogue.customer}
        assert sdk.v1.tax_ids.retrieve(theirs).to_dict()["owner"] == owner
        assert sdk.v1.customers.tax_ids.retrieve(catalogue.customer, theirs).id == theirs
        assert [each.id for each in sdk.v1.tax_ids.list().data] == [own]
        assert [each.id for each in sdk.v1.customers.tax_ids.list(catalogue.customer).data] == [theirs]
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v1.customers.tax_ids.retrieve(catalogue.customer, own)
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v1.customers.tax_ids.list("cus_x")

    @pytest.mark.parametrize("setting", ["customer", "plain"])
    def test_a_tax_ids_events_have_the_url_of_the_setting(
        self, stand_in: StandIn, catalogue: Catalogue, quiet_inbox: Inbox, setting: str
    ) -> None:
        stand_in.faults(tax_id_urls=setting)
        made = stand_in.create("tax_id", {"type": "eu_vat", "value": "DE1"}, parent=catalogue.customer)["id"]
        stand_in.settle()
        client = stripe.StripeClient(KEY, base_addresses={"api": stand_in.api_base})
        parsed = client.parse_event_notification(
            quiet_inbox.received[0].body, quiet_inbox.received[0].signature, SECRET
        )
        assert isinstance(parsed, stripe.events.V1CustomerTaxIdCreatedEventNotification)
        prefix = f"/v1/customers/{catalogue.customer}" if setting == "customer" else "/v1"
        assert parsed.related_object.url == f"{prefix}/tax_ids/{made}"
        assert parsed.fetch_related_object().id == made


class TestSingletons:
    def test_a_cash_balances_event_has_no_id(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        path = f"/v1/customers/{catalogue.customer}/cash_balance"
        assert sdk.v1.customers.cash_balance.retrieve(catalogue.customer).available is None
        assert stand_in.objects("cash_balance") == []
        stand_in.create("cash_balance", {"available": {"eur": 500}}, parent=catalogue.customer)
        stand_in.update(path, {"available": {"eur": 700}})
        stand_in.settle()
        client = stripe.StripeClient(KEY, base_addresses={"api": stand_in.api_base})
        parsed = client.parse_event_notification(
            quiet_inbox.received[-1].body, quiet_inbox.received[-1].signature, SECRET
        )
        assert isinstance(parsed, stripe.events.V1CashBalanceFundsAvailableEventNotification)
        assert "id" not in quiet_inbox.received[-1].notification["related_object"]
        assert parsed.fetch_related_object().to_dict()["available"] == {"eur": 700}
        (truth,) = stand_in.objects("cash_balance")
        assert (truth["id"], truth["path"], "id" in truth["body"]) == (path, path, False)

    def test_the_tax_settings_exist_before_they_change(
        self, stand_in: StandIn, sdk: stripe.StripeClient, quiet_inbox: Inbox
    ) -> None:
        assert sdk.v1.tax.settings.retrieve().status == "pending"
        stand_in.create("tax.settings", {"status": "active"})
        stand_in.settle()
        assert quiet_inbox.types == ["v1.tax.settings.updated"]
        assert quiet_inbox.received[0].notification["related_object"] == {
            "type": "tax.settings",
            "url": "/v1/tax/settings",
        }
        assert sdk.v1.tax.settings.retrieve().status == "active"

    def test_a_customers_discount_has_events_of_its_own(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        path = f"/v1/customers/{catalogue.customer}"
        stand_in.update(catalogue.customer, {"discount": {"source": {"coupon": "c", "type": "coupon"}}})
        assert wire.get(path).body["discount"]["object"] == "discount"
        stand_in.update(catalogue.customer, {"discount": {"end": 9}})
        stand_in.update(catalogue.customer, {"discount": None, "name": "Ada"})
        stand_in.settle()
        assert sorted(quiet_inbox.types) == [
            "v1.customer.discount.created",
            "v1.customer.discount.deleted",
            "v1.customer.discount.updated",
            "v1.customer.updated",
        ]
        related = [each.notification["related_object"] for each in quiet_inbox.received if "discount" in each.body]
        assert {"type": "discount", "url": f"{path}/discount"} in related
        assert wire.get(path).body["discount"] is None


class TestEntitlements:
    @pytest.fixture
    def entitlement(self, stand_in: StandIn, quiet_inbox: Inbox, catalogue: Catalogue) -> str:
        assert quiet_inbox
        feature = make(stand_in, "entitlements.feature")["id"]
        fields = {"customer": catalogue.customer, "feature": feature}
        return str(stand_in.create("entitlements.active_entitlement", fields)["id"])

    def test_entitlements_are_listed_by_customer(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue, entitlement: str
    ) -> None:
        listed = sdk.v1.entitlements.active_entitlements.list({"customer": catalogue.customer})
        assert [each.id for each in listed.data] == [entitlement]
        read = sdk.v1.entitlements.active_entitlements.retrieve(entitlement)
        assert not {"customer", "created"} & set(read.to_dict())
        other = stand_in.create("customer")["id"]
        assert sdk.v1.entitlements.active_entitlements.list({"customer": other}).data == []

    def test_a_list_needs_the_customer(self, wire: Wire) -> None:
        assert wire.get("/v1/entitlements/active_entitlements").status == 400
        assert wire.get("/v1/entitlements/active_entitlements?customer=cus_x").status == 400
        assert wire.get("/v1/billing/credit_balance_transactions").status == 400

    def test_every_change_has_an_event_of_the_customers_summary(
        self, stand_in: StandIn, sdk: stripe.StripeClient, quiet_inbox: Inbox, catalogue: Catalogue, entitlement: str
    ) -> None:
        stand_in.remove(entitlement)
        stand_in.settle()
        name = "v1.entitlements.active_entitlement_summary.updated"
        assert quiet_inbox.types == [name, name]
        assert "related_object" not in quiet_inbox.received[0].notification
        event = sdk.v2.core.events.retrieve(quiet_inbox.received[0].notification["id"])
        assert event.to_dict()["data"] == {"customer": catalogue.customer}

    def test_the_data_can_be_left_out(self, stand_in: StandIn, wire: Wire, entitlement: str) -> None:
        stand_in.faults(entitlement_data="none")
        stand_in.remove(entitlement)
        assert wire.get(f"/v2/core/events/{stand_in.events()[-1]['id']}").body["data"] is None

    def test_the_truth_has_the_whole_list(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, entitlement: str
    ) -> None:
        path = f"/v1/entitlements/active_entitlements?customer={catalogue.customer}"
        (truth,) = stand_in.objects("entitlements.active_entitlement_summary")
        assert (truth["id"], truth["path"]) == (path, path)
        assert truth["body"] == wire.get(path).body
        stand_in.remove(entitlement)
        (truth,) = stand_in.objects("entitlements.active_entitlement_summary")
        assert truth["body"]["data"] == []
        stand_in.announce(path)

    def test_a_whole_summary_can_be_put(self, stand_in: StandIn, wire: Wire) -> None:
        data = [{"id": f"ent_{n}", "object": "entitlements.active_entitlement"} for n in range(2)]
        name = "entitlements.active_entitlement_summary"
        identifier = stand_in.put(name, {"object": "list", "data": data}, parent="cus_1")
        assert wire.ids(identifier) == ["ent_1", "ent_0"]


class TestDeletion:
    def test_only_a_deleted_customer_has_a_stub(self, stand_in: StandIn, wire: Wire) -> None:
        for name, path in (("coupon", "/v1/coupons"), ("invoice", "/v1/invoices")):
            made = make(stand_in, name)["id"]
            stand_in.remove(made)
            assert wire.get(f"{path}/{made}").body["error"]["code"] == "resource_missing"
            assert stand_in.events()[-1]["type"] == f"v1.{name}.deleted"

    def test_an_invoice_item_has_a_date_instead(self, stand_in: StandIn, wire: Wire) -> None:
        item = make(stand_in, "invoiceitem")
        assert "created" not in item
        assert wire.ids(f"/v1/invoiceitems?created[gte]={item['date']}") == [item["id"]]
        assert wire.ids(f"/v1/invoiceitems?created[gt]={item['date']}") == []
