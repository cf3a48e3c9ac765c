"""The examples, deployed beside the stack: gates that survive duplicates, kills and replays; a page that waits."""

import runpy
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from dev.sandbox.build import sam
from dev.sandbox.deploy import session
from dev.sandbox.listener import Listener
from dev.sandbox.ministack import CREDENTIALS
from tests.template_file import ROOT

from .conftest import Bundle, Shop, eventually

SUBSCRIPTION = "v2.billing.rate_card_subscription"
EXAMPLE = ROOT / "examples" / "entitlement_gate"
KILLED = """
import os, pathlib
from handler import lambda_handler

KILLS = 4
tries = pathlib.Path(os.environ["TRIES"])

def kill_first(event, context):
    mark = tries / event["id"]
    turn = len([*tries.glob("*.killed")])
    killed = not mark.exists() and turn < KILLS
    mark.touch()
    if killed and turn % 2:
        kill(mark)
    lambda_handler(event, context)
    if killed:
        kill(mark)
    mark.with_suffix(".done").touch()

def kill(mark):
    mark.with_suffix(".killed").touch()
    os._exit(1)
"""
"""The function is killed at the first try of the first events: before its write or after it, in turn."""


@dataclass(frozen=True)
class Gates:
    """The deployed example."""

    bundle: Bundle
    table: str
    tries: Path

    def open(self) -> dict[str, bool]:
        """Of each subscription that has a gate, whether it is open."""
        items = self.bundle.dynamodb.scan(TableName=self.table)["Items"]
        return {item["subscription"]["S"].partition("#")[2]: item["open"]["BOOL"] for item in items}

    def forget(self) -> None:
        for item in self.bundle.dynamodb.scan(TableName=self.table)["Items"]:
            self.bundle.dynamodb.delete_item(TableName=self.table, Key={"subscription": item["subscription"]})

    def tried(self, end: str) -> int:
        """How many tries were ``done`` so far, or ``killed``."""
        return len([*self.tries.glob(f"*.{end}")])


@pytest.fixture(scope="module")
def gates(deployed: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gates]:
    directory = tmp_path_factory.mktemp("gate")
    code = directory / "code"
    shutil.copytree(EXAMPLE, code)
    (code / "killed.py").write_text(KILLED)
    tries = directory / "tries"
    tries.mkdir()
    endpoint, stack = deployed.endpoints.aws_endpoint, "gate"
    arguments = [
        "deploy",
        f"--template-file={code / 'template.yaml'}",
        f"--stack-name={stack}",
        "--s3-bucket=artifacts",
    ]
    arguments += ["--capabilities=CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"]
    arguments += ["--parameter-overrides", f"ChangesBus={deployed.endpoints.changes_bus}"]
    sam(directory, arguments, {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "SAM_CLI_POLL_DELAY": "0.1"})
    functions = session().client("lambda", endpoint_url=endpoint)
    stacks = session().client("cloudformation", endpoint_url=endpoint)
    (found,) = stacks.describe_stacks(StackName=stack)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
    process = functions.get_function_configuration(FunctionName=deployed.endpoints.process_function)
    functions.update_function_configuration(
        FunctionName=outputs["Gate"],
        Handler="killed.kill_first",
        Layers=[process["Layers"][0]["Arn"]],  # Lambda's runtime has boto3; the emulator's interpreter has none
        Environment={"Variables": {"GATE_TABLE": outputs["Gates"], "TRIES": str(tries)}},
    )
    yield Gates(deployed, outputs["Gates"], tries)
    stacks.delete_stack(StackName=stack)  # the changes of other tests need no gates


@pytest.fixture(scope="module")
def archive(deployed: Bundle) -> Listener:
    """Keeps the events for a replay: the emulator has no archives."""
    return Listener(deployed.endpoints, "archive", {"detail-type": [{"prefix": f"{SUBSCRIPTION}."}]})


def entitled(bundle: Bundle, subscription: str) -> bool:
    """What the mirror says."""
    found = bundle.reader.get(subscription)
    assert found is not None
    body = found.body
    return body["servicing_status"] == "active" and body["collection_status"] in ("current", "past_due")


def replay(bundle: Bundle, events: list[JsonObject], random: Random) -> int:
    """Sends each event to the bus again, some of them twice, in any order; how many it has sent."""
    sent = [*events, *random.sample(events, k=3)]
    random.shuffle(sent)
    bus = session().client("events", endpoint_url=bundle.endpoints.aws_endpoint)
    for event in sent:
        entry = {"EventBusName": bundle.endpoints.changes_bus, "Source": str(event["source"])}
        entry |= {"DetailType": str(event["detail-type"]), "Detail": json_body.write(event["detail"])}
        assert bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    return len(sent)


def test_the_gates_show_what_the_mirror_says(bundle: Bundle, shop: Shop, gates: Gates, archive: Listener) -> None:
    ours = shop.subscriptions(3)
    for states in (("past_due", "unpaid", "paused"), ("unpaid", "current", "canceled")):
        assert bundle.wait_until_equal().differences == []
        for subscription, state in zip(ours, states, strict=True):
            bundle.stripe.transition(subscription, state)
    assert bundle.wait_until_equal().differences == []
    expected = {subscription: entitled(bundle, subscription) for subscription in ours}
    assert [*expected.values()] == [False, True, False]

    assert eventually(lambda: gates.open() == expected), gates.open()
    events = [event for events in iter(archive.received, []) for event in events]
    assert eventually(lambda: gates.tried("done") >= len(events)), "those of killed tries come again"
    assert gates.open() == expected
    assert gates.tried("killed") > 1

    done = gates.tried("done")
    gates.forget()
    sent = replay(bundle, events, Random(1))
    assert eventually(lambda: gates.tried("done") >= done + sent)
    assert gates.open() == expected


def test_the_success_page_shows_a_subscription_that_no_event_announces(bundle: Bundle) -> None:
    page = runpy.run_path(str(ROOT / "examples" / "success_page.py"))["success_page"]
    paid_at = datetime.now(UTC)
    customer = bundle.stripe.create("customer")["id"]
    subscription = bundle.stripe.create("subscription", {"customer": customer}, without_event=True)["id"]
    # Who sees "in a moment" reloads the page.
    assert eventually(lambda: "is active" in page(bundle.refreshing_reader(), subscription, paid_at))
