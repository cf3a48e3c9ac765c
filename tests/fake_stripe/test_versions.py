"""The versions of plans, license fees and settings, and of a card's overage rates."""

from typing import Any

import pytest

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import Inbox, Wire
from tests.fake_stripe.makers import make

COMPONENT = "v2.billing.pricing_plan_component"


def event_data(stand_in: StandIn, wire: Wire, event_type: str) -> dict[str, Any]:
    (event,) = [each for each in stand_in.events() if each["type"] == event_type]
    data: dict[str, Any] = wire.get(f"/v2/core/events/{event['id']}").body["data"]
    return data


class TestPricingPlans:
    @pytest.fixture
    def plan(self, stand_in: StandIn) -> str:
        components = [{"type": "rate_card", "rate_card": {"id": "rcd_1"}, "lookup_key": "a"}]
        return str(stand_in.create("v2.billing.pricing_plan", {"display_name": "x", "components": components})["id"])

    def test_every_version_keeps_its_own_components(self, stand_in: StandIn, wire: Wire, plan: str) -> None:
        path = f"/v2/billing/pricing_plans/{plan}"
        (first,) = wire.ids(f"{path}/components")
        second = stand_in.create(COMPONENT, {"type": "license_fee"}, parent=plan)["id"]
        stand_in.remove(first)
        newest, middle, oldest = wire.ids(f"{path}/versions")
        assert wire.get(path).body["live_version"] == newest
        assert wire.ids(f"{path}/components") == [second]
        assert set(wire.ids(f"{path}/components?pricing_plan_version={middle}")) == {first, second}
        assert wire.ids(f"{path}/components?pricing_plan_version={oldest}") == [first]

    def test_the_removal_of_a_component_has_only_the_new_versions_event(
        self, stand_in: StandIn, wire: Wire, plan: str, inbox: Inbox
    ) -> None:
        (component,) = wire.ids(f"/v2/billing/pricing_plans/{plan}/components")
        stand_in.remove(component)
        stand_in.settle()
        assert inbox.types == ["v2.billing.pricing_plan_version.created"]
        assert wire.get(f"/v2/billing/pricing_plans/{plan}/components/{component}").status == 404

    def test_the_events_of_components_and_versions_name_the_plan(
        self, stand_in: StandIn, wire: Wire, plan: str
    ) -> None:
        (component,) = wire.ids(f"/v2/billing/pricing_plans/{plan}/components")
        stand_in.update(component, {"lookup_key": "b"})
        for name in (f"{COMPONENT}.created", f"{COMPONENT}.updated", "v2.billing.pricing_plan_version.created"):
            assert event_data(stand_in, wire, name) == {"pricing_plan_id": plan}

    def test_components_are_found_by_key_or_by_version(self, wire: Wire, plan: str) -> None:
        path = f"/v2/billing/pricing_plans/{plan}"
        version = wire.get(path).body["live_version"]
        assert len(wire.ids(f"{path}/components?lookup_keys[0]=a")) == 1
        assert wire.ids(f"{path}/components?lookup_keys[0]=b") == []
        both = f"lookup_keys[0]=a&pricing_plan_version={version}"
        assert wire.get(f"{path}/components?{both}").status == 400

    def test_a_subscription_is_to_the_live_version(self, stand_in: StandIn, plan: str, inbox: Inbox) -> None:
        cadence = make(stand_in, "v2.billing.cadence")["id"]
        stand_in.settle()
        inbox.received.clear()
        name = "v2.billing.pricing_plan_subscription"
        made = stand_in.create(name, {"billing_cadence": cadence, "pricing_plan": plan})
        assert made["pricing_plan_version"] == stand_in.objects("v2.billing.pricing_plan")[0]["body"]["live_version"]
        assert made["discount_details"] is None
        stand_in.transition(made["id"], "past_due")
        stand_in.transition(made["id"], "canceled")
        stand_in.settle()
        assert sorted(inbox.types) == sorted(
            f"{name}.{each}" for each in ("servicing_activated", "collection_past_due", "servicing_canceled")
        )
        with pytest.raises(ControlError, match="invalid_pricing_plan_subscription_status_for_update"):
            stand_in.update(made["id"], {"metadata": {"a": "1"}})


class TestOverageRates:
    def test_a_card_has_overage_rates_beside_its_rates(self, stand_in: StandIn, wire: Wire) -> None:
        overage = make(stand_in, "v2.billing.rate_card_custom_pricing_unit_overage_rate")
        card = overage["rate_card"]
        assert overage["one_time_item"]["object"] == "v2.billing.one_time_item"
        assert set(event_data(stand_in, wire, f"{overage['object']}.created")) == {
            "created",
            "custom_pricing_unit",
            "rate_card",
            "rate_card_version",
        }
        item = make(stand_in, "v2.billing.metered_item")["id"]
        rate = stand_in.create("v2.billing.rate_card_rate", {"metered_item": item}, parent=card)["id"]
        path = f"/v2/billing/rate_cards/{card}"
        assert wire.ids(f"{path}/rates") == [rate]
        assert wire.ids(f"{path}/custom_pricing_unit_overage_rates") == [overage["id"]]
        stand_in.remove(overage["id"])
        assert wire.ids(f"{path}/rates") == [rate]
        assert wire.ids(f"{path}/custom_pricing_unit_overage_rates") == []


