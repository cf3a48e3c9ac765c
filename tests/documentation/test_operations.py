"""docs/operations.md, compared with the alarms, the jobs, the records and the answers of reconcile."""

import json
import re
from dataclasses import fields

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import Category
from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.runs.forgetting import ForgetRequest
from billing_mirror.core.runs.objects_request import ObjectsRequest
from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.core.runs.run_request import RunRequest, read_request
from billing_mirror.reader import Difference, Drift, Resolution
from billing_mirror.reader import Run as RunRead
from billing_mirror.reconcile.report import Result
from docs import dashboard
from tests.documentation.pages import blocks, first_column, headings, section, table, text_of
from tests.template.templates import MONITORING, of_type

OPERATIONS = text_of("docs/operations.md")
PAYLOADS = re.findall(r"^ask '([^']+)'", OPERATIONS, re.MULTILINE)


def test_every_alarm_has_a_section() -> None:
    alarms = [*of_type("AWS::CloudWatch::Alarm", MONITORING), *of_type("AWS::CloudWatch::CompositeAlarm", MONITORING)]
    assert sorted(headings(section(OPERATIONS, "## Alarms"))) == sorted(alarms)


def test_every_alarm_says_what_to_do() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm", MONITORING):
        assert len(section(OPERATIONS, f"### {alarm}").split()) > 10


def test_the_outcomes_are_those_of_the_code() -> None:
    assert first_column(OPERATIONS, "outcome") == [*Outcome]


def test_the_jobs_are_those_of_the_code() -> None:
    assert sorted(first_column(OPERATIONS, "job")) == sorted(Job)


def test_every_payload_is_a_request_and_together_they_name_every_job() -> None:
    now = times.seconds("2026-11-30T00:00:00Z")
    requests = [read_request(json.loads(payload), livemode=True, now=now) for payload in PAYLOADS]
    runs = [request for request in requests if isinstance(request, RunRequest)]
    assert {job for request in runs for _, job in request.jobs} == set(Job)
    assert [request.dry_run for request in runs].count(True) == 1
    assert [type(request) for request in requests if request not in runs] == [ObjectsRequest, ForgetRequest]


def test_the_results_are_those_of_the_code_in_their_order() -> None:
    assert first_column(OPERATIONS, "result") == [*Result]


def test_a_refused_request_is_answered_as_shown() -> None:
    (shown,) = blocks(OPERATIONS, "json refused")
    with pytest.raises(InvalidRequest, match=f"^{re.escape(json.loads(shown)['reason'])}$"):
        RunRequest.parse({"types": ["charge"]})


def test_the_fields_of_a_run_record_are_those_of_the_code() -> None:
    run, counts = ({one.name for one in fields(kind)} for kind in (Run, Counts))
    assert set(first_column(OPERATIONS, "field")) == (run - {"counts"}) | counts | {"found"}


def test_the_reader_has_all_fields_of_a_record_but_those_that_are_named() -> None:
    read = {one.name for kind in (RunRead, Counts) for one in fields(kind)} | {"found"}
    (named,) = re.findall(r"`reader\.runs\(type\)` has all but (.+?), and the numbers", OPERATIONS, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == [one for one in first_column(OPERATIONS, "field") if one not in read]


def test_every_status_is_described() -> None:
    (meaning,) = [cells[1] for cells in table(OPERATIONS, "field") if cells[0] == "`status`"]
    assert {*re.findall(r"`(\w+)`", meaning)} == {*Status}


def test_the_record_that_is_shown_is_one_that_reconcile_answers() -> None:
    (shown,) = blocks(OPERATIONS, "json record")
    answer = json.loads(shown)
    ((name, record),) = answer["runs"].items()
    assert (answer["result"], record["found"] > 0, record["unresolved"] + record["in_flight"]) == ("drift", True, 0)
    assert record.keys() | {"type", "expires_at"} == Run(name, Job.VERIFY, 0.0).to_item().keys()
    assert record["found"] == record["repaired"] + record["unresolved"]
    assert record["compared"] == record["equal"] + record["missing"] + record["different"] + record["false_alarms"]


def test_the_evidence_that_is_shown_is_what_the_reader_returns() -> None:
    (lines,) = blocks(OPERATIONS, "json lines")
    shown = [json.loads(line) for line in lines.splitlines()]
    assert len(shown) == 2
    for drift in shown:
        assert list(drift) == [column.name for column in fields(Drift)]
        assert drift["difference"] in [*Difference]
        assert drift["resolution"] in [*Resolution]
    order = [(drift["run"], drift["id"]) for drift in shown]
    assert order == sorted(order, reverse=True)


def test_the_picture_of_the_dashboard_is_that_of_the_template_and_the_recorded_run() -> None:
    wanted = dashboard.fingerprint(text_of("ops/template.yaml"), text_of("docs/metrics.json"))
    assert f"<title>{wanted}</title>" in text_of("docs/dashboard.svg"), "run `make docs`"


def test_every_metric_of_the_dashboard_that_the_functions_emit_is_read_from_the_recorded_run() -> None:
    metrics = json.loads(text_of("docs/metrics.json"))
    widgets = dashboard.body(text_of("ops/template.yaml"))["widgets"]
    drawn = {line.label for widget in widgets for line in dashboard.lines(widget["properties"], metrics) if line.values}
    assert {"event to stored, p99", "Stored", "compared", "Accepted", "process: requests"} <= drawn
    assert {*Category} <= drawn, "a line for each category that RunAge names"


def test_what_a_limit_costs_at_most_follows_from_the_prices() -> None:
    guard_rails = section(text_of("docs/operations.md"), "### Guard rails")
    day = 1000 * 86400 / 1e6
    assert f"${day * 0.125:.2f} a" in guard_rails
    assert f"${day * 0.625:.0f} (us-east-1)" in guard_rails
