"""What happens at Stripe in each scenario."""

from collections.abc import Awaitable, Callable

from billing_mirror.core.json_body import Json, JsonObject

from .account import Account

Scenario = Callable[[Account], Awaitable[None]]
CARD = "/v2/billing/rate_cards/rcd_1"
SPELLED = "/v2/billing/rate_cards/:rate_card_id"
"""How the documentation shows the URLs of what is in a rate card: https://docs.stripe.com/api/v2/rate-cards"""
RATES = 200
HOUR = 3600.0
SHOWN_LINES = 10
"""Entries of a list inside an object that Stripe shows at once."""


async def sign_ups(account: Account) -> None:
    """Ten customers, each with a cadence and a rate card subscription, in one burst."""
    for number in range(10):
        _sign_up(account, number)
    await account.settle()


async def rate_card(account: Account) -> None:
    """A rate card with 200 rates, whose events have placeholders in their URLs."""
    account.put("v2.billing.rate_card", "rcd_1", CARD, {"live_version": "rcdv_1"}, "created")
    _put_version(account, "rcdv_1", RATES)
    for number in range(RATES):
        _put_rate(account, number)
    _show_rates(account, "rcdv_1", RATES)
    await account.settle()


async def one_more_rate(account: Account) -> None:
    """One more rate on a card with 200: a new version."""
    await rate_card(account)
    account.harness.clock.advance(HOUR)
    account.counts.clear()
    account.changed = 0
    _put_version(account, "rcdv_2", RATES + 1)
    _put_rate(account, RATES, "rcdv_2")
    account.put("v2.billing.rate_card", "rcd_1", CARD, {"live_version": "rcdv_2"})
    _show_rates(account, "rcdv_2", RATES + 1)
    await account.settle()


async def month_end(account: Account) -> None:
    """Ten invoices of 14 lines and two of 130: each is created, finalized and paid within seconds."""
    for number, lines in enumerate([14] * 10 + [130] * 2):
        _put_invoice(account, f"in_{number}", lines, "created", status="draft")
        _put_invoice(account, f"in_{number}", lines, "updated", "finalized", status="open")
        _put_invoice(account, f"in_{number}", lines, "updated", "paid", status="paid")
    await account.settle()


async def month_end_in_steps(account: Account) -> None:
    """The same, with ten seconds between the changes: a fetch after each."""
    for status, events in (("draft", ("created",)), ("open", ("updated", "finalized")), ("paid", ("updated", "paid"))):
        for number, lines in enumerate([14] * 10 + [130] * 2):
            _put_invoice(account, f"in_{number}", lines, *events, status=status)
        await account.deliver()
        account.harness.clock.advance(10)
    await account.settle()


async def late_duplicates(account: Account) -> None:
    """Every event of ten sign-ups and of a month end once more, an hour later."""
    await sign_ups(account)
    await month_end(account)
    account.harness.clock.advance(HOUR)
    account.counts.clear()
    account.changed = 0
    await account.redeliver()


async def life(account: Account) -> None:
    """The life of a subscription in v2: a round for each change."""
    _sign_up(account, 0)
    await account.settle()
    for status in ("past_due", "current"):
        _subscription(account, 0, f"collection_{status}", collection_status=status)
        await account.settle()
    for number in range(3):
        _cadence(account, 0, "billed", next_billing_date=f"2026-0{number + 1}-01T00:00:00.000Z")
        _put_invoice(account, f"in_{number}", 3, "created", "finalized", "paid", status="paid")
        await account.settle()
    for name, status in (("servicing_paused", "paused"), ("servicing_activated", "active")):
        _subscription(account, 0, name, servicing_status=status)
        await account.settle()
    _subscription(account, 0, "servicing_canceled", "canceled", servicing_status="canceled")
    _cadence(account, 0, "canceled", status="canceled")
    await account.settle()


SCENARIOS: dict[str, Scenario] = {
    "ten sign-ups in v2": sign_ups,
    "a rate card with 200 rates": rate_card,
    "one more rate": one_more_rate,
    "month end, in one burst": month_end,
    "month end, in three steps": month_end_in_steps,
    "late duplicates": late_duplicates,
    "the life of a subscription in v2": life,
}


def _sign_up(account: Account, number: int) -> None:
    account.put("customer", f"cus_{number}", f"/v1/customers/cus_{number}", {}, "created")
    profile = f"/v2/billing/profiles/bilp_{number}"
    account.put("v2.billing.profile", f"bilp_{number}", profile, {"customer": f"cus_{number}"})
    payer: JsonObject = {"type": "customer", "customer": f"cus_{number}", "billing_profile": f"bilp_{number}"}
    _cadence(account, number, "created", payer=payer, status="active")
    account.put_list(f"/v2/billing/cadences/bc_{number}/spend_modifier_rules", [])
    fields: dict[str, Json] = {"billing_cadence": f"bc_{number}", "rate_card": "rcd_1", "servicing_status": "active"}
    _subscription(account, number, "activated", "servicing_activated", **fields)


def _cadence(account: Account, number: int, *events: str, **fields: Json) -> None:
    account.put("v2.billing.cadence", f"bc_{number}", f"/v2/billing/cadences/bc_{number}", fields, *events)


def _subscription(account: Account, number: int, *events: str, **fields: Json) -> None:
    url = f"/v2/billing/rate_card_subscriptions/rcds_{number}"
    account.put("v2.billing.rate_card_subscription", f"rcds_{number}", url, fields, *events)


def _put_version(account: Account, identifier: str, rates: int) -> None:
    path = f"versions/{identifier}"
    account.put(
        "v2.billing.rate_card_version",
        identifier,
        f"{CARD}/{path}",
        {"rate_card_id": "rcd_1", "rates": rates},
        "created",
        spelled=f"{SPELLED}/{path}",
        data={"rate_card_id": "rcd_1"},
    )


def _put_rate(account: Account, number: int, version: str = "rcdv_1") -> None:
    path = f"rates/rcdr_{number}"
    account.put(
        "v2.billing.rate_card_rate",
        f"rcdr_{number}",
        f"{CARD}/{path}",
        {"rate_card": "rcd_1", "rate_card_version": version},
        "created",
        spelled=f"{SPELLED}/{path}",
        data={"rate_card": "rcd_1"},
    )


def _show_rates(account: Account, version: str, rates: int) -> None:
    objects = account.harness.stripe.objects
    shown = [objects[f"{CARD}/rates/rcdr_{number}"] for number in range(rates)]
    account.put_list(f"{CARD}/rates", shown, rate_card_version=version)
    account.put_list(f"{CARD}/custom_pricing_unit_overage_rates", [], rate_card_version=version)


def _put_invoice(account: Account, identifier: str, lines: int, *events: str, **fields: Json) -> None:
    url = f"/v1/invoices/{identifier}"
    whole: list[JsonObject] = [{"id": f"il_{number}", "object": "line_item"} for number in range(lines)]
    shown: JsonObject = {"object": "list", "data": [*whole[:SHOWN_LINES]], "has_more": lines > SHOWN_LINES}
    account.put("invoice", identifier, url, {"customer": "cus_0", "lines": shown, **fields}, *events)
    account.put_list(f"{url}/lines", whole, **{"expand[0]": "data.discounts"})
