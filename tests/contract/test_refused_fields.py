"""What Stripe says when it refuses a field on request, and what the adapter makes of it."""

import json

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import FieldsRefused, RequestRefused
from billing_mirror.core.stripe_api import paging
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.around_stripe.optional_fields import OptionalFields
from tests.doubles.clock import ManualClock
from tests.fuzz.canaries import leaky_stripe

from .accounts import Adapter

FIELDS = ("currency_options", "tiers")


def price(adapter: Adapter) -> str:
    product = adapter.stand_in.create("product", {"name": "Gold"})["id"]
    made = adapter.stand_in.create("price", {"product": product, "tiers": [{"up_to": None}]})
    return f"/v1/prices/{made['id']}"


def cadence(adapter: Adapter) -> str:
    customer = adapter.stand_in.create("customer", {"name": "Ann"})["id"]
    made = adapter.stand_in.create("v2.billing.cadence", {"payer": {"customer": customer}})
    return f"/v2/billing/cadences/{made['id']}"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["tiers"]),
        ({"no_param": True}, ["tiers"]),
        ({"unnamed": True}, [*FIELDS]),
        ({"unnamed": True, "no_param": True}, [*FIELDS]),
    ],
    ids=str,
)
async def test_v1_names_the_field_or_all_are_meant(
    adapter: Adapter, more: dict[str, bool], expected: list[str]
) -> None:
    path = price(adapter)
    adapter.stand_in.faults(refused_fields={"fields": ["tiers"], **more})
    with pytest.raises(FieldsRefused) as raised:
        await adapter.api().get(StripeRequest(path, ApiChannel.GA, context=None, include=FIELDS))
    assert raised.value.fields == {*expected}
    assert "cannot be expanded" not in str(raised.value)


async def test_v2_names_no_parameter(adapter: Adapter) -> None:
    adapter.stand_in.faults(refused_fields={"fields": ["settings_data"]})
    with pytest.raises(FieldsRefused) as raised:
        await adapter.api().get(
            StripeRequest(
                cadence(adapter), ApiChannel.PREVIEW, context=None, include=("invoice_discount_rules", "settings_data")
            )
        )
    assert raised.value.fields == {"settings_data"}


async def test_of_a_list_the_query_names_the_fields(adapter: Adapter) -> None:
    adapter.stand_in.faults(refused_fields={"fields": ["tiers"]})
    with pytest.raises(FieldsRefused) as raised:
        await adapter.get("/v1/prices?expand[0]=data.tiers&expand[1]=data.currency_options", api=ApiChannel.GA)
    assert raised.value.fields == {"data.tiers"}


@pytest.mark.parametrize("path", ["/v1/prices/price_1", "/v1/prices?expand[0]=data.tiers"])
async def test_no_word_of_the_error_is_repeated(adapter: Adapter, path: str) -> None:
    error = {"type": "invalid_request_error", "message": "Jo (jo@example.com) cannot be expanded: sk_live_secret."}
    request = StripeRequest(path, ApiChannel.GA, context=None, include=FIELDS)
    with leaky_stripe() as talker:
        talker.status, talker.text = 400, json.dumps({"error": error})
        with pytest.raises(FieldsRefused) as raised:
            await adapter.at(talker.address).api().get(request)
    assert raised.value.fields <= {*FIELDS, "data.tiers"}
    assert str(raised.value) == f"Stripe answered 400 (invalid_request_error) at {path.partition('?')[0]}"


@pytest.mark.parametrize(
    "error", [{"message": "No such product.", "param": "product"}, {"message": "Not now."}], ids=str
)
async def test_an_error_about_something_else_refuses_no_field(adapter: Adapter, error: dict[str, str]) -> None:
    request = StripeRequest("/v1/prices/price_1", ApiChannel.GA, context=None, include=FIELDS)
    with leaky_stripe() as talker:
        talker.status, talker.text = 400, json.dumps({"error": {"type": "invalid_request_error", **error}})
        with pytest.raises(RequestRefused) as raised:
            await adapter.at(talker.address).api().get(request)
    assert type(raised.value) is RequestRefused


@pytest.mark.parametrize("more", [{}, {"unnamed": True}], ids=str)
async def test_the_answer_lacks_the_refused_field_and_says_so(adapter: Adapter, more: dict[str, bool]) -> None:
    path = price(adapter)
    adapter.stand_in.faults(refused_fields={"fields": ["tiers"], **more})
    noted: list[tuple[str, str]] = []
    fields = OptionalFields(adapter.api(), ManualClock(), lambda kind, name: noted.append((kind, name)))
    answer = await fields.get(StripeRequest(path, ApiChannel.GA, context=None, include=FIELDS))
    assert "tiers" not in answer.body
    assert answer.missing_fields == (FIELDS if more else ("tiers",))
    listed = await fields.get(
        StripeRequest("/v1/prices?expand[0]=data.tiers&expand[1]=data.currency_options", ApiChannel.GA, context=None)
    )
    assert listed.missing_fields == answer.missing_fields
    assert not any("tiers" in one for one in paging.entries(listed.body))
