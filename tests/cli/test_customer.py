"""``customer`` shows what a customer pays, owes, has used and has left; the same facts as text and as JSON."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.views import Cadence
from billing_mirror_cli.customer.periods import period_start
from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command, values
from tests.doubles.samples import cadence, rate, rate_card, sample, subscription, version

NOW = int(datetime.now(UTC).timestamp())
DAY = 86400
HOUR = 3600
THIS_HOUR = NOW // HOUR * HOUR
CUS = "cus_1"


def written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def rates() -> list[JsonObject]:
    item: JsonObject = {"id": "bli_1", "display_name": "calls", "meter": "mtr_1"}
    tiers: list[Json] = [{"up_to_decimal": "1000", "unit_amount": "0"}, {"up_to_inf": "inf", "unit_amount": "0.2"}]
    calls = rate("rcdr_1", metered_item=item, tiers=tiers, tiering_mode="graduated", unit_amount=None)
    return [calls, rate("rcdr_2", metered_item={"id": "bli_2", "display_name": "storage"}, unit_amount="10")]


def usage(started: int, value: Json) -> JsonObject:
    """An hour of usage, under the id that the sweep gives it."""
    return {
        "id": f"mtr_1/{CUS}/{written(started)}",
        "object": "billing.meter_event_summary",
        "aggregated_value": value,
        "meter": "mtr_1",
        "start_time": started,
        "end_time": started + HOUR,
    }


def transaction(identifier: str, *, credit: int = 0, debit: int = 0, effective_at: int = NOW - DAY) -> JsonObject:
    side = "credit" if credit else "debit"
    amount: JsonObject = {"amount": {"monetary": {"currency": "eur", "value": credit or debit}}}
    other = {"credit": "debit", "debit": "credit"}[side]
    sides: JsonObject = {side: amount, other: None}
    return sample("billing.credit_balance_transaction", id=identifier, credit_grant="credgr_1", **sides) | {
        "effective_at": effective_at
    }


@pytest.fixture
def filled(cloud: Cloud) -> Cloud:
    cloud.pin()
    cloud.put(sample("customer", id=CUS, name="Acme GmbH", balance=0, currency="eur"), customer=CUS)
    started = NOW - 10 * DAY
    month: JsonObject = {"type": "day", "interval_count": 30}
    due = written(started + 30 * DAY)
    cloud.put(cadence("bc_1", CUS, billing_cycle=month, next_billing_date=due), customer=CUS)
    cloud.put(rate_card("rcd_1", display_name="API usage 2026", currency="eur"))
    cloud.put(version("rcdv_0", created="2026-01-01T00:00:00.000Z"))
    cloud.put(version("rcdv_1", created="2026-02-01T00:00:00.000Z"), members=rates())
    for one in rates():
        cloud.put(one)
    transitions: JsonObject = {"activated_at": "2026-03-03T09:00:00.000Z"}
    cloud.put(subscription("rcds_1", servicing_status_transitions=transitions), customer=CUS)
    return cloud


def shown(command: Command, identifier: str = CUS) -> JsonObject:
    (one,) = values(command("customer", identifier, "--json"))
    return one


def only(listed: Json) -> JsonObject:
    assert isinstance(listed, list)
    (one,) = listed
    assert isinstance(one, dict)
    return one


@pytest.mark.usefixtures("filled")
def test_a_rate_card_subscription_shows_its_own_rates_in_words(command: Command) -> None:
    held = only(shown(command)["subscriptions"])
    assert (held["id"], held["status"]) == ("rcds_1", "active, current")
    assert (held["status_since"], held["cadence"]) == ("2026-03-03T09:00:00.000Z", "bc_1")
    text = command("customer", CUS).stdout
    assert text.startswith("Acme GmbH  cus_1  test\nas of 2023-11-14 22:13:20 UTC (")
    assert "  rcds_1  API usage 2026  rcd_1  v2 of 2\n" in text
    assert "      active, current since 2026-03-03 09:00 UTC, next invoice " in text
    assert "      calls    first 1,000 free, then €0.002 each\n      storage  €0.10 each\n" in text
    assert "Open invoices\n  none\n" in text


def hold(cloud: Cloud, rate_of_version: JsonObject) -> None:
    """The customer has a subscription whose version has this rate only."""
    cloud.put(version("rcdv_2", created="2026-03-01T00:00:00.000Z"), members=[rate_of_version])
    cloud.put(rate_of_version, parent="rcd_1")
    cloud.put(subscription("rcds_2", rate_card_version="rcdv_2"), customer=CUS)


def test_a_pricing_plan_shows_its_name(filled: Cloud, command: Command) -> None:
    filled.put(sample("v2.billing.pricing_plan", id="bpp_1", display_name="Atlas Team"))
    plan = sample("v2.billing.pricing_plan_subscription", id="bpps_1", billing_cadence="bc_1", pricing_plan="bpp_1")
    filled.put(plan, customer=CUS)
    assert "  bpps_1  Atlas Team  bpp_1" in command("customer", CUS).stdout


def test_rates_and_credit_in_custom_pricing_units_are_shown_by_their_names(filled: Cloud, command: Command) -> None:
    unit: JsonObject = {"id": "cpu_1", "value": "0.004"}
    filled.put(sample("v2.billing.custom_pricing_unit", id="cpu_1", display_name="Atlas credits"))
    tiles: JsonObject = {"id": "bli_1", "display_name": "tiles", "meter": "mtr_1"}
    priced = rate("rcdr_3", metered_item=tiles, unit_amount=None, custom_pricing_unit_amount=unit)
    hold(filled, priced)
    given: JsonObject = {"amount": {"type": "custom_pricing_unit", "custom_pricing_unit": {**unit, "value": "120.5"}}}
    grant = sample("billing.credit_grant", id="credgr_2", customer=CUS, effective_at=NOW - DAY, expires_at=None)
    filled.put(grant | given, customer=CUS)
    text = command("customer", CUS).stdout
    assert "      tiles  0.004 Atlas credits each\n" in text
    assert "  left of credit grants  120.5 Atlas credits\n" in text
    assert only(shown(command)["credit_left"]) == {
        "amount": Decimal("120.5"),
        "custom_pricing_unit": "cpu_1",
        "words": "120.5 Atlas credits",
    }


def test_what_a_custom_pricing_unit_costs_beyond_the_credit(filled: Cloud, command: Command) -> None:
    beyond = sample(
        "v2.billing.rate_card_custom_pricing_unit_overage_rate",
        id="cpuor_1", rate_card="rcd_1", rate_card_version="rcdv_1", unit_amount="1.25",
    )  # fmt: skip
    hold(filled, beyond)
    assert "      Atlas credits beyond the grant  €0.0125 per credit\n" in command("customer", CUS).stdout


def test_a_payment_status_that_is_not_current_counts(filled: Cloud, command: Command) -> None:
    late: JsonObject = {"past_due_at": "2026-11-21T10:00:00.000Z"}
    changed = subscription("rcds_2", collection_status="past_due", collection_status_transitions=late)
    filled.put(changed, customer=CUS)
    assert "active, past_due since 2026-11-21 10:00 UTC" in command("customer", CUS).stdout


def test_a_v1_subscription_shows_quantities_and_exact_prices(filled: Cloud, command: Command) -> None:
    price = sample("price", id="price_1", product="prod_1", nickname=None, unit_amount=None, currency="eur")
    price |= {"unit_amount_decimal": "4900.05", "billing_scheme": "per_unit", "transform_quantity": None, "tiers": None}
    price |= {"recurring": {"interval": "month", "interval_count": 1, "meter": None}, "custom_unit_amount": None}
    filled.put(price)
    filled.put(sample("product", id="prod_1", name="Pro"))
    item: JsonObject = {"id": "si_1", "price": {"id": "price_1", "object": "price"}, "quantity": 3}
    held = sample("subscription", id="sub_1", customer=CUS, status="past_due", discounts=["di_1"], ended_at=None)
    filled.put(held | {"items": {"object": "list", "data": [item]}}, customer=CUS)
    text = command("customer", CUS).stdout
    assert "sub_1  Atlas for the Albany team  discounts: 1\n      past_due, started 2026-09-14 " in text
    assert "      Pro  3 x €49.0005 each, every month\n" in text


def test_open_invoices_show_what_is_due_and_how_late(filled: Cloud, command: Command) -> None:
    base = sample("invoice", customer=CUS, status="open", currency="eur")
    filled.put(base | {"id": "in_1", "amount_remaining": 14700, "due_date": NOW - 7 * DAY - 60}, customer=CUS)
    filled.put(base | {"id": "in_2", "amount_remaining": 100, "due_date": None, "currency": "jpy"}, customer=CUS)
    filled.put(base | {"id": "in_3", "amount_remaining": 1, "due_date": NOW + DAY}, customer=CUS)
    filled.put(base | {"id": "in_4", "status": "paid"}, customer=CUS)
    lines = command("customer", CUS).stdout.partition("Open invoices\n")[2].splitlines()
    assert {line.split()[0]: line.split(maxsplit=1)[1] for line in lines} == {
        "in_1": f"€147.00  due {written(NOW - 7 * DAY - 60)[:16].replace('T', ' ')} UTC, 7 days late",
        "in_2": "100 JPY  without a due date",
        "in_3": f"€0.01    due {written(NOW + DAY)[:16].replace('T', ' ')} UTC",
    }
    invoices = shown(command)["open_invoices"]
    assert isinstance(invoices, list)
    assert {one["id"]: one["days_late"] for one in invoices if isinstance(one, dict)} == {
        "in_1": 7,
        "in_2": None,
        "in_3": 0,
    }


@pytest.mark.parametrize(("formula", "quantity"), [("sum", Decimal("1200.25")), ("last", Decimal("200.25"))])
def test_usage_of_this_period_is_summed_as_the_meter_does(
    filled: Cloud, command: Command, formula: str, quantity: Decimal
) -> None:
    filled.put(sample("billing.meter", id="mtr_1", display_name="API calls", default_aggregation={"formula": formula}))
    filled.put(usage(THIS_HOUR - 11 * DAY, 77), customer=CUS)  # before this period
    filled.put(usage(THIS_HOUR - 2 * DAY, 1000), customer=CUS)
    filled.put(usage(THIS_HOUR - HOUR, Decimal("200.25")), customer=CUS)
    used = only(shown(command)["usage"])
    assert used["quantity"] == quantity
    assert used["until"] == written(THIS_HOUR)
    assert f"  API calls  {quantity:,}  " in command("customer", CUS).stdout


def test_credit_left_is_what_was_granted_less_what_was_used(filled: Cloud, command: Command) -> None:
    filled.put(sample("billing.credit_grant", id="credgr_1", customer=CUS), customer=CUS)
    filled.put(transaction("cbtxn_1", credit=5000), customer=CUS)
    filled.put(transaction("cbtxn_2", debit=3001), customer=CUS)
    filled.put(transaction("cbtxn_3", credit=9000, effective_at=NOW + DAY), customer=CUS)
    assert only(shown(command)["credit_left"])["amount"] == 1999
    assert "  left of credit grants  €19.99\n" in command("customer", CUS).stdout


def test_a_grant_without_transactions_counts_whole_while_it_is_valid(filled: Cloud, command: Command) -> None:
    eur: JsonObject = {"type": "monetary", "monetary": {"currency": "eur", "value": 2000}}
    grant = sample("billing.credit_grant", customer=CUS, amount=eur, effective_at=NOW - DAY, expires_at=None)
    filled.put(grant | {"id": "credgr_1"}, customer=CUS)
    filled.put(grant | {"id": "credgr_2", "expires_at": NOW - 60}, customer=CUS)
    filled.put(grant | {"id": "credgr_3", "voided_at": NOW - 60}, customer=CUS)
    filled.put(grant | {"id": "credgr_4", "effective_at": NOW + DAY}, customer=CUS)
    assert only(shown(command)["credit_left"])["amount"] == 2000


def test_a_balance_says_whose_it_is(filled: Cloud, command: Command) -> None:
    filled.put(sample("customer", id="cus_2", balance=-1500, currency="eur"), customer="cus_2")
    assert "  €15.00, credit for the next invoice\n" in command("customer", "cus_2").stdout


@pytest.mark.usefixtures("filled")
def test_an_unknown_customer_is_a_sentence(cloud: Cloud, command: Command) -> None:
    result = command("customer", "cus_9")
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    assert result.stderr.splitlines() == [
        "The mirror has never seen the customer cus_9 (test).",
        f"If Stripe has it: billing-mirror refresh --stack {cloud.name} cus_9 --type customer.",
    ]


def test_an_account_that_is_a_customer_is_shown_without_a_name(filled: Cloud, command: Command) -> None:
    filled.put(sample("invoice", id="in_9", customer_account="acct_9", status="open"), customer="acct_9")
    result = command("customer", "acct_9")
    assert result.exit_code == ExitCode.OK, result.output
    assert result.stdout.startswith("acct_9  test\n")
    assert "in_9" in result.stdout


def test_a_deleted_customer_says_so(filled: Cloud, command: Command) -> None:
    filled.put_tombstone(sample("customer", id=CUS))
    assert "deleted at Stripe" in command("customer", CUS).stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("cycle", "following", "start"),
    [
        ({"type": "month", "interval_count": 1, "month": {"day_of_month": 31}}, "2026-02-28", "2026-01-31"),
        ({"type": "month", "interval_count": 1, "month": {"day_of_month": 31}}, "2026-05-31", "2026-04-30"),
        ({"type": "month", "interval_count": 3, "month": {"day_of_month": 14}}, "2026-01-14", "2025-10-14"),
        ({"type": "year", "interval_count": 1, "year": {"day_of_month": 29}}, "2025-02-28", "2024-02-29"),
        ({"type": "week", "interval_count": 2}, "2026-03-09", "2026-02-23"),
        ({"type": "day"}, "2026-03-01", "2026-02-28"),
        ({"type": "fortnight"}, "2026-03-01", None),
    ],
)
def test_a_period_started_one_interval_before_it_ends(cycle: JsonObject, following: str, start: str | None) -> None:
    body = cadence("bc_1", billing_cycle=cycle, next_billing_date=f"{following}T06:45:30.000Z")
    found = period_start(Cadence("bc_1", body))
    assert (found and found.strftime("%Y-%m-%dT%H:%M:%S")) == (start and f"{start}T06:45:30")
