"""The contract of Stripe: for the doubles, and for the adapter with the stand-in."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import (
    AccessRevoked,
    ConfigurationError,
    FeatureUnavailable,
    KeyReplaced,
    MirrorError,
    NotFound,
    PermanentError,
    PermissionDenied,
    RequestRefused,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.metrics import Metric
from billing_mirror.core.stripe_api.paging import PAGE_SIZE, first_page
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.fetch import list_pages
from tests.fuzz.canaries import leaky_stripe

from .accounts import KEY, LISTS, PREVIEW, SUBSCRIPTIONS, Account, Adapter


async def test_an_object_is_answered_as_it_is(account: Account) -> None:
    identifier = account.customer("Ann")
    answer = await account.stripe.get(StripeRequest(f"/v1/customers/{identifier}", ApiChannel.GA, context=None))
    assert (answer.body["id"], answer.body["name"]) == (identifier, "Ann")
    assert answer.stripe_version == account.stripe.version(ApiChannel.GA)
    assert answer.request_id


async def test_a_missing_object_is_not_found(account: Account) -> None:
    with pytest.raises(NotFound):
        await account.stripe.get(StripeRequest("/v2/billing/rate_cards/rcd_0", ApiChannel.PREVIEW, context=None))


@pytest.mark.parametrize("type_name", ["v2.billing.rate_card", "customer"])
@pytest.mark.parametrize("count", [0, 1, 100, 230])
async def test_a_list_is_walked_to_its_end(account: Account, type_name: str, count: int) -> None:
    made = account.create_many(type_name, count)
    api = catalog.TYPES[type_name].api
    pages = [page async for page in list_pages(LISTS[type_name], {}, account.stripe, api=api, context=None)]
    assert sorted(str(one["id"]) for page in pages for one in page) == sorted(made)
    assert max(len(page) for page in pages) <= PAGE_SIZE


async def test_a_list_after_a_removed_object_is_not_found(account: Account) -> None:
    account.create_many("customer", 1)
    with pytest.raises(NotFound):
        await account.stripe.get(
            StripeRequest(first_page("/v1/customers", {"starting_after": "cus_0"}), ApiChannel.GA, context=None)
        )


def test_the_double_has_a_mode(account: Account) -> None:
    assert account.stripe.livemode is False


async def test_numbers_are_exact(adapter: Adapter) -> None:
    card = adapter.stand_in.create("v2.billing.rate_card", {"display_name": "x"})
    adapter.stand_in.update(card["id"], {"metadata": {"big": 2**60 + 1}})
    answer = await adapter.get(f"/v2/billing/rate_cards/{card['id']}")
    assert answer.body["metadata"] == {"big": 2**60 + 1}


async def test_each_line_of_the_api_gets_its_version(adapter: Adapter) -> None:
    api = adapter.api()
    assert api.version(ApiChannel.PREVIEW) == PREVIEW
    with pytest.raises(PermanentError, match="400"):
        await adapter.get(api=ApiChannel.GA)


async def test_fields_that_must_be_requested_are_returned(adapter: Adapter) -> None:
    customer = adapter.stand_in.create("customer", {})
    rules = [{"id": "rule_1", "type": "percent_off"}]
    fields = {"payer": {"customer": customer["id"]}, "invoice_discount_rules": rules}
    cadence = adapter.stand_in.create("v2.billing.cadence", fields)
    path = f"/v2/billing/cadences/{cadence['id']}"
    include = catalog.TYPES["v2.billing.cadence"].include
    answer = await adapter.api().get(StripeRequest(path, ApiChannel.PREVIEW, context=None, include=include))
    assert answer.body.get("invoice_discount_rules") == rules
    plain = await adapter.get(path)
    assert plain.body.get("invoice_discount_rules") is None


async def test_an_account_is_named_by_its_context(adapter: Adapter) -> None:
    adapter.stand_in.accounts(["acct_1"])
    customer = adapter.stand_in.create("customer", {}, context="acct_1")
    path = f"/v1/customers/{customer['id']}"
    assert (await adapter.api().get(StripeRequest(path, ApiChannel.GA, context="acct_1"))).body["id"] == customer["id"]
    with pytest.raises(NotFound):
        await adapter.get(path, api=ApiChannel.GA)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "reason": "global-rate"},
        {"status": 429, "reason": "lock_timeout"},
        {"status": 409},
        {"status": 500},
        {"status": "503html"},
        {"body": "truncated"},
        {"body": "cut_json"},
        {"body": "garbled"},
        {"body": "foreign", "status": 503},
        {"body": "foreign", "status": 404},
        {"body": "reset"},
    ],
    ids=str,
)
async def test_what_may_pass_is_for_later(adapter: Adapter, fault: dict[str, object]) -> None:
    adapter.stand_in.faults(api=[fault])
    with pytest.raises(TransientError) as raised:
        await adapter.get()
    assert raised.value.throttled == (fault.get("status") == 429)


async def test_a_retry_after_is_passed_on(adapter: Adapter) -> None:
    adapter.stand_in.faults(api=[{"status": 429, "reason": "global-rate", "retry_after": 7}])
    with pytest.raises(TransientError) as raised:
        await adapter.get()
    assert raised.value.retry_after == 7


async def test_a_connection_that_was_dropped_is_made_again_once(adapter: Adapter) -> None:
    adapter.stand_in.faults(api=[{"body": "reset", "count": 1}])
    await adapter.get()
    assert adapter.metric_counts.drain()[Metric.STRIPE_REQUESTS] == 2


@pytest.mark.parametrize("status", [500, 409, 429])
async def test_an_error_is_not_retried_on_the_spot(adapter: Adapter, status: int) -> None:
    adapter.stand_in.faults(api=[{"status": status, "should_retry": True}])
    with pytest.raises(TransientError):
        await adapter.get()
    assert adapter.stand_in.requests()["total"] == 1


@pytest.mark.parametrize(
    ("status", "metric"), [(401, Metric.STRIPE_AUTH_FAILURES), (403, Metric.STRIPE_PERMISSION_FAILURES)]
)
async def test_a_refused_key_is_counted_by_its_reason(adapter: Adapter, status: int, metric: Metric) -> None:
    adapter.stand_in.faults(api=[{"status": status}])
    with pytest.raises(Unauthorized) as raised:
        await adapter.get()
    assert KEY not in str(raised.value)
    assert adapter.metric_counts.drain() == {Metric.STRIPE_REQUESTS: 1, metric: 1}


async def test_the_permission_that_a_key_lacks_is_named_and_nothing_else_of_stripes_text(adapter: Adapter) -> None:
    with leaky_stripe() as talker:
        talker.status = 403
        said = "The provided key 'rk_test_***' lacks it. Having the 'rak_rate_card_read' permission would allow this."
        talker.text = json.dumps({"error": {"type": "invalid_request_error", "message": said}})
        with pytest.raises(PermissionDenied, match=r"lacks the permission rak_rate_card_read$") as raised:
            await adapter.at(talker.address).get()
    assert "rk_test" not in str(raised.value)


async def test_an_account_that_the_key_has_no_access_to_has_revoked_it(adapter: Adapter) -> None:
    revoked = StripeRequest(SUBSCRIPTIONS, ApiChannel.PREVIEW, context="acct_revoked")
    with pytest.raises(AccessRevoked, match=r"the key has no access to the account acct_revoked$"):
        await adapter.api().get(revoked)
    assert adapter.metric_counts.drain() == {Metric.STRIPE_REQUESTS: 1}, "no alarm about permissions"
    # Another 403 in its context is about the key's permissions, and an account_invalid without one about the key.
    adapter.stand_in.accounts(["acct_connected"])
    adapter.stand_in.faults(api=[{"status": 403}])
    with pytest.raises(PermissionDenied) as refusal:
        await adapter.api().get(replace(revoked, context="acct_connected"))
    adapter.stand_in.faults(api=[{"status": 403, "code": "account_invalid"}])
    with pytest.raises(PermissionDenied) as without:
        await adapter.get()
    assert not isinstance(refusal.value, AccessRevoked)
    assert not isinstance(without.value, AccessRevoked)


@pytest.mark.parametrize(
    ("fault", "path", "error"),
    [
        ({"status": 400, "type": "feature_not_enabled"}, SUBSCRIPTIONS, FeatureUnavailable),
        ({"status": 403, "type": "capability_not_enabled"}, SUBSCRIPTIONS, FeatureUnavailable),
        ({"status": 403}, SUBSCRIPTIONS, PermissionDenied),
        ({"status": 404, "code": "not_found"}, SUBSCRIPTIONS, NotFound),
        ({"status": 400}, SUBSCRIPTIONS, RequestRefused),
        ({"status": 400, "code": "parameter_invalid", "param": "expand"}, "/v1/prices", RequestRefused),
        ({"status": 400, "code": "parameter_missing", "param": "customer"}, "/v1/prices", RequestRefused),
        ({"status": 410, "code": "gone"}, "/v1/prices", RequestRefused),
        ({}, "/v1/nonsense", FeatureUnavailable),
    ],
    ids=str,
)
async def test_only_what_stripe_documents_says_that_a_feature_is_missing(
    adapter: Adapter, fault: dict[str, object], path: str, error: type[Exception]
) -> None:
    adapter.stand_in.faults(api=[fault] if fault else [])
    with pytest.raises(error) as raised:
        await adapter.get(path, api=ApiChannel.GA if path.startswith("/v1/") else ApiChannel.PREVIEW)
    assert type(raised.value) is error


async def test_a_refusal_names_what_the_error_names_and_the_path(adapter: Adapter) -> None:
    adapter.stand_in.faults(api=[{"status": 400, "code": "parameter_invalid", "param": "expand[0]"}])
    with pytest.raises(RequestRefused) as raised:
        await adapter.get("/v1/prices?expand[0]=data.tiers", api=ApiChannel.GA)
    assert (raised.value.code, raised.value.param) == ("parameter_invalid", "expand[0]")
    said = "Stripe answered 400 parameter_invalid (invalid_request_error) about expand[0] at /v1/prices (request req_"
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("odd", ["rk_test_a b", "Ann O'Hara", "a" * 200, "A", 7, None, {"a": 1}])
async def test_a_word_that_stripe_would_not_use_is_left_out(adapter: Adapter, odd: object) -> None:
    with leaky_stripe() as talker:
        talker.status = 400
        talker.text = json.dumps({"error": {"type": odd, "param": odd, "message": "x"}})
        with pytest.raises(RequestRefused) as raised:
            await adapter.at(talker.address).get()
    assert str(raised.value) == f"Stripe answered 400 at {SUBSCRIPTIONS}"


async def test_a_key_that_was_rolled_is_read_again(adapter: Adapter) -> None:
    api = adapter.api()
    adapter.key.text = "sk_test_revoked"
    await api.get(StripeRequest(SUBSCRIPTIONS, ApiChannel.PREVIEW, context=None))
    assert adapter.key.text == KEY


async def test_an_unknown_path_is_not_a_deleted_object(adapter: Adapter) -> None:
    with pytest.raises(PermanentError, match="404"):
        await adapter.get("/v1/nonsense/no_1", api=ApiChannel.GA)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "invalid_request_error", "message": "No such coupon: 'x'"}, NotFound),
        ({"type": "invalid_request_error", "message": "No such coupon: 'x'", "code": None}, NotFound),
        ({"type": "invalid_request_error", "message": None, "code": "a code"}, NotFound),
        ({"type": "invalid_request_error", "message": "Unrecognized request URL (GET: /v1/x)."}, PermanentError),
        ({"type": "invalid_request_error", "code": "feature_missing"}, PermanentError),
        ({"message": "no route matched"}, TransientError),
        ({"code": 404, "message": "not found"}, TransientError),
    ],
    ids=str,
)
async def test_a_404_without_a_code_says_not_found_where_stripe_wrote_it(
    adapter: Adapter, error: dict[str, object], expected: type[MirrorError]
) -> None:
    with leaky_stripe() as talker:
        talker.status = 404
        talker.text = json.dumps({"error": error})
        with pytest.raises(expected):
            await adapter.at(talker.address).get()


async def test_a_proxy_that_the_environment_names_is_used(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="reached"):
        await adapter.get()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    await adapter.get()


async def test_no_key_but_ours_is_sent(adapter: Adapter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login user password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await adapter.get()


async def test_an_unreachable_stripe_is_for_later(adapter: Adapter) -> None:
    with pytest.raises(TransientError, match="cannot be reached"):
        await adapter.at("http://127.0.0.1:9").get()


@pytest.mark.parametrize("text", ["", "unset", "pk_live_1", "sk_prod_1", "sk_test_ü"])
def test_a_key_of_no_known_mode_is_a_wrong_setting(adapter: Adapter, text: str) -> None:
    adapter.key.text = text
    with pytest.raises(ConfigurationError, match="STRIPE_KEY_ARN"):
        adapter.api()


@pytest.mark.parametrize(("text", "live"), [("rk_live_a1", True), ("sk_test_a1", False), ("sk_org_live_a1", True)])
def test_the_key_tells_the_mode(adapter: Adapter, text: str, *, live: bool) -> None:
    adapter.key.text = text
    assert adapter.api().livemode is live


@pytest.mark.parametrize("text", ["sk_live_1", "unset"])
async def test_a_rolled_key_of_another_mode_is_not_used(adapter: Adapter, text: str) -> None:
    """Stripe refuses the key, and the key that is then read is of the other mode."""
    adapter.stand_in.key("sk_live_1")
    adapter.key.text, adapter.key.stored = "sk_test_revoked", text
    with pytest.raises(TransientError):
        await adapter.get()
    assert set(adapter.stand_in.requests()["by_status"]) == {"401"}


async def test_a_request_uses_no_other_key_than_it_names(adapter: Adapter) -> None:
    api = adapter.api()
    digest = await api.key_digest()
    named = StripeRequest(SUBSCRIPTIONS, ApiChannel.PREVIEW, context=None, key_digest=digest)
    await api.get(named)
    adapter.stand_in.key("sk_test_other", "acct_other")
    adapter.key.text = "sk_test_other"
    assert await api.key_digest() != digest
    with pytest.raises(KeyReplaced):
        await api.get(named)
    assert adapter.stand_in.requests()["total"] == 1


async def test_a_key_that_was_rolled_is_not_used_where_another_is_named(adapter: Adapter) -> None:
    api = adapter.api()
    adapter.key.text = "sk_test_revoked"
    digest = await api.key_digest()
    with pytest.raises(KeyReplaced):
        await api.get(StripeRequest(SUBSCRIPTIONS, ApiChannel.PREVIEW, context=None, key_digest=digest))
    assert adapter.stand_in.requests()["by_status"] == {"401": 1}


async def test_the_digest_is_not_the_key(adapter: Adapter) -> None:
    digest = await adapter.api().key_digest()
    assert (len(digest), KEY in digest) == (64, False)


async def test_a_permission_that_a_key_need_not_have_is_not_counted(adapter: Adapter) -> None:
    adapter.stand_in.faults(api=[{"status": 403}])
    request = StripeRequest("/v1/account", ApiChannel.GA, context=None, may_be_refused=True)
    with pytest.raises(PermissionDenied):
        await adapter.api().get(request)
    assert adapter.metric_counts.drain() == {Metric.STRIPE_REQUESTS: 1}


@pytest.mark.parametrize("text", ["sk_live_1", "unset"])
async def test_a_key_of_another_mode_is_not_used(adapter: Adapter, text: str) -> None:
    api = adapter.api()
    adapter.key.text = text
    with pytest.raises(TransientError):
        await api.get(StripeRequest(SUBSCRIPTIONS, ApiChannel.PREVIEW, context=None))
    assert adapter.stand_in.requests()["total"] == 0
