"""Signatures, retries, and notifications that are lost, repeated, late or out of order."""

from collections import Counter

import pytest
import stripe

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import SECRET, Inbox, Wire


def customers(stand_in: StandIn, count: int) -> list[str]:
    return [stand_in.create("customer")["id"] for _ in range(count)]


def related(inbox: Inbox) -> list[str]:
    return [each.notification["related_object"]["id"] for each in inbox.received]


class TestSignature:
    def test_each_secret_signs(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.destination(inbox.url, [SECRET, "whsec_second"])
        customers(stand_in, 1)
        stand_in.settle()
        (received,) = inbox.received
        assert received.signature.count("v1=") == 2
        for secret in (SECRET, "whsec_second"):
            assert stripe.WebhookSignature.verify_header(received.body, received.signature, secret, 300)

    def test_another_secret_does_not_verify(self, stand_in: StandIn, inbox: Inbox) -> None:
        customers(stand_in, 1)
        stand_in.settle()
        (received,) = inbox.received
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(received.body, received.signature, "whsec_other")


class TestRetries:
    @pytest.mark.parametrize("refusal", [500, 400, 302])
    def test_any_answer_but_2xx_is_retried_with_the_same_event(
        self, stand_in: StandIn, inbox: Inbox, refusal: int
    ) -> None:
        inbox.statuses = [refusal]
        customers(stand_in, 1)
        assert stand_in.settle()
        first, second = inbox.received
        assert first.body == second.body
        assert stripe.WebhookSignature.verify_header(second.body, second.signature, SECRET, 300)
        assert stand_in.deliveries()["deliveries"][0]["attempts"] == [refusal, 200]

    def test_a_retry_is_signed_with_its_own_time(self, stand_in: StandIn, inbox: Inbox) -> None:
        inbox.statuses = [500, 500, 500]
        customers(stand_in, 1)
        assert stand_in.settle()
        times = {each.signature.partition(",")[0] for each in inbox.received}
        assert len(times) > 1

    def test_a_delivery_fails_after_its_last_retry(self, stand_in: StandIn) -> None:
        stand_in.faults(delivery_tries=2)
        stand_in.destination("http://127.0.0.1:1/closed", [SECRET])
        customers(stand_in, 1)
        assert stand_in.settle()
        report = stand_in.deliveries()
        assert (report["failed"], report["attempts"]) == (1, 2)
        assert report["statuses"] == {"ConnectionRefusedError": 2}


class TestFaults:
    def test_dropped_events_exist_but_never_arrive(self, stand_in: StandIn, inbox: Inbox, wire: Wire) -> None:
        stand_in.faults(drop={"count": 2, "types": ["v1.customer.created"]})
        made = customers(stand_in, 3)
        stand_in.settle()
        assert related(inbox) == made[2:]
        dropped = stand_in.deliveries()["dropped"]
        assert len(dropped) == 2
        assert all(wire.get(f"/v2/core/events/{identifier}").status == 200 for identifier in dropped)

    def test_a_dropped_event_can_be_resent(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(drop={})
        made = customers(stand_in, 1)
        stand_in.redeliver(stand_in.deliveries()["dropped"][0])
        stand_in.settle()
        assert related(inbox) == made

    def test_types_limit_a_fault(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(drop={"types": ["v1.product.created"]})
        made = customers(stand_in, 1)
        stand_in.create("product", {"name": "Calls"})
        stand_in.settle()
        assert related(inbox) == made

    def test_duplicates_carry_the_same_event(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(duplicate={"count": 1, "copies": 3})
        customers(stand_in, 2)
        stand_in.settle()
        ids = Counter(each.notification["id"] for each in inbox.received)
        assert sorted(ids.values()) == [1, 3]

    def test_a_delayed_event_arrives_after_a_later_one(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(delay={"count": 1, "seconds": [0.2, 0.3]})
        late, prompt = customers(stand_in, 2)
        stand_in.settle()
        assert related(inbox) == [prompt, late]

    def test_a_window_of_events_arrives_in_another_order(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(reorder={"count": 4, "window": 4})
        made = customers(stand_in, 4)
        stand_in.settle()
        assert sorted(related(inbox)) == sorted(made)
        assert stand_in.deliveries()["delivered"] == 4

    def test_a_window_that_is_not_full_is_sent_after_a_time(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(reorder={"window": 10})
        made = customers(stand_in, 1)
        assert stand_in.settle()
        assert related(inbox) == made

    def test_an_event_whose_answer_is_lost_is_sent_again(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(lost_answer={"count": 1})
        made = customers(stand_in, 1)
        assert stand_in.settle()
        assert related(inbox) == made * 2
        (delivery,) = stand_in.deliveries()["deliveries"]
        assert (delivery["attempts"], delivery["faults"]) == (["lost", 200], ["lost_answer"])

    def test_a_delivery_names_its_faults(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.faults(duplicate={"count": 1}, delay={"count": 1, "seconds": [0.1, 0.1]})
        customers(stand_in, 2)
        assert stand_in.settle()
        said = [delivery["faults"] for delivery in stand_in.deliveries()["deliveries"]]
        assert said == [["duplicate", "delay"], ["duplicate", "delay"], []]
        assert len(inbox.received) == 3

    def test_equal_seeds_drop_the_same_events(self, stand_in: StandIn) -> None:
        def dropped() -> list[int]:
            stand_in.faults(seed=5, drop={"probability": 0.5})
            stand_in.forget_deliveries()
            made = customers(stand_in, 12)
            lost = set(stand_in.deliveries()["dropped"])
            by_object = {event["related_object"]["id"]: event["id"] for event in stand_in.events()}
            return [index for index, customer in enumerate(made) if by_object[customer] in lost]

        first = dropped()
        assert 0 < len(first) < 12
        assert dropped() == first


class TestEmission:
    def test_any_notification_is_sent_as_given(self, stand_in: StandIn, inbox: Inbox, wire: Wire) -> None:
        stand_in.faults(drop={})
        given = {"id": "evt_mine", "object": "v2.core.event", "type": "v9.novelty", "odd": [1]}
        assert stand_in.emit(given) == "evt_mine"
        stand_in.settle()
        assert inbox.received[0].notification == given
        assert wire.get("/v2/core/events/evt_mine").status == 404

    def test_an_emitted_event_can_be_fetched_if_wanted(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.emit({"id": "evt_mine", "type": "v9.novelty"}, fetchable=True, data={"a": 1})
        assert wire.get("/v2/core/events/evt_mine").body["data"] == {"a": 1}

    def test_a_ping_is_parsed_by_the_sdk(self, stand_in: StandIn, sdk: stripe.StripeClient, inbox: Inbox) -> None:
        stand_in.ping()
        stand_in.settle()
        (received,) = inbox.received
        parsed = sdk.parse_event_notification(received.body, received.signature, SECRET)
        assert isinstance(parsed, stripe.events.V2CoreEventDestinationPingEventNotification)
