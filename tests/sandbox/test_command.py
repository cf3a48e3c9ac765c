"""``billing-mirror --sandbox`` on the deployed bundle: each verb finds the sandbox, and does what it says."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from billing_mirror_cli.app import app
from billing_mirror_cli.failures import ExitCode

from .conftest import Bundle, Shop, eventually

SUBSCRIPTION = "v2.billing.rate_card_subscription"
PRODUCT = "product"
Command = Callable[..., Result]


@pytest.fixture
def command(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a verb in a clone whose sandbox is the deployed bundle."""
    known = {**asdict(bundle.endpoints), "api_key": "rk_test_standin"}
    (tmp_path / ".sandbox").mkdir()
    (tmp_path / ".sandbox" / "endpoints.json").write_text(json.dumps(known))
    monkeypatch.chdir(tmp_path)
    environment = {"COLUMNS": "80", "NO_COLOR": "1"}

    def run(*words: str, **variables: str) -> Result:
        given = [*words, "--sandbox"]
        return CliRunner().invoke(app, given, env={**environment, **variables}, prog_name="billing-mirror")

    return run


def test_get_and_list_read_the_mirror(bundle: Bundle, shop: Shop, command: Command) -> None:
    subscription = shop.subscription()
    assert eventually(partial(bundle.reader.get, subscription)) is not None
    assert json.loads(command("get", subscription, "--json").stdout)["type"] == SUBSCRIPTION
    listed = command("list", SUBSCRIPTION, "--parent", shop.card)
    assert (listed.exit_code, listed.stdout.split()[0]) == (ExitCode.OK, subscription)


