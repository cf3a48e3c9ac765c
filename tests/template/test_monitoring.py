"""The dashboard and the alarms look at metrics that exist, where they exist, and say what to do."""

from typing import Any

import pytest

from billing_mirror.core import backoff
from billing_mirror.core.metrics import Metric
from billing_mirror.core.schedule import DAY
from billing_mirror.reconcile.recover import KEPT
from tests.emitted_metrics import EMITTED
from tests.template.templates import (
    BUNDLE,
    FUNCTIONS,
    MONITORING,
    charted_metrics,
    dashboard,
    of_type,
    properties,
)

ALARMS = of_type("AWS::CloudWatch::Alarm", MONITORING)
WATCHED = {
    "QuarantineNotEmpty": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QuarantineName"),
    "QueueTooOld": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
    "MessagesPostponed": ("BillingMirror", "QueueDelay", "process"),
    "DriftUnresolved": ("BillingMirror", "DriftUnresolved", "reconcile"),
    "SignatureFailures": ("BillingMirror", "SignatureFailures", "ingest"),
    "ProcessRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "process"),
    "ProcessNotPermitted": ("BillingMirror", "StripePermissionFailures", "process"),
    "ReconcileRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "reconcile"),
    "ReconcileSilent": ("BillingMirror", "ReconcileSeconds", "reconcile"),
    "EventsUnread": ("BillingMirror", "EventsUnreadSince", "reconcile"),
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
            per_type = {"type": ""} if name == Metric.RUN_AGE else {}
            assert dimensions == {"service": dimensions["service"], "stack": "StackName", **per_type}


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
        assert {value for value in dimensions.values() if value} <= known


def test_widgets_lie_side_by_side() -> None:
    """No two of them cover the same field of the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        object_types = range(widget["y"], widget["y"] + widget["height"])
        fields = {(column, object_type) for column in columns for object_type in object_types}
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
    assert ALARMS["MessagesPostponed"]["Period"] >= backoff.MAX_PAUSE


def test_silence_is_longer_than_any_invocation_and_several_pauses() -> None:
    silent = ALARMS["ReconcileSilent"]
    assert silent["Period"] >= properties("ReconcileFunction")["Timeout"]
    longest = silent["Period"] * silent["EvaluationPeriods"]
    assert longest > 3 * BUNDLE["Parameters"]["RecoverMinutes"]["Default"] * 60
    assert BUNDLE["Parameters"]["ReconcileRate"]["Default"] == "rate(5 minutes)"


def test_unread_events_ring_while_stripe_still_lists_them() -> None:
    unread = ALARMS["EventsUnread"]
    rings_after = unread["Threshold"] + unread["Period"] * unread["EvaluationPeriods"]
    assert unread["Threshold"] == 25 * DAY
    assert rings_after < KEPT - 4 * DAY


def test_what_an_account_does_not_have_does_not_ring_for_ever() -> None:
    """Reconcile asks for every type, and Stripe may answer 403 to some of them each time."""
    watched = [_watched(alarm)[1:] for alarm in ALARMS.values()]
    assert ("StripePermissionFailures", "reconcile") not in watched


def _watched(alarm: dict[str, Any]) -> tuple[str, str, str]:
    dimensions = _dimensions(alarm)
    where = dimensions.get("service") or next(iter(dimensions.values()))["Ref"]
    return alarm["Namespace"], alarm["MetricName"], where


def _dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
