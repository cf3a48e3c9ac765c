"""The dashboard and the alarms look at metrics that exist, where they exist, and say what to do."""

from typing import Any

import pytest

from billing_mirror.core import backoff
from billing_mirror.core.metrics import Metric
from tests.emitted_metrics import EMITTED
from tests.template.templates import FUNCTIONS, MONITORING, charted_metrics, dashboard, of_type

ALARMS = of_type("AWS::CloudWatch::Alarm", MONITORING)
WATCHED = {
    "QuarantineNotEmpty": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QuarantineName"),
    "QueueTooOld": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
    "MessagesPostponed": ("BillingMirror", "QueueDelay", "process"),
    "DriftUnresolved": ("BillingMirror", "DriftUnresolved", "reconcile"),
    "SignatureFailures": ("BillingMirror", "SignatureFailures", "ingest"),
    "ProcessRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "process"),
    "ReconcileRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "reconcile"),
    "ReconcileSilent": ("BillingMirror", "ReconcileSeconds", "reconcile"),
    "WebhookFails": ("AWS/ApiGateway", "5xx", "ApiId"),
    "EventsUndelivered": ("AWS/Events", "FailedInvocations", "PartnerEventBus"),
    "ProcessFails": ("AWS/Lambda", "Errors", "ProcessFunction"),
    "ReconcileFails": ("AWS/Lambda", "Errors", "ReconcileFunction"),
}


def test_every_metric_has_a_function_that_emits_it() -> None:
    assert set().union(*EMITTED.values()) == set(Metric)


def test_the_dashboard_charts_our_metrics_where_they_are_emitted() -> None:
    for namespace, name, dimensions in charted_metrics():
        if namespace == "BillingMirror":
            assert name in EMITTED[dimensions["service"]]
            assert dimensions == {"service": dimensions["service"], "stack": "StackName"}


def test_the_dashboard_leaves_none_of_our_metrics_out() -> None:
    charted = {
        (dimensions["service"], name)
        for namespace, name, dimensions in charted_metrics()
        if namespace == "BillingMirror"
    }
    emitted = {(service, str(metric)) for service, metrics in EMITTED.items() for metric in metrics}
    assert emitted - charted == {("reconcile", "ReconcileSeconds")}, "only the dead man's alarm looks at it"


def test_the_dashboard_names_only_parameters() -> None:
    known = {*MONITORING["Parameters"], *FUNCTIONS}
    for _, _, dimensions in charted_metrics():
        assert set(dimensions.values()) <= known


def test_widgets_lie_side_by_side() -> None:
    """No two of them cover the same field of the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        fields = {(column, row) for column in columns for row in rows}
        assert not fields & taken
        assert max(columns) < 24
        taken |= fields


def test_the_alarms_watch_what_they_are_for() -> None:
    assert {name: _watched(alarm) for name, alarm in ALARMS.items()} == WATCHED


@pytest.mark.parametrize("name", [name for name, alarm in ALARMS.items() if alarm["Namespace"] == "BillingMirror"])
def test_an_alarm_looks_where_its_metric_is_emitted(name: str) -> None:
    alarm = ALARMS[name]
    dimensions = _dimensions(alarm)
    assert alarm["MetricName"] in EMITTED[dimensions["service"]]
    assert dimensions["stack"] == {"Ref": "StackName"}
    assert set(dimensions) == {"service", "stack"}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_reaches_somebody(name: str) -> None:
    alarm = ALARMS[name]
    assert len(alarm["AlarmDescription"].split()) > 12
    assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]


def test_silence_is_bad_news_only_for_the_dead_mans_alarm_and_no_news_for_drift() -> None:
    by_name = {name: alarm["TreatMissingData"] for name, alarm in ALARMS.items()}
    special = {"ReconcileSilent": "breaching", "DriftUnresolved": "ignore"}
    assert by_name == {name: special.get(name, "notBreaching") for name in ALARMS}


def test_only_the_second_door_may_be_missing() -> None:
    conditional = {name: one["Condition"] for name, one in MONITORING["Resources"].items() if "Condition" in one}
    assert conditional == {"AlarmsByEmail": "WithEmail", "EventsUndelivered": "WithPartnerEventBus"}


def test_postponed_messages_are_seen_in_every_period() -> None:
    assert ALARMS["MessagesPostponed"]["Period"] >= backoff.LONGEST


def _watched(alarm: dict[str, Any]) -> tuple[str, str, str]:
    dimensions = _dimensions(alarm)
    where = dimensions.get("service") or next(iter(dimensions.values()))["Ref"]
    return alarm["Namespace"], alarm["MetricName"], where


def _dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
