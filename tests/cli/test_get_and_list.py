"""``get`` and ``list`` show what the mirror holds."""

from decimal import Decimal

import pytest

from billing_mirror.core.json_body import JsonObject
from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command, values
from tests.doubles.samples import cadence, rate, sample, subscription

SUBSCRIPTION = "v2.billing.rate_card_subscription"


@pytest.fixture
def filled(cloud: Cloud) -> Cloud:
    cloud.pin()
    cloud.put(subscription("rcds_1"), customer="cus_1")
    cloud.put(subscription("rcds_2", collection_status="past_due"), customer="cus_2")
    cloud.put(subscription("rcds_3", servicing_status="canceled"), customer="cus_1")
    return cloud


def ids(command: Command, *arguments: str) -> set[object]:
    return {one["id"] for one in values(command("list", *arguments, "--json"))}


def test_get_shows_the_body_and_what_the_mirror_knows(filled: Cloud, command: Command) -> None:
    (shown,) = values(command("get", "rcds_1", "--json"))
    assert shown["body"] == subscription("rcds_1")
    assert (shown["type"], shown["customer"], shown["token"]) == (SUBSCRIPTION, "cus_1", 1)
    text = command("get", "rcds_1").stdout
    assert "as of 2023-11-14 22:13:20 UTC (" in text
    assert '"billing_cadence": "bc_1"' in text
    assert filled.table not in text


def test_get_writes_numbers_digit_for_digit(filled: Cloud, command: Command) -> None:
    filled.put(rate("rcdr_1", tiers=[{"up_to": Decimal("1000.000000000001")}]))
    assert "1000.000000000001" in command("get", "rcdr_1").stdout
    assert "1000.000000000001" in command("get", "rcdr_1", "--json").stdout


def test_get_shows_the_last_body_of_a_deleted_object(filled: Cloud, command: Command) -> None:
    filled.put_tombstone(subscription("rcds_1"))
    (shown,) = values(command("get", "rcds_1", "--json"))
    assert shown["deleted"] is True
    assert "deleted at Stripe" in command("get", "rcds_1").stdout


def test_get_of_an_accepted_quote_shows_what_it_became(filled: Cloud, command: Command) -> None:
    quote: JsonObject = {
        "id": "qt_1",
        "object": "quote",
        "status": "accepted",
        "status_transitions": {"accepted_at": 1_700_000_000},
        "invoice": "in_1",
        "subscription": None,
        "subscription_schedule": "sub_sched_1",
    }
    filled.put(quote)
    filled.put({"id": "in_1", "object": "invoice", "status": "open"})
    above, _, _ = command("get", "qt_1").stdout.partition("{")
    assert above.splitlines()[2:] == [
        "accepted 2023-11-14 22:13:20 UTC",
        "invoice                in_1         open",
        "subscription_schedule  sub_sched_1  not mirrored",
    ]
    filled.put({**quote, "id": "qt_2", "status": "open", "status_transitions": {"accepted_at": None}})
    above, _, _ = command("get", "qt_2").stdout.partition("{")
    assert len(above.splitlines()) == 2


@pytest.mark.usefixtures("filled")
def test_get_of_an_unknown_id_says_so_and_what_to_do(cloud: Cloud, command: Command) -> None:
    result = command("get", "rcds_9")
    assert result.exit_code == ExitCode.FAILED
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "The mirror has never seen rcds_9 (test).",
        f"If Stripe has it: billing-mirror refresh --stack {cloud.name} rcds_9.",
    ]


def test_get_tells_two_objects_with_one_id_apart(filled: Cloud, command: Command) -> None:
    filled.put(sample("coupon", id="gold"))
    filled.put(sample("plan", id="gold"))
    for type_name in ("coupon", "plan"):
        (shown,) = values(command("get", "gold", "--type", type_name, "--json"))
        assert shown["type"] == type_name


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([], {"rcds_1", "rcds_2", "rcds_3"}),
        (["--customer", "cus_1"], {"rcds_1", "rcds_3"}),
        (["--status", "canceled"], {"rcds_3"}),
        (["--status", "past_due"], {"rcds_2"}),
        (["--parent", "rcd_1"], {"rcds_1", "rcds_2", "rcds_3"}),
        (["--parent", "rcd_1", "--customer", "cus_1", "--status", "active"], {"rcds_1"}),
        (["--customer", "cus_2", "--status", "canceled"], set()),
    ],
)
def test_list_finds_by_any_conditions(command: Command, conditions: list[str], found: set[object]) -> None:
    assert ids(command, SUBSCRIPTION, *conditions) == found


def test_an_object_with_one_status_of_both_kinds_is_listed_once(filled: Cloud, command: Command) -> None:
    filled.put(subscription("rcds_4", servicing_status="paused", collection_status="paused"))
    assert len(values(command("list", SUBSCRIPTION, "--status", "paused", "--json"))) == 1


@pytest.mark.usefixtures("filled")
def test_list_ends_at_its_limit(command: Command) -> None:
    assert len(ids(command, SUBSCRIPTION, "--limit", "2")) == 2


@pytest.mark.parametrize("verb", [("list", "customer"), ("get", "cus_9")])
def test_a_customers_id_is_not_repeated_as_that_of_its_customer(
    filled: Cloud, command: Command, verb: tuple[str, ...]
) -> None:
    filled.put({"id": "cus_9", "object": "customer", "created": 1}, customer="cus_9")
    (shown,) = values(command(*verb, "--json"))
    assert shown["customer"] == "cus_9"
    lines = [line for line in command(*verb).stdout.splitlines() if '"' not in line]
    assert sum(line.count("cus_9") for line in lines) == 1


def test_list_does_not_stop_at_a_page(filled: Cloud, command: Command) -> None:
    for number in range(120):
        filled.put(cadence(f"bc_{number}"))
    result = command("list", "v2.billing.cadence")
    assert len(result.stdout.splitlines()) == 120
    assert result.stderr == "120 objects\n"


@pytest.mark.usefixtures("filled")
def test_list_of_a_misspelled_type_names_the_right_one(command: Command) -> None:
    result = command("list", "rate_card_subscriptions")
    assert result.exit_code == ExitCode.USAGE
    assert "rate_card_subscriptions" in result.stderr.splitlines()[0]
    assert SUBSCRIPTION in result.stderr


def test_list_shows_a_type_outside_the_catalog(filled: Cloud, command: Command) -> None:
    filled.put({"id": "thing_1", "object": "thing", "created": 1})
    assert ids(command, "thing") == {"thing_1"}


def test_the_scope_is_that_of_the_account_that_filled_the_table(cloud: Cloud, command: Command) -> None:
    cloud.put(subscription("rcds_1"))
    assert command("get", "rcds_1").exit_code != ExitCode.OK  # nothing is pinned: live
    cloud.pin()
    assert command("get", "rcds_1").exit_code == ExitCode.OK
    assert command("get", "rcds_1", "--scope", "live").exit_code != ExitCode.OK
    cloud.pin("live")
    both = command("get", "rcds_1")
    assert (both.exit_code, both.stderr.splitlines()[0]) == (1, "The table holds a live and a test account.")
