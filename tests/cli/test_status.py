"""``status`` on a stack: its screen, its JSON and its exit code."""

import time

import boto3
import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Job, Resolution, Run, Status
from billing_mirror.core.runs.schedule import DAY
from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command, values

EQUAL = Counts(compared=10, equal=10)


def completed(
    cloud: Cloud, name: str, *, started_at: float, job: Job = Job.VERIFY, watermark: str = "", counts: Counts = EQUAL
) -> Run:
    run = Run(
        name,
        job,
        started_at,
        updated_at=started_at + 1,
        finished_at=started_at + 1,
        status=Status.COMPLETE,
        watermark=watermark,
        counts=counts,
    )
    cloud.record(run)
    return run


def fill(cloud: Cloud, account: str = "acct_1") -> None:
    """Every type was compared a minute ago."""
    cloud.pin(account=account)
    now = time.time()
    for one in RECONCILED_TYPES:
        completed(cloud, one.name, started_at=now - 60)
    completed(cloud, "recover", started_at=now - 60, job=Job.RECOVER, watermark=times.iso(now - 180))


@pytest.fixture
def compared(cloud: Cloud) -> Cloud:
    """A stack whose every type was compared a minute ago."""
    fill(cloud)
    return cloud


def test_a_healthy_stack(compared: Cloud, command: Command) -> None:
    result = command("status")
    assert result.exit_code == ExitCode.OK, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"{compared.name}  us-east-1  test, account acct_1, version 0.2.0"
    assert lines[2] == "  HEALTHY   Every type matched Stripe when it was last compared."
    assert f"objects      {10 * len(RECONCILED_TYPES)} when last compared" in result.stdout
    assert "drift, 30 d  none" in result.stdout


def test_a_message_in_quarantine_makes_it_fail(compared: Cloud, command: Command) -> None:
    compared.sqs.send_message(QueueUrl=compared.quarantine_url, MessageBody="{}")
    result = command("status")
    assert result.exit_code == ExitCode.FAILED
    assert "  FAILING   1 message in quarantine" in result.stdout
    assert "billing-mirror quarantine list" in result.stdout


def test_an_object_that_the_table_cannot_hold_makes_it_fail(compared: Cloud, command: Command) -> None:
    counts = Counts(compared=10, equal=9, unstorable=1)
    completed(compared, "invoice", started_at=time.time() - 30, counts=counts)
    result = command("status")
    assert result.exit_code == ExitCode.FAILED
    assert "  FAILING   1 object that the table cannot hold: invoice." in result.stdout
    assert "docs/operations.md#unstorablenoticed" in result.stdout


def test_what_a_run_left_open_stays_open_while_the_next_one_runs(compared: Cloud, command: Command) -> None:
    now = time.time()
    completed(compared, "invoice", started_at=now - 30, counts=Counts(compared=10, unresolved=1))
    compared.record(Run("invoice", Job.VERIFY, now - 5, updated_at=now - 5))
    result = command("status")
    assert result.exit_code == ExitCode.FAILED
    assert "  FAILING   1 difference unresolved: invoice." in result.stdout


def test_a_type_that_fails_tick_after_tick_is_named_with_its_last_error(compared: Cloud, command: Command) -> None:
    now, said = time.time(), "Stripe refuses the list: parameter_unknown, expand"
    compared.record(Run("invoice", Job.VERIFY, now - 5, updated_at=now - 5, reason=said, failures=24))
    result = command("status")
    assert result.exit_code == ExitCode.FAILED
    assert f"  FAILING   The verify run of invoice met an error at each of its last 24 ticks: {said}." in result.stdout
    assert "docs/operations.md#typesfail" in result.stdout
    (shown,) = values(command("status", "--json"))
    runs, problems = shown["runs"], shown["problems"]
    assert isinstance(runs, dict)
    assert isinstance(runs["invoice"], dict)
    assert runs["invoice"]["failures"] == 24
    assert isinstance(problems, list)
    assert [one["state"] for one in problems if isinstance(one, dict)] == ["failing"]
    assert "FAIL     status             The verify run of invoice met" in command("doctor").stdout


def test_no_age_is_stated_where_no_message_waits(compared: Cloud, command: Command) -> None:
    name = compared.queue_url.rpartition("/")[2]
    boto3.client("cloudwatch", endpoint_url=compared.endpoint).put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Value": 400,
                "Dimensions": [{"Name": "QueueName", "Value": name}],
            }
        ],
    )
    assert command("status").exit_code == ExitCode.OK
    compared.sqs.send_message(QueueUrl=compared.queue_url, MessageBody="{}")
    assert "1 waiting, the oldest for 6 min" in command("status").stdout


def test_the_same_facts_in_json(compared: Cloud, command: Command) -> None:
    compared.sqs.send_message(QueueUrl=compared.queue_url, MessageBody="{}")
    (shown,) = values(command("status", "--json"))
    assert (shown["state"], shown["problems"], shown["quarantined"]) == ("healthy", [], 0)
    assert shown["queue"] == {"waiting": 1, "in_flight": 0, "delayed": 0, "oldest_seconds": None}
    assert shown["objects"] == {one.name: 10 for one in RECONCILED_TYPES}


def test_drift_of_thirty_days_is_counted_by_type(compared: Cloud, command: Command) -> None:
    now = time.time()
    old, new = (completed(compared, "product", started_at=now - days * DAY) for days in (31, 1))
    compared.note(old, Drift("prod_1", Difference.DIFFERENT, Resolution.REPAIRED), now - 31 * DAY)
    for identifier in ("prod_2", "prod_3"):
        compared.note(new, Drift(identifier, Difference.DIFFERENT, Resolution.REPAIRED), now - DAY)
    compared.note(new, Drift("prod_4", Difference.DIFFERENT, Resolution.FALSE_ALARM), now - DAY)
    result = command("status")
    assert "drift, 30 d  2 found, 2 repaired (product 2)" in result.stdout
    (shown,) = values(command("status", "--json"))
    assert shown["drift_30_days"] == {"product": {"repaired": 2, "false_alarm": 1}}


def test_a_new_stack_says_what_it_lacks(cloud: Cloud, command: Command) -> None:
    result = command("status")
    assert result.exit_code == ExitCode.FAILED
    assert "  FAILING   Reconcile has never run." in result.stdout
    assert cloud.name in result.stdout
