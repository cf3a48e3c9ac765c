"""Event destinations, by Stripe's own calls."""

from collections.abc import Iterator

import pytest
import stripe
from stripe.params.v2.core import EventDestinationCreateParams

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import KEY, LIVE_KEY, PREVIEW, Inbox, listening

SECRET, URL = "webhook_endpoint.signing_secret", "webhook_endpoint.url"


def webhook(inbox: Inbox, *events: str) -> EventDestinationCreateParams:
    return {
        "name": "Mirror",
        "type": "webhook_endpoint",
        "event_payload": "thin",
        "enabled_events": [*events],
        "webhook_endpoint": {"url": inbox.url},
        "include": [SECRET, URL],
    }


@pytest.fixture
def empty() -> Iterator[Inbox]:
    """An endpoint to which nothing is sent yet."""
    with listening() as inbox:
        yield inbox


class TestEventDestinations:
    def test_the_sdk_lists_them(self, stand_in: StandIn, sdk: stripe.StripeClient) -> None:
        stand_in.destination("https://example.com/hook", ["whsec_1"], events=["v1.invoice.paid"], enabled=False)
        (shown,) = sdk.v2.core.event_destinations.list({"include": ["webhook_endpoint.url"]}).data
        assert (shown.status, shown.event_payload, shown.enabled_events) == ("disabled", "thin", ["v1.invoice.paid"])
        assert shown.webhook_endpoint is not None
        assert shown.webhook_endpoint.url == "https://example.com/hook"

    def test_the_url_is_shown_on_request_only(self, stand_in: StandIn, sdk: stripe.StripeClient) -> None:
        stand_in.destination("https://example.com/hook", ["whsec_1"])
        (shown,) = sdk.v2.core.event_destinations.list().data
        assert shown.webhook_endpoint is not None
        assert shown.webhook_endpoint.url is None


class TestChanges:
    def test_the_secret_is_shown_once_and_signs(
        self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox
    ) -> None:
        made = sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        assert made.webhook_endpoint is not None
        secret = made.webhook_endpoint.signing_secret
        assert secret is not None
        (shown,) = sdk.v2.core.event_destinations.list({"include": [URL]}).data
        assert shown.webhook_endpoint is not None
        assert (shown.id, shown.webhook_endpoint.signing_secret) == (made.id, None)
        stand_in.create("product", {"name": "Seats"})
        stand_in.settle()
        (received,) = empty.received
        assert sdk.parse_event_notification(received.body, received.signature, secret).type == "v1.product.created"

    def test_only_enabled_events_of_its_mode_are_sent(
        self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox
    ) -> None:
        made = sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        stand_in.create("customer", {})
        stand_in.create("product", {"name": "Live"}, livemode=True)
        sdk.v2.core.event_destinations.disable(made.id)
        stand_in.create("product", {"name": "While disabled"})
        sdk.v2.core.event_destinations.enable(made.id)
        sdk.v2.core.event_destinations.update(made.id, {"enabled_events": ["v1.customer.created"]})
        stand_in.create("product", {"name": "No longer"})
        stand_in.create("customer", {})
        stand_in.settle()
        assert empty.types == ["v1.customer.created"]

    def test_events_of_connected_accounts_are_sent_where_they_are_wanted(
        self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox
    ) -> None:
        wanted = webhook(empty, "v1.product.created")
        assert sdk.v2.core.event_destinations.create(wanted).events_from == ["@self"]
        stand_in.create("product", {"name": "Unwanted"}, context="acct_1")
        sdk.v2.core.event_destinations.create({**wanted, "events_from": ["@accounts"]})
        stand_in.create("product", {"name": "Wanted"}, context="acct_1")
        stand_in.settle()
        assert [one.notification["context"] for one in empty.received] == ["acct_1"]

    def test_a_ping_goes_to_its_destination_and_can_be_fetched(
        self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox
    ) -> None:
        made = sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        ping = sdk.v2.core.event_destinations.ping(made.id)
        stand_in.settle()
        assert [each.notification["id"] for each in empty.received] == [ping.id]
        assert empty.received[0].notification["related_object"]["id"] == made.id
        assert sdk.v2.core.events.retrieve(ping.id).type == "v2.core.event_destination.ping"

    def test_an_event_bridge_destination_names_its_source(self, sdk: stripe.StripeClient, empty: Inbox) -> None:
        made = sdk.v2.core.event_destinations.create(
            {
                "name": "Mirror",
                "type": "amazon_eventbridge",
                "event_payload": "thin",
                "enabled_events": ["v1.product.created"],
                "amazon_eventbridge": {"aws_account_id": "123456789012", "aws_region": "eu-central-1"},
            }
        )
        assert made.amazon_eventbridge is not None
        source = f"arn:aws:events:eu-central-1::event-source/aws.partner/stripe.com/{made.id}"
        assert made.amazon_eventbridge.aws_event_source_arn == source
        assert sdk.v2.core.event_destinations.ping(made.id).id.startswith("evt_test_")
        assert empty.received == []

    def test_a_deleted_one_is_unknown_to_all_calls(self, sdk: stripe.StripeClient, empty: Inbox) -> None:
        made = sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        assert sdk.v2.core.event_destinations.delete(made.id).id == made.id
        assert sdk.v2.core.event_destinations.list().data == []
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v2.core.event_destinations.ping(made.id)

    def test_a_live_key_sees_its_own(self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox) -> None:
        sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        live = stripe.StripeClient(LIVE_KEY, stripe_version=PREVIEW, base_addresses={"api": stand_in.api_base})
        assert live.v2.core.event_destinations.list().data == []

    def test_a_key_may_be_read_only(self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox) -> None:
        stand_in.key(KEY, read_only=True)
        with pytest.raises(stripe.PermissionError):
            sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created"))
        assert sdk.v2.core.event_destinations.list().data == []

    def test_event_types_can_be_refused(self, stand_in: StandIn, sdk: stripe.StripeClient, empty: Inbox) -> None:
        stand_in.faults(refused_event_types="v2.billing.")
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v2.core.event_destinations.create(webhook(empty, "v2.billing.rate_card.created"))
        assert sdk.v2.core.event_destinations.create(webhook(empty, "v1.product.created")).status == "enabled"
