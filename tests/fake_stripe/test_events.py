"""The Events API, and the shape of a notification."""

import stripe

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import KEY, SECRET, Catalogue, Inbox, Wire


class TestList:
    def test_the_sdk_pages_through_all_events(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue
    ) -> None:
        assert catalogue
        page = sdk.v2.core.events.list({"limit": 2})
        assert isinstance(page, stripe.v2.ListObject)
        types = [event.type for event in page.auto_paging_iter()]
        assert types == [event["type"] for event in reversed(stand_in.events())]

    def test_the_sdk_filters_by_type_object_and_time(self, sdk: stripe.StripeClient, catalogue: Catalogue) -> None:
        events = sdk.v2.core.events
        types = ["v1.customer.created", "v2.billing.cadence.created"]
        assert {event.type for event in events.list({"types": types}).data} == set(types)
        of_card = events.list({"object_id": catalogue.card}).data
        assert [event.type for event in of_card] == ["v2.billing.rate_card.created"]
        long_ago, far_ahead = "2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00Z"
        assert events.list({"created": {"gte": far_ahead}}).data == []
        assert events.list({"created": {"gt": long_ago, "lte": far_ahead}}).data != []

    def test_a_known_type_becomes_its_class_and_an_unknown_one_a_plain_object(
        self, sdk: stripe.StripeClient, catalogue: Catalogue
    ) -> None:
        (known,) = sdk.v2.core.events.list({"object_id": catalogue.customer}).data
        (unknown,) = sdk.v2.core.events.list({"object_id": catalogue.card}).data
        assert isinstance(known, stripe.v2.core.Event)
        assert type(unknown) is stripe.StripeObject


class TestRetrieve:
    def event_id(self, stand_in: StandIn, event_type: str) -> str:
        return next(str(event["id"]) for event in stand_in.events() if event["type"] == event_type)

    def test_data_is_in_the_fetched_event_only(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        identifier = self.event_id(stand_in, "v2.billing.rate_card_rate.created")
        data = wire.get(f"/v2/core/events/{identifier}").body["data"]
        assert set(data) == {"billable_item", "created", "rate_card", "rate_card_version"}
        assert (data["billable_item"], data["rate_card"]) == (catalogue.item, catalogue.card)
        assert all("data" not in event for event in stand_in.events())

    def test_v1_updates_have_the_changed_fields(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        stand_in.update(catalogue.customer, {"email": "new@example.com"})
        identifier = self.event_id(stand_in, "v1.customer.updated")
        changes = wire.get(f"/v2/core/events/{identifier}").body["changes"]
        assert changes == {"before": {"email": "ada@example.com"}, "after": {"email": "new@example.com"}}

    def test_the_sdk_retrieves_a_v1_event(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue
    ) -> None:
        assert catalogue
        event = sdk.v2.core.events.retrieve(self.event_id(stand_in, "v1.customer.created"))
        assert isinstance(event, stripe.events.V1CustomerCreatedEvent)

    def test_events_expire(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        assert catalogue
        identifier = self.event_id(stand_in, "v1.customer.created")
        stand_in.faults(event_retention_seconds=0)
        assert wire.get(f"/v2/core/events/{identifier}").status == 404
        assert wire.get("/v2/core/events").body["data"] == []


class TestNotification:
    def test_the_sdk_parses_a_notification_and_fetches_its_object(
        self, stand_in: StandIn, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        stand_in.update(catalogue.customer, {"name": "Ada"})
        stand_in.settle()
        (received,) = inbox.received
        client = stripe.StripeClient(KEY, base_addresses={"api": stand_in.api_base})
        parsed = client.parse_event_notification(received.body, received.signature, SECRET)
        assert isinstance(parsed, stripe.events.V1CustomerUpdatedEventNotification)
        assert parsed.fetch_related_object().name == "Ada"
        assert parsed.fetch_event().id == parsed.id

    def test_a_v2_billing_notification_is_unknown_to_the_released_sdk(
        self, stand_in: StandIn, sdk: stripe.StripeClient, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        made = stand_in.create("v2.billing.rate_card_subscription", catalogue.subscription_fields)
        stand_in.settle()
        received = inbox.received[0]
        parsed = sdk.parse_event_notification(received.body, received.signature, SECRET)
        assert isinstance(parsed, stripe.events.UnknownEventNotification)
        assert parsed.related_object is not None
        assert parsed.related_object.url == f"/v2/billing/rate_card_subscriptions/{made['id']}"

    def test_nested_urls_leave_the_parent_unfilled_unless_set_otherwise(
        self, stand_in: StandIn, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        for placeholder in (True, False):
            stand_in.faults(placeholder_urls=placeholder)
            rate = stand_in.create("v2.billing.rate_card_rate", {"metered_item": catalogue.item}, parent=catalogue.card)
            stand_in.settle()
            parent = ":rate_card_id" if placeholder else catalogue.card
            urls = {each.notification["related_object"]["url"] for each in inbox.received}
            assert f"/v2/billing/rate_cards/{parent}/rates/{rate['id']}" in urls

    def test_nulls_can_be_missing_and_unknown_fields_added(
        self, stand_in: StandIn, catalogue: Catalogue, inbox: Inbox
    ) -> None:
        stand_in.transition(catalogue.cadence, "billed")
        stand_in.settle()
        stand_in.faults(null_fields="missing", extra_fields={"surprise": 1})
        stand_in.transition(catalogue.cadence, "billed")
        stand_in.settle()
        first, second = (each.notification for each in inbox.received)
        assert (first["context"], first["reason"]) == (None, None)
        assert "context" not in second
        assert "reason" not in second
        assert second["surprise"] == 1

    def test_a_connected_account_is_its_context(self, stand_in: StandIn, inbox: Inbox) -> None:
        stand_in.create("customer", context="acct_connected")
        stand_in.settle()
        notification = inbox.received[0].notification
        assert notification["context"] == "acct_connected"
        assert notification["reason"]["type"] == "request"
        assert notification["snapshot_event"].startswith("evt_")
