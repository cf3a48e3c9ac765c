"""Every fault of an API call, as the SDK and the socket see it."""

import json
import time
from http.client import IncompleteRead

import pytest
import stripe

from dev.fake_stripe.client import ControlError, StandIn
from tests.fake_stripe.harness import Catalogue, Wire

PATH = "/v2/billing/rate_cards"


@pytest.fixture
def get(sdk: stripe.StripeClient) -> "Get":
    return Get(sdk)


class Get:
    """A call by the SDK, with or without retries of its own."""

    def __init__(self, sdk: stripe.StripeClient) -> None:
        self.sdk = sdk

    def __call__(self, path: str = PATH, retries: int = 0) -> stripe.StripeResponse:
        answer = self.sdk.raw_request("get", path, max_network_retries=retries)
        assert isinstance(answer, stripe.StripeResponse)
        return answer


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, stripe.AuthenticationError),
            (403, stripe.PermissionError),
            (409, stripe.APIError),
            (429, stripe.RateLimitError),
            (500, stripe.APIError),
        ],
    )
    def test_the_sdk_raises_its_error_for_each_status(
        self, stand_in: StandIn, get: Get, status: int, error: type[stripe.StripeError]
    ) -> None:
        stand_in.faults(api=[{"status": status, "count": 1}])
        with pytest.raises(error) as failed:
            get()
        assert failed.value.http_status == status
        assert get().code == 200

    def test_a_rate_limited_call_has_a_reason_and_no_retry_after(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(api=[{"status": 429, "reason": "endpoint-rate"}])
        reply = wire.get(PATH)
        assert reply.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
        assert "Retry-After" not in reply.headers
        assert reply.body["error"]["type"] == "rate_limit"

    def test_a_lock_timeout_is_a_429_without_reason(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(api=[{"status": 429, "reason": "lock_timeout", "retry_after": 3}])
        reply = wire.get(PATH)
        assert "Stripe-Rate-Limited-Reason" not in reply.headers
        assert reply.headers["Retry-After"] == "3"
        assert reply.body["error"]["code"] == "lock_timeout"

    def test_an_answer_can_be_html_instead_of_json(self, stand_in: StandIn, get: Get) -> None:
        stand_in.faults(api=[{"status": "503html"}])
        with pytest.raises(stripe.APIError, match="Invalid response body") as failed:
            get()
        assert failed.value.http_status == 503

    @pytest.mark.parametrize(("status", "should_retry", "calls"), [(500, False, 1), (429, True, 2), (429, None, 1)])
    def test_the_sdk_obeys_should_retry(
        self, stand_in: StandIn, get: Get, status: int, should_retry: bool | None, calls: int
    ) -> None:
        stand_in.faults(api=[{"status": status, "should_retry": should_retry}])
        with pytest.raises(stripe.StripeError):
            get(retries=1)
        assert stand_in.requests()["by_status"] == {str(status): calls}

    def test_a_fault_strikes_only_its_paths(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        stand_in.faults(api=[{"status": 500, "path_regex": r"/v2/billing/rate_cards/[^/]+$"}])
        assert wire.get(PATH).status == 200
        assert wire.get(f"{PATH}/{catalogue.card}").status == 500
        stand_in.faults(api=[{"status": 500, "path_prefix": "/v1/"}])
        assert wire.get(PATH).status == 200
        assert wire.get("/v1/customers").status == 500

    def test_a_v1_call_fails_in_the_shape_of_v1(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(api=[{"status": 500}])
        assert wire.get("/v1/customers").body["error"]["type"] == "api_error"


class TestBrokenBodies:
    def test_a_truncated_body_ends_before_its_length(self, stand_in: StandIn, wire: Wire, get: Get) -> None:
        stand_in.faults(api=[{"body": "truncated"}])
        with pytest.raises(IncompleteRead):
            wire.open(PATH).read()
        with pytest.raises(stripe.APIConnectionError):
            get()

    def test_cut_json_has_the_length_in_its_header(self, stand_in: StandIn, wire: Wire, get: Get) -> None:
        stand_in.faults(api=[{"body": "cut_json"}])
        text = wire.open(PATH).read().decode()
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        with pytest.raises(stripe.APIError, match="Invalid response body"):
            get()

    def test_a_garbled_body_is_not_utf_8(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(api=[{"body": "garbled"}])
        with pytest.raises(UnicodeDecodeError):
            wire.open(PATH).read().decode()

    def test_a_reset_ends_the_connection(self, stand_in: StandIn, wire: Wire, get: Get) -> None:
        stand_in.faults(api=[{"body": "reset"}])
        with pytest.raises(ConnectionResetError):
            wire.open(PATH)
        with pytest.raises(stripe.APIConnectionError):
            get()

    def test_a_slow_answer_was_made_before_the_wait(self, stand_in: StandIn, get: Get, catalogue: Catalogue) -> None:
        stand_in.faults(api=[{"slow": 0.2, "count": 1}])
        start = time.monotonic()
        assert get(f"{PATH}/{catalogue.card}").code == 200
        assert time.monotonic() - start >= 0.2

    def test_a_dripping_body_arrives_whole(self, stand_in: StandIn, get: Get) -> None:
        stand_in.faults(api=[{"drip": 0.2, "count": 1}])
        start = time.monotonic()
        assert json.loads(get().body)["data"] == []
        assert time.monotonic() - start >= 0.15


class TestRateLimits:
    def test_an_endpoint_is_limited_over_all_ids(self, stand_in: StandIn, wire: Wire, catalogue: Catalogue) -> None:
        stand_in.faults(rate_limit={"endpoint": 2})
        paths = [f"{PATH}/{catalogue.card}", f"{PATH}/rcd_x", f"{PATH}/{catalogue.card}"]
        assert [wire.get(path).status for path in paths] == [200, 404, 429]
        assert wire.get(PATH).status == 200

    def test_an_account_is_limited_over_all_endpoints(self, stand_in: StandIn, wire: Wire) -> None:
        stand_in.faults(rate_limit={"global": 2, "endpoint": 2})
        wire.get(PATH)
        wire.get("/v1/customers")
        reply = wire.get("/v1/products")
        assert (reply.status, reply.headers["Stripe-Rate-Limited-Reason"]) == (429, "global-rate")


class TestSettings:
    def test_settings_are_kept_until_replaced_or_cleared(self, stand_in: StandIn) -> None:
        stand_in.faults(removed_rates="retrievable")
        settings = stand_in.faults(rate_limit={"global": 5})
        assert (settings["removed_rates"], settings["rate_limit"]) == ("retrievable", {"global": 5})
        stand_in.clear_faults()
        assert stand_in.faults()["rate_limit"] is None

    def test_an_unknown_setting_is_refused(self, stand_in: StandIn) -> None:
        with pytest.raises(ControlError, match="parameter_unknown"):
            stand_in.faults(dorp={})


class TestLaterPages:
    """A fault may spare the first page of a list."""

    @pytest.mark.parametrize(("type_name", "path"), [("customer", "/v1/customers"), ("v2.billing.rate_card", PATH)])
    def test_may_alone_be_refused(self, stand_in: StandIn, wire: Wire, type_name: str, path: str) -> None:
        stand_in.faults(api=[{"status": 400, "later_pages": True, "code": "invalid_page_token"}])
        first = self.first(stand_in, wire, type_name, path)
        assert wire.get(f"{path}?limit=1").status == 200
        assert wire.get(first).status == 400

    @pytest.mark.parametrize(("type_name", "path"), [("customer", "/v1/customers"), ("v2.billing.rate_card", PATH)])
    def test_may_repeat_the_first(self, stand_in: StandIn, wire: Wire, type_name: str, path: str) -> None:
        stand_in.faults(api=[{"body": "repeated", "later_pages": True}])
        following = self.first(stand_in, wire, type_name, path)
        assert wire.get(following).body["data"] == wire.get(f"{path}?limit=1").body["data"]

    def first(self, stand_in: StandIn, wire: Wire, type_name: str, path: str) -> str:
        """The URL of the second page of a list."""
        names = {"customer": "name"}.get(type_name, "display_name")
        for number in range(3):
            stand_in.create(type_name, {names: f"Number {number}"})
        page = wire.get(f"{path}?limit=1").body
        return str(page.get("next_page_url") or f"{path}?limit=1&starting_after={page['data'][-1]['id']}")


@pytest.mark.parametrize("path", ["/v1/prices", PATH])
def test_a_refusal_names_what_a_test_sets(stand_in: StandIn, wire: Wire, path: str) -> None:
    given = {"status": 400, "type": "invalid_request_error", "code": "parameter_invalid", "param": "expand"}
    stand_in.faults(api=[given])
    error = wire.get(path).body["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "parameter_invalid")
    assert error.get("param") == ("expand" if path.startswith("/v1/") else None), "errors of v2 name no parameter"


def test_a_field_on_request_is_refused(stand_in: StandIn, wire: Wire) -> None:
    stand_in.faults(refused_fields={"fields": ["tiers"], "path_regex": "/v1/prices$"})
    refused = wire.get("/v1/prices?expand[0]=data.tiers")
    message = "This property cannot be expanded (data.tiers)."
    assert (refused.status, refused.body["error"]) == (
        400,
        {"type": "invalid_request_error", "message": message, "param": "expand"},
    )
    assert wire.get("/v1/prices?expand[0]=data.currency_options").status == 200
    assert wire.get("/v1/plans?expand[0]=data.tiers").status == 200
