"""``tail`` shows what the functions log: each entry once, and never a body."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.logs.entries import read_line
from billing_mirror_cli.logs.follower import LogFollower
from billing_mirror_cli.output import Output
from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import Cloud, Command, Function, values

ROOT = Path(__file__).parents[2]
AT = 1_790_000_000.0
STORED: JsonObject = {
    "level": "INFO",
    "message": "stored",
    "service": "process",
    "outcome": "stored",
    "event_id": "evt_1",
    "event_type": "v1.invoice.updated",
    "type": "invoice",
    "key": "test#in_1",
    "lag_ms": 412,
    "receive_count": 1,
    "trace": None,
}
REFUSED: JsonObject = {
    **STORED,
    "level": "WARNING",
    "message": "Stripe answered 403",
    "outcome": "quarantined",
    "lag_ms": None,
    "type": "customer",
    "key": "test#customer/cus_1",
}
RUN: JsonObject = {
    "level": "INFO",
    "message": "reconciled",
    "service": "reconcile",
    "type": "invoice",
    "dry_run": False,
    "job": "verify",
    "status": "complete",
    "reason": "",
    "compared": 120,
    "repaired": 2,
    "pages": 2,
}
ACCEPTED: JsonObject = {
    "_aws": {"Timestamp": 1},
    "service": "ingest",
    "message": "accepted",
    "status": 200,
    "outcome": "Accepted",
    "event_id": "evt_1",
    "event_type": "v1.invoice.updated",
    "Accepted": [1],
}
METRICS: JsonObject = {"_aws": {"Timestamp": 1}, "service": "process", "Stored": [1]}


class Log:
    """A log group in the emulator."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.name = name
        self.client = boto3.client("logs", endpoint_url=endpoint)
        self.client.create_log_group(logGroupName=name)
        self.client.create_log_stream(logGroupName=name, logStreamName="a")

    def write(self, *records: JsonObject | str, ago: float = 1.0) -> None:
        at = int((time.time() - ago) * 1000)
        lines = [one if isinstance(one, str) else json_body.write(one) for one in records]
        events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
        self.client.put_log_events(logGroupName=self.name, logStreamName="a", logEvents=events)  # type: ignore[arg-type]


@pytest.fixture
def log(cloud: Cloud, function: Function) -> Iterator[Log]:
    made = Log(cloud.endpoint, f"{cloud.table}-log")
    function.log_group = made.name
    yield made
    made.client.delete_log_group(logGroupName=made.name)


def read(record: JsonObject, function: str = "process") -> JsonObject | None:
    entry = read_line(function, AT, json_body.write(record))
    return entry.to_json() if entry else None


def test_an_entry_says_which_object_and_how_it_ended() -> None:
    shown = read(STORED)
    assert shown is not None
    assert {name: shown[name] for name in ("id", "type", "event_id", "outcome", "reason", "lag_ms")} == {
        "id": "in_1",
        "type": "invoice",
        "event_id": "evt_1",
        "outcome": "stored",
        "reason": "",
        "lag_ms": 412,
    }
    refused = read(REFUSED)
    assert refused is not None
    assert (refused["id"], refused["reason"]) == ("cus_1", "Stripe answered 403")


def test_an_answer_of_ingest_is_an_entry_beside_its_metric() -> None:
    shown = read(ACCEPTED, "ingest")
    assert shown is not None
    assert (shown["outcome"], shown["reason"]) == ("Accepted", "accepted")
    assert (shown["event_id"], shown["event_type"]) == ("evt_1", "v1.invoice.updated")
    assert read(METRICS) is None


def test_a_run_shows_its_counts() -> None:
    shown = read(RUN, "reconcile")
    assert shown is not None
    assert (shown["job"], shown["type"], shown["outcome"], shown["reason"]) == ("verify", "invoice", "complete", "")
    assert shown["counts"] == {"compared": 120, "repaired": 2}


def test_a_refreshed_object_shows_its_outcome() -> None:
    columns: JsonObject = {"id": "in_1", "type": "invoice", "outcome": None, "reason": "out of time"}
    shown = read({"service": "reconcile", "message": "out of time", "object": columns}, "reconcile")
    assert shown is not None
    assert (shown["id"], shown["outcome"], shown["reason"]) == ("in_1", "failed", "out of time")


