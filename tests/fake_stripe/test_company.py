"""The company of the demo and of the sandbox, at the stand-in: what its objects say agrees."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from dev.sandbox.demo.scenario import Scenario


@pytest.fixture(scope="module")
def company() -> Iterator[StandIn]:
    with running(Backend(["sk_test_company"])) as listening_at:
        stripe = StandIn(listening_at.api_base)
        scenario = Scenario(stripe)
        scenario.set_up()
        scenario.change_for_a_month()
        scenario.leave_an_invoice_unpaid(time.time())
        yield stripe


def bodies(company: StandIn, type_name: str) -> list[dict[str, Any]]:
    return [one["body"] for one in company.objects(type_name)]


def test_the_amounts_of_an_invoice_are_those_of_its_lines(company: StandIn) -> None:
    invoices = bodies(company, "invoice")
    assert sorted(one["status"] for one in invoices) == ["open", "paid"]
    for one in invoices:
        total = sum(line["amount"] for line in one["lines"]["data"])
        assert total > 0
        assert {one["subtotal"], one["total"], one["amount_due"]} == {total}
        assert (one["amount_paid"], one["amount_remaining"]) == ((total, 0) if one["status"] == "paid" else (0, total))
        assert one["number"]


def test_what_is_late_was_made_before_it_was_due(company: StandIn) -> None:
    (late,) = [one for one in bodies(company, "invoice") if one["status"] == "open"]
    assert late["created"] < late["due_date"] < time.time()


def test_the_ledger_has_what_was_granted(company: StandIn) -> None:
    (grant,) = bodies(company, "billing.credit_grant")
    (entry,) = bodies(company, "billing.credit_balance_transaction")
    assert entry["credit"]["amount"] == grant["amount"]
    assert entry["credit_grant"] == grant["id"]


def test_an_invoice_is_of_an_active_subscription_with_as_many_seats_as_lines(company: StandIn) -> None:
    subscriptions = {one["id"]: one for one in bodies(company, "subscription")}
    assert sorted(one["status"] for one in subscriptions.values()) == ["active", "canceled"]
    (billed,) = [one for one in bodies(company, "invoice") if one["status"] == "paid"]
    subscription = subscriptions[billed["parent"]["subscription_details"]["subscription"]]
    assert subscription["status"] == "active"
    lines = billed["lines"]["data"]
    seats = sum(item["quantity"] for item in subscription["items"]["data"])
    assert (seats, {line["amount"] for line in lines}) == (len(lines), {1_200})