def test_verify_repairs_a_lost_change_and_then_finds_none(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Seats"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    bundle.stripe.update(product, {"name": "Desks"}, without_event=True)
    assert command("verify", PRODUCT, "--dry-run").exit_code == ExitCode.DRIFT
    repaired = command("verify", PRODUCT)
    assert repaired.exit_code == ExitCode.DRIFT, repaired.output
    assert "DRIFT  1 object repaired" in repaired.stdout
    assert command("verify", PRODUCT).exit_code == ExitCode.OK
    assert json.loads(command("get", product, "--json").stdout)["body"]["name"] == "Desks"


def test_recover_and_backfill_add_what_no_event_announced(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Silent"}, without_event=True)["id"]
    assert command("recover").exit_code == ExitCode.OK
    assert command("get", product).exit_code == ExitCode.FAILED
    filled = command("backfill", PRODUCT)
    assert filled.exit_code == ExitCode.OK, filled.output
    assert command("get", product).exit_code == ExitCode.OK


def test_status_reads_the_whole_stack(bundle: Bundle, command: Command) -> None:
    assert command("recover").exit_code == ExitCode.OK  # now it is known whose key the stack has
    result = command("status", "--json")
    shown = json.loads(result.stdout)
    assert (shown["stack"], shown["scope"], shown["quarantined"]) == ("billing-mirror", "test", 0), result.output
    assert (shown["state"] == "healthy") is (result.exit_code == ExitCode.OK)
    assert bundle.endpoints.table not in command("status").stdout


def test_each_verb_is_run_here() -> None:
    single = {f'"{one.name}"' for one in app.registered_commands}
    groups = [(one.name, one.typer_instance) for one in app.registered_groups]
    grouped = {f'"{name}", "{one.name}"' for name, group in groups if group for one in group.registered_commands}
    source = Path(__file__).read_text()
    elsewhere = {'"console"'}  # test_console.py
    assert {verb for verb in single | grouped if f"command({verb}" not in source} == elsewhere


def test_history_shows_what_a_change_replaced(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Benches"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    bundle.stripe.update(product, {"name": "Stools"})
    eventually(lambda: '"Benches" -> "Stools"' in command("history", product).stdout)
    shown = command("history", product)
    assert '"Benches" -> "Stools"' in shown.stdout, (shown.output, bundle.reader.get(product))


def test_events_are_those_of_the_released_stack(command: Command) -> None:
    shown = command("events")
    assert shown.exit_code == ExitCode.OK, shown.output
    assert "v1.invoice.paid" in shown.stdout.splitlines()


def test_forget_removes_what_only_the_mirror_holds(bundle: Bundle, command: Command) -> None:
    customer = bundle.stripe.create("customer", {"name": "Ann", "email": "ann@example.com"})["id"]
    assert eventually(partial(bundle.reader.get, customer)) is not None
    still_shown = command("forget", customer, "--yes")
    assert still_shown.exit_code == ExitCode.FAILED, still_shown.output
    assert "Stripe still shows 1 customer" in still_shown.stdout
    bundle.stripe.remove(customer)
    assert eventually(lambda: (found := bundle.reader.get(customer)) is not None and found.deleted)
    assert "ann@example.com" in command("get", customer).stdout
    forgotten = command("forget", customer, "--yes")
    assert forgotten.exit_code == ExitCode.OK, forgotten.output
    found = bundle.reader.get(customer)
    assert found is not None
    assert (found.deleted, found.body) == (True, {})
    assert "ann@example.com" not in command("get", customer).stdout


def test_a_quarantined_message_is_shown_and_dropped(bundle: Bundle, command: Command) -> None:
    bundle.sqs.send_message(QueueUrl=bundle.endpoints.queue_url, MessageBody=json.dumps({"no": "message"}))
    (group,) = eventually(lambda: command("quarantine", "list", "--json").stdout.splitlines())
    name = json.loads(group)["group"]
    shown = command("quarantine", "show", name)
    assert (shown.exit_code, '{"no": "message"}' in shown.stdout) == (ExitCode.OK, True), shown.output
    dropped = command("quarantine", "drop", name, "--yes")
    assert (dropped.exit_code, dropped.stdout) == (ExitCode.OK, "1 message deleted.\n"), dropped.output
    assert command("quarantine", "list").stdout == "The quarantine is empty.\n"


def test_a_quarantined_message_is_retried(bundle: Bundle, command: Command) -> None:
    bundle.stripe.faults(api=[{"status": 403, "path_prefix": "/v1/products"}])
    product = bundle.stripe.create(PRODUCT, {"name": "Chairs"})["id"]
    groups = eventually(lambda: command("quarantine", "list", "--json").stdout.splitlines())
    (group,) = [json.loads(line) for line in groups]
    bundle.stripe.clear_faults()
    assert command("quarantine", "retry", group["group"]).exit_code == ExitCode.OK
    assert eventually(partial(bundle.reader.get, product)) is not None
    assert command("quarantine", "list").stdout == "The quarantine is empty.\n"


def test_diff_finds_a_lost_change_and_refresh_repairs_it(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Lamps"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    assert command("diff", product).exit_code == ExitCode.OK
    bundle.stripe.update(product, {"name": "Bulbs"}, without_event=True)
    different = command("diff", product, "--json")
    assert different.exit_code == ExitCode.DRIFT, different.output
    assert "name" in [one["path"] for one in json.loads(different.stdout)["differences"]]
    refreshed = command("refresh", product)
    assert (refreshed.exit_code, refreshed.stdout) == (ExitCode.OK, f"{product}  stored\n"), refreshed.output
    assert command("diff", product).exit_code == ExitCode.OK


def test_doctor_checks_stripe_and_aws(bundle: Bundle, command: Command) -> None:
    result = command("doctor", "--json")
    found = {one["check"]: one for one in map(json.loads, result.stdout.splitlines())}
    well = {
        "credentials", "stack", "Stripe key", "account", "key permissions", "event destination", "queue", "schedule",
        "table", "stream",
    }  # fmt: skip
    assert {name: found[name]["result"] for name in well} == dict.fromkeys(well, "ok"), result.output
    assert bundle.endpoints.signing_secret not in result.output


def test_customer_shows_the_rates_of_a_subscription(bundle: Bundle, shop: Shop, command: Command) -> None:
    subscription = shop.subscription()
    mirrored = eventually(partial(bundle.reader.get, subscription))
    assert mirrored is not None
    assert mirrored.customer is not None
    result = command("customer", mirrored.customer, "--json")
    assert result.exit_code == ExitCode.OK, result.output
    (held,) = json.loads(result.stdout)["subscriptions"]
    assert (held["id"], held["cadence"]) == (subscription, mirrored.body["billing_cadence"])
    assert subscription in command("customer", mirrored.customer).stdout


def test_tail_shows_what_the_functions_did(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Secret name"})["id"]
    # A verify run that were first would store it, and its event would change nothing.
    assert eventually(partial(bundle.reader.get, product)) is not None
    command("verify", PRODUCT)

    def entries() -> list[dict[str, object]]:
        return [
            json.loads(line) for line in command("tail", "--since", "5", "--timeout", "0", "--json").stdout.splitlines()
        ]

    stored = eventually(lambda: [one for one in entries() if one["id"] == product and one["outcome"] == "stored"])
    assert stored[0]["function"] == "process"
    accepted = [one for one in entries() if one["event_id"] == stored[0]["event_id"] and one["function"] == "ingest"]
    assert [one["outcome"] for one in accepted] == ["Accepted"]
    runs = eventually(lambda: [one for one in entries() if one["job"] == "verify" and one["type"] == PRODUCT])
    assert runs
    assert runs[-1]["outcome"] == "complete"
    assert "Secret name" not in command("tail", "--since", "5", "--timeout", "0", "--json").stdout


def test_prove_shows_what_verify_has_compared(bundle: Bundle, command: Command, tmp_path: Path) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Shelves"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    assert command("verify", PRODUCT).exit_code in (ExitCode.OK, ExitCode.DRIFT)
    command("prove", "--out", str(tmp_path / "proof.json"))
    types = {one["type"]: one for one in json.loads((tmp_path / "proof.json").read_text())["types"]}
    assert types[PRODUCT]["finding"] == "equal"
    assert types[PRODUCT]["run"]["compared"] >= 1


def test_export_writes_what_the_mirror_holds(bundle: Bundle, command: Command) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Tables"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    result = command("export", PRODUCT, "--format", "parquet")
    assert result.exit_code == ExitCode.OK, result.output
    written = parquet.read_table("export/product/product.parquet", columns=["id", "name"]).to_pylist()
    assert {"id": product, "name": "Tables"} in written


@pytest.fixture
def without_destination(bundle: Bundle) -> Iterator[str]:
    """A key that may set the bundle up, at a Stripe that sends it nothing; afterwards it sends everything again."""
    known = bundle.endpoints
    bundle.stripe.no_destination()
    bundle.stripe.key("rk_test_setup1")
    yield "rk_test_setup1"
    bundle.stripe.destination(known.webhook_url, [known.signing_secret])


def test_setup_makes_events_reach_the_table_and_then_changes_nothing(
    bundle: Bundle, command: Command, without_destination: str
) -> None:
    first = command("setup", "--json", STRIPE_SETUP_KEY=without_destination)
    assert first.exit_code == ExitCode.OK, first.output
    made = json.loads(first.stdout)
    assert (made["action"], made["signing_secret"]) == ("create", "stored")
    again = command("setup", STRIPE_SETUP_KEY=without_destination)
    assert again.stdout.splitlines()[-1] == "All was set up; nothing was changed.", again.output
    product = bundle.stripe.create(PRODUCT, {"name": "Tables"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    assert bundle.endpoints.signing_secret not in first.output + again.output