@pytest.mark.parametrize(
    "record",
    [
        METRICS,
        {"service": "process", "level": "INFO", "message": {"Records": [{"body": "sk_live_1"}]}},
        {"service": "another", "message": "sk_live_1"},
        {"type": "platform.report", "record": {"status": "success"}},
        {"type": "platform.start", "record": {}},
    ],
)
def test_what_is_no_entry_is_left_out(record: JsonObject) -> None:
    assert read(record) is None


def test_an_entry_has_no_column_but_those_that_the_handlers_write() -> None:
    entry = read({**STORED, "trace": "secret", "body": "secret", "xray": {"secret": "secret"}})
    assert entry is not None
    assert "secret" not in json_body.write(entry)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"errorType": "KeyError", "errorMessage": "sk_live_1", "stackTrace": ["sk_live_1"]}, "unforeseen KeyError"),
        ({"type": "platform.report", "record": {"status": "timeout"}}, "the invocation ended with timeout"),
    ],
)
def test_an_invocation_that_failed_is_shown_without_its_text(record: JsonObject, reason: str) -> None:
    shown = read(record)
    assert shown is not None
    assert (shown["outcome"], shown["reason"]) == ("failed", reason)
    assert "sk_live_1" not in json_body.write(shown)


def test_tail_shows_a_line_for_each_entry(log: Log, command: Command) -> None:
    log.write("START RequestId: 1", METRICS, STORED, REFUSED, RUN)
    result = command("tail", "--timeout", "0")
    assert result.exit_code == ExitCode.OK, result.output
    day, stored, refused, run = result.stdout.splitlines()
    assert day.endswith(" UTC")
    assert stored[8:] == "  process    stored         in_1  v1.invoice.updated  0.4 s"
    assert refused[8:] == "  process    quarantined    cus_1  v1.invoice.updated  Stripe answered 403"
    assert run[8:] == "  reconcile  complete       verify invoice  compared 120, repaired 2"


PUBLISHED: JsonObject = {
    "level": "INFO",
    "message": "published",
    "service": "changes",
    "outcome": "published",
    "change": "invoice.updated",
    "key": "test#in_1",
    "token": 3,
}


def test_tail_shows_the_changes_function_where_there_is_one(cloud: Cloud, log: Log, command: Command) -> None:
    log.write(STORED, PUBLISHED)
    assert "published" not in command("tail", "--timeout", "0").stdout
    cloud.deploy(ChangesFunction="changes")
    _, _, published = command("tail", "--timeout", "0").stdout.splitlines()
    assert published[8:] == "  changes    published      in_1  invoice.updated"


def test_tail_begins_where_it_should_and_writes_json(log: Log, command: Command) -> None:
    log.write(STORED, ago=400)
    log.write(REFUSED)
    assert [one["outcome"] for one in values(command("tail", "--timeout", "0", "--json"))] == ["quarantined"]
    both: list[Json] = [one["outcome"] for one in values(command("tail", "--since", "10", "--timeout", "0", "--json"))]
    assert both == ["stored", "quarantined"]


def test_a_follower_gives_late_entries_and_each_once(
    cloud: Cloud, log: Log, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", function.address)
    session = Session(stack=cloud.name, sandbox=False, scope=None, region=None, output=Output(as_json=True))
    follower = LogFollower(session, time.time() - 60)
    assert follower.read() == []
    log.write(STORED, STORED)
    assert [entry.outcome for entry in follower.read()] == ["stored", "stored"]
    log.write(REFUSED, ago=5)  # written before the others, and shown after them
    assert [entry.outcome for entry in follower.read()] == ["quarantined"]
    assert follower.read() == []


def test_a_log_that_does_not_exist_yet_is_empty(cloud: Cloud, command: Command) -> None:
    cloud.function.log_group = ""
    result = command("tail", "--timeout", "0")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "")


def test_ctrl_c_ends_it_without_a_word(cloud: Cloud, log: Log) -> None:
    log.write(STORED)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("layers", "cli")),
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ENDPOINT_URL_LAMBDA": cloud.function.address,
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "billing_mirror_cli", "tail", "--stack", cloud.name, "--json"],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert json_body.parse(started.stdout.readline())["outcome"] == "stored"
    started.send_signal(signal.SIGINT)
    rest, errors = started.communicate(timeout=20)
    assert (started.returncode, rest, errors) == (ExitCode.INTERRUPTED, "", "")
