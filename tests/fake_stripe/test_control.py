"""The control calls: the truth, the counts, and changes without an event."""

from collections.abc import Callable

import pytest

from dev.fake_stripe.client import ControlError, StandIn
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from tests.fake_stripe.harness import Catalogue, Inbox, Wire


class TestTruth:
    def test_it_is_what_get_answers(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        stand_in.create("v2.billing.rate_card_subscription", catalogue.subscription_fields)
        stand_in.remove(catalogue.customer)
        truth = stand_in.objects()
        assert len(truth) == 9
        for each in truth:
            includable = OBJECT_TYPES[each["type"]].includable
            include = "&".join(f"include%5B{index}%5D={name}" for index, name in enumerate(includable))
            assert wire.get(f"{each['path']}?{include}").body == each["body"]

    def test_removed_objects_are_flagged(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        stand_in.remove(catalogue.item)
        (truth,) = stand_in.objects("v2.billing.metered_item")
        assert (truth["removed"], truth["body"]) == (True, None)


class TestSilence:
    def test_a_change_without_event_sends_no_event(self, stand_in: StandIn, catalogue: Catalogue, inbox: Inbox) -> None:
        before = stand_in.events()
        made = stand_in.create("v2.billing.rate_card_subscription", catalogue.subscription_fields, without_event=True)
        stand_in.transition(made["id"], "canceled", without_event=True)
        stand_in.update(made["id"], {"metadata": {"a": "1"}}, without_event=True)
        stand_in.remove(catalogue.customer, without_event=True)
        stand_in.settle()
        assert stand_in.events() == before
        assert inbox.received == []


class TestCounts:
    def test_requests_are_counted_by_endpoint_and_status(
        self, stand_in: StandIn, wire: Wire, catalogue: Catalogue
    ) -> None:
        wire.get(f"/v2/billing/rate_cards/{catalogue.card}")
        wire.get("/v2/billing/rate_cards/rcd_x")
        wire.get("/v1/customers", key="wrong")
        assert stand_in.requests() == {
            "total": 3,
            "by_endpoint": {"GET /v2/billing/rate_cards/{id}": 2, "GET /v1/customers": 1},
            "by_status": {"200": 1, "404": 1, "401": 1},
        }
        stand_in.reset_requests()
        assert stand_in.requests()["total"] == 0

    def test_events_are_counted(self, stand_in: StandIn) -> None:
        before = stand_in.counts()["events"]
        stand_in.create("customer")
        assert stand_in.counts()["events"] == before + 1 == len(stand_in.events())

    def test_each_fault_is_counted_when_it_strikes(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(
            drop={"types": ["v1.customer.created"]},
            api=[{"status": 429, "count": 2}, {"status": 500, "count": 1}, {"slow": 0.01}],
        )
        stand_in.create("customer")
        stand_in.create("product", {"name": "Calls"})
        for _ in range(4):
            wire.get("/v1/customers")
        stand_in.clear_faults()
        assert stand_in.counts()["faults"] == {"drop": 1, "429": 2, "500": 1, "slow 0.01 s": 1}


class TestRefusals:
    def test_invalid_calls_are_refused(self, stand_in: StandIn, catalogue: Catalogue) -> None:
        refused: list[Callable[[], object]] = [
            lambda: stand_in.create("v2.billing.novelty"),
            lambda: stand_in.create("product"),
            lambda: stand_in.create("v2.billing.metered_item", {"display_name": "x", "meter": "mtr_x"}),
            lambda: stand_in.transition(catalogue.customer, "paused"),
            lambda: stand_in.create("customer", {"id": catalogue.customer}),
            lambda: stand_in.destination("elsewhere", ["whsec_x"]),
            lambda: stand_in.destination("http://127.0.0.1:1", []),
            lambda: stand_in.update("cus_x", {}),
            lambda: stand_in.redeliver("evt_x"),
        ]
        for call in refused:
            with pytest.raises(ControlError):
                call()
