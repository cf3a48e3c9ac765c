"""Keys, versions, accounts, and the shape of errors."""

import socket
from urllib.parse import urlsplit

import pytest
import stripe

from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import KEY, LIVE_KEY, PREVIEW, RELEASED, Catalogue, Wire, create_catalogue

LIST = "/v2/billing/rate_cards"


class TestKeys:
    def test_a_wrong_key_is_an_authentication_error(self, stand_in: StandIn) -> None:
        client = stripe.StripeClient("sk_test_wrong", base_addresses={"api": stand_in.api_base})
        with pytest.raises(stripe.AuthenticationError) as refused:
            client.v2.core.events.list()
        assert refused.value.http_status == 401

    def test_v1_refuses_a_wrong_key_in_its_own_shape(self, wire: Wire) -> None:
        reply = wire.get("/v1/customers", key="sk_test_wrong")
        assert reply.status == 401
        assert reply.body["error"]["type"] == "invalid_request_error"

    def test_the_key_decides_the_mode_and_each_mode_has_its_own_data(self, stand_in: StandIn, wire: Wire) -> None:
        tested = stand_in.create("customer")
        live = stand_in.create("customer", livemode=True)
        assert (tested["livemode"], live["livemode"]) == (False, True)
        assert wire.get(f"/v1/customers/{live['id']}").status == 404
        assert wire.get(f"/v1/customers/{live['id']}", key=LIVE_KEY).status == 200


class TestVersions:
    def test_v2_refuses_a_call_without_version(self, wire: Wire) -> None:
        assert wire.get("/v2/core/events", version=None).status == 400

    def test_v1_answers_without_version(self, wire: Wire) -> None:
        assert wire.get("/v1/customers", version=None).status == 200

    def test_billing_refuses_a_released_version(self, wire: Wire) -> None:
        assert wire.get("/v2/billing/rate_cards", version=RELEASED).status == 400
        assert wire.get("/v2/billing/rate_cards", version=PREVIEW).status == 200

    def test_events_accept_a_released_version(self, wire: Wire) -> None:
        assert wire.get("/v2/core/events", version=RELEASED).status == 200

    def test_the_sdk_reaches_billing_only_by_raising_the_version_of_a_request(
        self, stand_in: StandIn, catalogue: Catalogue
    ) -> None:
        client = stripe.StripeClient(KEY, base_addresses={"api": stand_in.api_base})
        path = f"/v2/billing/rate_cards/{catalogue.card}"
        assert client.raw_request("get", path, stripe_version=PREVIEW).data["id"] == catalogue.card
        with pytest.raises(stripe.InvalidRequestError):
            client.raw_request("get", path)


class TestConnections:
    def test_each_answer_is_sent_in_one_piece(self, stand_in: StandIn) -> None:
        """Or each call on a kept connection would wait for a delayed acknowledgement."""
        netloc = urlsplit(stand_in.api_base).netloc
        head = (
            f"GET {LIST} HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Bearer {KEY}\r\nStripe-Version: {PREVIEW}\r\n\r\n"
        )
        host, _, port = netloc.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            for _ in range(20):
                connection.sendall(head.encode())
                received, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
                assert received.startswith(b"HTTP/1.1 200 ")
                assert f"Content-Length: {len(body)}".encode() in received.splitlines()


class TestContexts:
    def test_an_unknown_account_is_a_permission_error(self, sdk: stripe.StripeClient) -> None:
        with pytest.raises(stripe.PermissionError):
            sdk.raw_request("get", "/v2/core/events", stripe_context="acct_unknown")

    def test_each_account_has_its_own_data(self, stand_in: StandIn, wire: Wire) -> None:
        connected = create_catalogue(stand_in, context="acct_connected")
        path = f"/v2/billing/rate_cards/{connected.card}"
        assert wire.get(path).status == 404
        assert wire.get(path, Stripe_Context="acct_connected").body["id"] == connected.card

    def test_an_account_can_be_registered_empty(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.accounts(["acct_1/acct_2"])
        assert wire.get("/v2/core/events", Stripe_Context="acct_1/acct_2").body["data"] == []


class TestErrors:
    def test_every_answer_has_a_request_id(self, wire: Wire) -> None:
        replies = [wire.get("/v1/customers"), wire.get("/v2/core/events", version=None), wire.get("/nothing")]
        ids = {reply.headers["Request-Id"] for reply in replies}
        assert len(ids) == 3
        assert all(identifier.startswith("req_") for identifier in ids)

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("/v2/billing/rate_cards/rcd_x", "rate_card_not_found"),
            ("/v2/billing/rate_card_subscriptions/rcds_x", "rate_card_subscription_not_found"),
            ("/v2/billing/cadences/bc_x", "billing_cadence_not_found"),
            ("/v2/billing/metered_items/bli_x", "metered_item_not_found"),
            ("/v2/billing/rate_cards/rcd_x/rates/rcdr_x", "rate_card_not_found"),
            ("/v2/core/events/evt_x", "not_found"),
            ("/v2/nothing", "not_found"),
        ],
    )
    def test_v2_says_what_is_missing_without_a_type(self, wire: Wire, path: str, code: str) -> None:
        reply = wire.get(path)
        assert reply.status == 404
        assert reply.body["error"]["code"] == code
        assert set(reply.body["error"]) == {"code", "message"}

    def test_v1_says_resource_missing(self, wire: Wire) -> None:
        reply = wire.get("/v1/products/prod_x")
        assert reply.status == 404
        assert reply.body["error"] == {
            "type": "invalid_request_error",
            "code": "resource_missing",
            "message": "No such product: 'prod_x'",
            "param": "id",
        }

    def test_an_unknown_v1_path_has_no_code(self, wire: Wire) -> None:
        error = wire.get("/v1/nothing").body["error"]
        assert error["type"] == "invalid_request_error"
        assert "code" not in error

    def test_the_sdk_reads_a_404_as_an_invalid_request_with_its_code(self, sdk: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError) as missing:
            sdk.raw_request("get", "/v2/billing/rate_cards/rcd_x")
        assert (missing.value.http_status, missing.value.code) == (404, "rate_card_not_found")