class TestOwnFields:
    def test_a_license_fee_has_a_version_per_price(self, stand_in: StandIn, wire: Wire, inbox: Inbox) -> None:
        fee = make(stand_in, "v2.billing.license_fee")
        assert fee["licensed_item"]["object"] == "v2.billing.licensed_item"
        stand_in.settle()
        inbox.received.clear()
        stand_in.update(fee["id"], {"unit_amount": "5"})
        stand_in.update(fee["id"], {"display_name": "y"})
        stand_in.settle()
        path = f"/v2/billing/license_fees/{fee['id']}"
        newest, oldest = wire.ids(f"{path}/versions")
        assert wire.get(path).body["live_version"] == newest
        amounts = [wire.get(f"{path}/versions/{version}").body["unit_amount"] for version in (newest, oldest)]
        assert amounts == ["5", None]
        assert sorted(inbox.types) == [
            "v2.billing.license_fee.updated",
            "v2.billing.license_fee.updated",
            "v2.billing.license_fee_version.created",
        ]

    def test_the_versions_of_a_setting_do_not_name_it(self, stand_in: StandIn, wire: Wire) -> None:
        setting = stand_in.create("v2.billing.bill_setting", {"invoice_rendering_template": "a"})
        version = stand_in.create(
            "v2.billing.bill_setting_version", {"invoice_rendering_template": "b"}, parent=setting["id"]
        )
        path = f"/v2/billing/bill_settings/{setting['id']}"
        now = wire.get(path).body
        assert (now["live_version"], now["latest_version"]) == (version["id"], version["id"])
        assert now["invoice_rendering_template"] == "b"
        assert setting["id"] not in str(wire.get(f"{path}/versions/{version['id']}").body)
        assert wire.ids(f"{path}/versions") == [version["id"], setting["live_version"]]
        other = stand_in.create("v2.billing.bill_setting")["id"]
        assert wire.get(f"/v2/billing/bill_settings/{other}/versions/{version['id']}").status == 404
        assert stand_in.events() == []


class TestAgreements:
    def test_a_contract_has_an_event_for_every_status(self, stand_in: StandIn, wire: Wire, inbox: Inbox) -> None:
        contract = make(stand_in, "v2.billing.contract")
        stand_in.transition(contract["id"], "active")
        stand_in.transition(contract["id"], "blocked")
        stand_in.settle()
        names = {each.rpartition(".")[2] for each in inbox.types if each.startswith("v2.billing.contract.")}
        assert names == {"created", "updated", "activated", "collection_blocked"}
        path = f"/v2/billing/contracts/{contract['id']}"
        assert wire.get(path).body["pricing_lines"] is None
        assert wire.get(f"{path}?include[0]=pricing_lines").body["pricing_lines"] == {"data": []}
        assert wire.ids(f"/v2/billing/contracts?customer={contract['customer']}") == [contract["id"]]
        assert wire.get(path).body["status_transitions"]["activated_at"]

    def test_money_is_a_number_and_units_are_text(self, stand_in: StandIn) -> None:
        amount = {"type": "monetary", "monetary": {"value": 100, "currency": "usd"}}
        units = {"type": "custom_pricing_unit", "custom_pricing_unit": {"id": "cpu_1", "value": 7}}
        for each, value in ((amount, 100), (units, "7")):
            fields = {"type": "credit_grant", "credit_grant": {"name": "x", "amount": each}}
            shown = stand_in.create("v2.billing.service_action", fields)["credit_grant"]["amount"]
            assert shown[shown["type"]]["value"] == value

    def test_a_spend_modifier_is_listed_while_it_is_in_force(self, stand_in: StandIn, wire: Wire) -> None:
        cadence = make(stand_in, "v2.billing.cadence")["id"]
        spend = {"effective_from": "2026-01-01T00:00:00.000Z", "effective_until": None}
        fields = {"max_billing_period_spend": spend}
        made = stand_in.create("v2.billing.cadence_spend_modifier", fields, parent=cadence)["id"]
        path = f"/v2/billing/cadences/{cadence}/spend_modifier_rules"
        assert wire.ids(path) == [made]
        assert wire.ids(f"{path}?effective_at=2026-02-01T00:00:00.000Z") == [made]
        assert wire.ids(f"{path}?effective_at=2025-02-01T00:00:00.000Z") == []
