"""Objects put as they are, and events about what did not change."""

from decimal import Decimal

import pytest
import stripe

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import Catalogue, Inbox, Wire


class TestPut:
    def test_a_body_is_kept_unchanged_and_without_an_event(self, stand_in: StandIn, wire: Wire, inbox: Inbox) -> None:
        body = {"id": "prod_1", "object": "product", "name": "x", "novel": [{"a": None}]}
        assert stand_in.put("product", body) == "prod_1"
        stand_in.settle()
        assert wire.get("/v1/products/prod_1").body == body
        assert wire.ids("/v1/products") == ["prod_1"]
        assert inbox.received == []
        assert stand_in.events() == []

    def test_a_second_body_replaces_the_first(self, stand_in: StandIn, wire: Wire) -> None:
        for name in ("old", "new"):
            stand_in.put("product", {"id": "prod_1", "name": name})
        assert wire.get("/v1/products/prod_1").body["name"] == "new"
        assert len(wire.ids("/v1/products")) == 1

    def test_a_nested_body_is_listed_by_the_version_that_it_names(self, stand_in: StandIn, wire: Wire) -> None:
        rate = {"id": "rcdr_1", "rate_card": "rcd_1", "rate_card_version": "rcdv_1", "metered_item": "bli_1"}
        stand_in.put("v2.billing.rate_card_rate", rate)
        assert wire.get("/v2/billing/rate_cards/rcd_1/rates/rcdr_1").body == rate
        stand_in.put("v2.billing.rate_card", {"id": "rcd_1", "live_version": "rcdv_1"})
        stand_in.put("v2.billing.rate_card_version", {"id": "rcdv_1", "rate_card_id": "rcd_1"})
        assert wire.ids("/v2/billing/rate_cards/rcd_1/rates") == ["rcdr_1"]
        assert wire.get("/v2/billing/rate_cards/rcd_2/rates/rcdr_1").status == 404
        stand_in.remove("rcdr_1")
        assert wire.ids("/v2/billing/rate_cards/rcd_1/rates") == []
        assert wire.ids("/v2/billing/rate_cards/rcd_1/rates?rate_card_version=rcdv_1") == ["rcdr_1"]

    def test_a_parent_is_given_where_the_body_has_none(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.put("v2.billing.intent_action", {"id": "binta_1", "type": "apply"}, parent="bint_1")
        assert wire.get("/v2/billing/intents/bint_1/actions/binta_1").status == 200
        assert wire.ids("/v2/billing/intents/bint_1/actions") == ["binta_1"]
        with pytest.raises(ControlError, match="parent"):
            stand_in.put("v2.billing.intent_action", {"id": "binta_2", "type": "apply"})

    def test_two_accounts_may_hold_the_same_id(self, stand_in: StandIn, wire: Wire) -> None:
        for context, name in ((None, "own"), ("acct_1", "theirs")):
            stand_in.put("product", {"id": "prod_1", "name": name}, context=context)
        stand_in.update("prod_1", {"name": "changed"}, context="acct_1")
        assert wire.get("/v1/products/prod_1").body["name"] == "own"
        assert wire.get("/v1/products/prod_1", Stripe_Context="acct_1").body["name"] == "changed"
        assert [each["context"] for each in stand_in.objects("product")] == [None, "acct_1"]

    def test_numbers_keep_all_of_their_digits(self, stand_in: StandIn, wire: Wire) -> None:
        exact = Decimal("0.1234567890123456789012345")
        stand_in.put("coupon", {"id": "c", "percent_off": exact})
        assert b"0.1234567890123456789012345" in wire.open("/v1/coupons/c").read()
        assert stand_in.objects("coupon")[0]["body"]["percent_off"] == exact


class TestAnnounce:
    def test_an_event_comes_without_a_change(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        identifier = stand_in.announce(catalogue.customer)
        stand_in.settle()
        assert inbox.types == ["v1.customer.updated"]
        event = sdk.v2.core.events.retrieve(identifier)
        assert isinstance(event, stripe.events.V1CustomerUpdatedEvent)

    def test_the_event_can_be_chosen(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        subscription = stand_in.create("subscription", {"customer": catalogue.customer})["id"]
        stand_in.announce(subscription, "trial_will_end")
        assert stand_in.events()[-1]["type"] == "v1.customer.subscription.trial_will_end"
        with pytest.raises(ControlError):
            stand_in.announce(subscription, "exploded")

    def test_what_has_no_events_cannot_be_announced(self, stand_in: StandIn) -> None:
        with pytest.raises(ControlError):
            stand_in.announce(stand_in.create("v2.billing.profile")["id"])

    def test_the_account_is_the_context_given(self, stand_in: StandIn) -> None:
        for context in (None, "acct_1"):
            stand_in.put("product", {"id": "prod_1"}, context=context)
        stand_in.announce("prod_1", context="acct_1")
        assert [each["context"] for each in stand_in.events()] == ["acct_1"]
