"""The shapes and lives of the objects."""

import pytest

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import Catalogue, Inbox, Wire

SUBSCRIPTION = "v2.billing.rate_card_subscription"


@pytest.fixture
def quiet_inbox(catalogue: Catalogue, inbox: Inbox) -> Inbox:
    """The endpoint, after the catalogue's own events."""
    assert catalogue
    return inbox


class TestRateCards:
    def rates(self, wire: Wire, card: str, version: str = "") -> set[str]:
        return set(
            wire.ids(f"/v2/billing/rate_cards/{card}/rates" + (f"?rate_card_version={version}" if version else ""))
        )

    def test_a_new_rate_makes_a_version_that_becomes_live(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        path = f"/v2/billing/rate_cards/{catalogue.card}"
        first = wire.get(path).body["live_version"]
        rate = stand_in.create(
            "v2.billing.rate_card_rate",
            {"metered_item": catalogue.item, "unit_amount": "2"},
            parent=catalogue.card,
        )
        second = wire.get(path).body["live_version"]
        assert rate["rate_card_version"] == second
        assert wire.ids(f"{path}/versions") == [second, first]
        stand_in.settle()
        assert sorted(inbox.types) == [
            "v2.billing.rate_card_rate.created",
            "v2.billing.rate_card_version.created",
        ]

    def test_every_version_keeps_its_own_rates(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        (kept,) = self.rates(wire, catalogue.card)
        rate = stand_in.create("v2.billing.rate_card_rate", {"metered_item": catalogue.item}, parent=catalogue.card)[
            "id"
        ]
        stand_in.remove(rate)
        newest, middle, oldest = wire.ids(f"/v2/billing/rate_cards/{catalogue.card}/versions")
        assert self.rates(wire, catalogue.card, newest) == {kept}
        assert self.rates(wire, catalogue.card, middle) == {kept, rate}
        assert self.rates(wire, catalogue.card, oldest) == {kept}
        assert self.rates(wire, catalogue.card) == {kept}

    @pytest.mark.parametrize(("setting", "status"), [("not_found", 404), ("retrievable", 200)])
    def test_a_removed_rate_answers_as_the_setting_says(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, setting: str, status: int
    ) -> None:
        stand_in.faults(removed_rates=setting)
        (rate,) = self.rates(wire, catalogue.card)
        stand_in.remove(rate)
        assert wire.get(f"/v2/billing/rate_cards/{catalogue.card}/rates/{rate}").status == status
        (truth,) = stand_in.objects("v2.billing.rate_card_rate")
        assert truth["removed"]
        assert (truth["body"] is None) == (status == 404)

    def test_the_removal_of_a_rate_has_only_the_new_versions_event(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        (rate,) = self.rates(wire, catalogue.card)
        stand_in.remove(rate)
        stand_in.settle()
        assert quiet_inbox.types == ["v2.billing.rate_card_version.created"]

    def test_a_card_with_several_rates_has_one_version(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        rates = [{"metered_item": catalogue.item, "unit_amount": "1"}] * 3
        card = stand_in.create("v2.billing.rate_card", {"display_name": "Big", "rates": rates})
        assert wire.ids(f"/v2/billing/rate_cards/{card['id']}/versions") == [card["live_version"]]
        assert len(self.rates(wire, card["id"], card["live_version"])) == 3

    def test_a_version_can_be_made_with_the_same_rates(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        before = self.rates(wire, catalogue.card)
        version = stand_in.create("v2.billing.rate_card_version", parent=catalogue.card)
        assert wire.get(f"/v2/billing/rate_cards/{catalogue.card}").body["live_version"] == version["id"]
        assert self.rates(wire, catalogue.card) == before

    def test_a_rate_embeds_its_item_and_writes_decimals_as_text(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        tiers = [{"up_to_decimal": 10, "unit_amount": "1.5"}, {"up_to_inf": "inf", "unit_amount": "1"}]
        rate = stand_in.create(
            "v2.billing.rate_card_rate",
            {
                "metered_item": catalogue.item,
                "tiers": tiers,
                "transform_quantity": {"divide_by": 10, "round": "up"},
            },
            parent=catalogue.card,
        )
        assert rate["metered_item"]["object"] == "v2.billing.metered_item"
        assert rate["tiers"][0]["up_to_decimal"] == "10"
        assert rate["transform_quantity"]["divide_by"] == "10"

    def test_a_change_that_fails_halfway_leaves_nothing(self, stand_in: StandIn, wire: Wire) -> None:
        with pytest.raises(ControlError):
            stand_in.create("v2.billing.rate_card", {"display_name": "x", "rates": [{"metered_item": "bli_x"}]})
        assert stand_in.objects("v2.billing.rate_card") == []
        assert wire.ids("/v2/billing/rate_cards") == []

    def test_a_rate_is_found_only_under_its_own_card(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        other = stand_in.create("v2.billing.rate_card", {"display_name": "Other"})["id"]
        (rate,) = self.rates(wire, catalogue.card)
        assert wire.get(f"/v2/billing/rate_cards/{other}/rates/{rate}").status == 404


class TestSubscriptions:
    @pytest.fixture
    def subscription(self, stand_in: StandIn, catalogue: Catalogue) -> str:
        return str(stand_in.create(SUBSCRIPTION, catalogue.subscription_fields)["id"])

    def test_a_new_subscription_is_active_on_the_live_version_and_omits_nulls(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        made = stand_in.create(SUBSCRIPTION, catalogue.subscription_fields)
        card = wire.get(f"/v2/billing/rate_cards/{catalogue.card}").body
        assert made["rate_card_version"] == card["live_version"]
        assert (made["servicing_status"], made["collection_status"]) == ("active", "current")
        assert list(made["servicing_status_transitions"]) == ["activated_at"]
        assert "test_clock" not in made
        assert made["id"].startswith("rcds_test_61")

    def test_activation_has_two_events_and_creation_none(
        self, stand_in: StandIn, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        stand_in.create(SUBSCRIPTION, catalogue.subscription_fields)
        stand_in.settle()
        assert sorted(quiet_inbox.types) == [f"{SUBSCRIPTION}.activated", f"{SUBSCRIPTION}.servicing_activated"]

    def test_a_pending_subscription_has_no_event(
        self, stand_in: StandIn, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        stand_in.create(SUBSCRIPTION, catalogue.subscription_fields | {"servicing_status": "pending"})
        stand_in.settle()
        assert quiet_inbox.types == []

    @pytest.mark.parametrize(
        ("to", "names", "stamp"),
        [
            ("paused", ["servicing_paused"], "paused_at"),
            ("canceled", ["canceled", "servicing_canceled"], "canceled_at"),
            ("past_due", ["collection_past_due"], "past_due_at"),
            ("unpaid", ["collection_unpaid"], "unpaid_at"),
            ("collection_paused", ["collection_paused"], "paused_at"),
            (
                "awaiting_customer_action",
                ["collection_awaiting_customer_action"],
                "awaiting_customer_action_at",
            ),
        ],
    )
    def test_each_transition_has_its_events_and_its_time(
        self, stand_in: StandIn, subscription: str, inbox: Inbox, to: str, names: list[str], stamp: str
    ) -> None:
        stand_in.settle()
        inbox.received.clear()
        after = stand_in.transition(subscription, to)
        stand_in.settle()
        assert sorted(inbox.types) == [f"{SUBSCRIPTION}.{name}" for name in names]
        status = "collection" if names[0].startswith("collection") else "servicing"
        assert stamp in after[f"{status}_status_transitions"]

    def test_metadata_is_merged_without_an_event(
        self, stand_in: StandIn, catalogue: Catalogue, subscription: str, inbox: Inbox
    ) -> None:
        assert catalogue
        stand_in.settle()
        inbox.received.clear()
        stand_in.update(subscription, {"metadata": {"a": "1", "b": "2"}})
        after = stand_in.update(subscription, {"metadata": {"a": None}})
        stand_in.settle()
        assert after["metadata"] == {"b": "2"}
        assert inbox.types == []

    def test_a_canceled_subscription_refuses_update_and_cancel(self, stand_in: StandIn, subscription: str) -> None:
        stand_in.transition(subscription, "canceled")
        with pytest.raises(ControlError, match="invalid_rate_card_subscription_status_for_update"):
            stand_in.update(subscription, {"metadata": {"a": "1"}})
        with pytest.raises(ControlError, match="invalid_rate_card_subscription_status_for_cancel"):
            stand_in.transition(subscription, "canceled")
        assert stand_in.transition(subscription, "unpaid")["collection_status"] == "unpaid"

    def test_there_is_one_per_cadence_and_card(
        self, stand_in: StandIn, catalogue: Catalogue, subscription: str
    ) -> None:
        with pytest.raises(ControlError, match="rate_card_subscription_already_exists"):
            stand_in.create(SUBSCRIPTION, catalogue.subscription_fields)
        stand_in.transition(subscription, "canceled")
        assert stand_in.create(SUBSCRIPTION, catalogue.subscription_fields)["id"] != subscription


class TestOthers:
    def test_a_billed_cadence_moves_its_next_date_and_names_the_invoice(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        before = wire.get(f"/v2/billing/cadences/{catalogue.cadence}").body["next_billing_date"]
        after = stand_in.transition(catalogue.cadence, "billed")["next_billing_date"]
        stand_in.settle()
        event = wire.get(f"/v2/core/events/{quiet_inbox.received[-1].notification['id']}").body
        assert after > before
        assert event["type"] == "v2.billing.cadence.billed"
        assert len(event["data"]["invoices"]) == 1

    def test_a_cadence_has_an_event_for_cancellation_but_none_for_an_update(
        self, stand_in: StandIn, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        stand_in.update(catalogue.cadence, {"lookup_key": "x"})
        stand_in.transition(catalogue.cadence, "canceled")
        stand_in.settle()
        assert quiet_inbox.types == ["v2.billing.cadence.canceled"]
        with pytest.raises(ControlError):
            stand_in.transition(catalogue.cadence, "billed")

    def test_a_deleted_customer_stays_as_a_stub(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        stand_in.remove(catalogue.customer)
        stand_in.settle()
        reply = wire.get(f"/v1/customers/{catalogue.customer}")
        assert reply.body == {"id": catalogue.customer, "object": "customer", "deleted": True}
        assert quiet_inbox.types == ["v1.customer.deleted"]
        assert wire.ids("/v1/customers") == []

    def test_another_deleted_v1_object_is_missing(self, stand_in: StandIn, wire: Wire) -> None:
        product = stand_in.create("product", {"name": "Calls"})
        assert isinstance(product["created"], int)
        stand_in.remove(product["id"])
        assert wire.get(f"/v1/products/{product['id']}").body["error"]["code"] == "resource_missing"

    def test_a_meter_is_deactivated_with_two_events_and_a_time(
        self, stand_in: StandIn, catalogue: Catalogue, quiet_inbox: Inbox
    ) -> None:
        meter = stand_in.transition(catalogue.meter, "inactive")
        stand_in.settle()
        assert meter["status_transitions"]["deactivated_at"] == meter["updated"]
        assert sorted(quiet_inbox.types) == ["v1.billing.meter.deactivated", "v1.billing.meter.updated"]
