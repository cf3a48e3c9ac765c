"""Keys of several accounts."""

import pytest
import stripe

from dev.fake_stripe.client import StandIn


def client(stand_in: StandIn, key: str) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": stand_in.api_base})


def test_a_key_of_another_account_sees_other_objects(stand_in: StandIn, sdk: stripe.StripeClient) -> None:
    customer = stand_in.create("customer", {})["id"]
    assert stand_in.key("sk_test_other", "acct_other") == "acct_other"
    other = client(stand_in, "sk_test_other")
    with pytest.raises(stripe.InvalidRequestError):
        other.v1.customers.retrieve(customer)
    assert sdk.v1.customers.retrieve(customer).id == customer


def test_a_key_tells_its_account(stand_in: StandIn, sdk: stripe.StripeClient) -> None:
    shared = sdk.v1.accounts.retrieve_current().id
    stand_in.key("sk_test_other", "acct_other")
    stand_in.key("sk_test_second")
    assert client(stand_in, "sk_test_other").v1.accounts.retrieve_current().id == "acct_other"
    assert client(stand_in, "sk_test_second").v1.accounts.retrieve_current().id == shared


def test_a_key_of_an_organization_needs_a_context(stand_in: StandIn) -> None:
    stand_in.key("sk_org_test_1")
    stand_in.accounts(["acct_1"])
    made = stand_in.create("customer", {}, context="acct_1")["id"]
    organization = client(stand_in, "sk_org_test_1")
    with pytest.raises(stripe.InvalidRequestError):
        organization.v1.customers.retrieve(made)
    assert organization.v1.customers.retrieve(made, options={"stripe_context": "acct_1"}).id == made
