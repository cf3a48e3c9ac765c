"""The dashboard and the alarms use metrics that the functions emit, and the alarms say what to do."""

from typing import Any

import pytest

from billing_mirror.core import backoff
from billing_mirror.core.catalog import Category
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
ALARM_METRICS = {
    "QuarantineNotEmpty": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QuarantineName"),
    "QueueTooOld": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
    "MessagesPostponed": ("BillingMirror", "QueueDelay", "process"),
    "DriftUnresolved": ("BillingMirror", "DriftUnresolved", "reconcile"),
    "ProcessWrongAccount": ("BillingMirror", "WrongAccount", "process"),
    "ReconcileWrongAccount": ("BillingMirror", "WrongAccount", "reconcile"),
    "ProcessMissingFields": ("BillingMirror", "MissingFields", "process"),
    "ReconcileMissingFields": ("BillingMirror", "MissingFields", "reconcile"),
    "UnstorableNoticed": ("BillingMirror", "UnstorableNoticed", "reconcile"),
    "DeletionsHeld": ("BillingMirror", "DeletionsHeld", "reconcile"),
    "RemovalsHeld": ("BillingMirror", "RemovalsHeld", "process"),
    "SignatureFailures": ("BillingMirror", "SignatureFailures", "ingest"),
    "ProcessRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "process"),
    "ProcessNotPermitted": ("BillingMirror", "StripePermissionFailures", "process"),
    "OtherModeOnly": ("BillingMirror", "OtherMode", "process"),
    "ReconcileRefusedByStripe": ("BillingMirror", "StripeAuthFailures", "reconcile"),
    "ReconcileSilent": ("BillingMirror", "ReconcileSeconds", "reconcile"),
    "TypesFail": ("BillingMirror", "FailingTypes", "reconcile"),
    "VerifyLate": ("BillingMirror", "VerifyOverdue", "reconcile"),
    "EventsUnread": ("BillingMirror", "EventsUnreadSince", "reconcile"),
    "WebhookFails": ("AWS/ApiGateway", "5xx", "ApiId"),
    "EventsUndelivered": ("AWS/Events", "FailedInvocations", "PartnerEventBus"),
    "ProcessFails": ("AWS/Lambda", "Errors", "ProcessFunction"),
    "ReconcileFails": ("AWS/Lambda", "Errors", "ReconcileFunction"),
}


LEFT_TO_THE_LOG = {
    ("process", "ChainEnded"),
    ("process", "Unstorable"),
    ("reconcile", "DriftFound"),  # the sum of the kinds, which are charted
    ("reconcile", "FalseAlarms"),
    ("reconcile", "StripePermissionFailures"),  # of a type that the key may not read, which is allowed
}


def test_every_metric_has_a_function_that_emits_it() -> None:
    assert set().union(*EMITTED.values()) == set(Metric)


def test_the_dashboard_shows_our_metrics_with_the_dimensions_they_are_emitted_with() -> None:
    for namespace, name, dimensions in charted_metrics():
        if namespace == "BillingMirror":
            assert name in EMITTED[dimensions["service"]]
            own = {"category": Category(dimensions["category"])} if name == Metric.RUN_AGE else {}
            assert dimensions == {"service": dimensions["service"], "stack": "StackName", **own}


def test_the_dashboard_or_an_alarm_shows_all_our_metrics() -> None:
    charted = {
        (dimensions["service"], name)
        for namespace, name, dimensions in charted_metrics()
        if namespace == "BillingMirror"
    }
    emitted = {(service, str(metric)) for service, metrics in EMITTED.items() for metric in metrics}
    alarms = {(_dimensions(alarm).get("service"), alarm["MetricName"]) for alarm in ALARMS.values()}
    assert emitted - charted - alarms == LEFT_TO_THE_LOG, "chart it in ops/template.yaml"


def test_the_dashboard_shows_the_age_of_runs_of_each_category() -> None:
    shown = [dimensions["category"] for _, name, dimensions in charted_metrics() if name == Metric.RUN_AGE]
    assert sorted(shown) == sorted(Category)


def test_the_dashboard_has_few_enough_metrics_to_be_free() -> None:
    """Three dashboards of up to 50 metrics each cost nothing: https://aws.amazon.com/cloudwatch/pricing/"""
    assert len({(namespace, name, *dimensions.items()) for namespace, name, dimensions in charted_metrics()}) <= 50


def test_the_dimensions_of_the_dashboard_are_parameters() -> None:
    known = {*MONITORING["Parameters"], *FUNCTIONS, *Category}
    for _, _, dimensions in charted_metrics():
        assert {value for value in dimensions.values() if value} <= known


def test_widgets_do_not_overlap() -> None:
    """The grid has 24 columns."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        fields = {(column, row) for column in columns for row in rows}
        assert not fields & taken
        assert max(columns) < 24
        taken |= fields


def test_each_alarm_uses_its_metric() -> None:
    assert {name: _metric(alarm) for name, alarm in ALARMS.items()} == ALARM_METRICS


@pytest.mark.parametrize("name", [name for name, alarm in ALARMS.items() if alarm["Namespace"] == "BillingMirror"])
def test_an_alarm_uses_the_dimensions_its_metric_is_emitted_with(name: str) -> None:
    alarm = ALARMS[name]
    dimensions = _dimensions(alarm)
    assert alarm["MetricName"] in EMITTED[dimensions["service"]]
    assert dimensions["stack"] == {"Ref": "StackName"}
    assert set(dimensions) == {"service", "stack"}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_notifies_the_topic(name: str) -> None:
    alarm = ALARMS[name]
    assert len(alarm["AlarmDescription"].split()) > 12
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]


def test_missing_data_is_a_failure_only_for_reconcile_and_is_ignored_only_for_drift() -> None:
    by_name = {name: alarm["TreatMissingData"] for name, alarm in ALARMS.items()}
    special = {"ReconcileSilent": "breaching", "DriftUnresolved": "ignore"}
    assert by_name == {name: special.get(name, "notBreaching") for name in ALARMS}


def test_only_email_and_event_bridge_are_optional() -> None:
    conditional = {
        name: resource["Condition"] for name, resource in MONITORING["Resources"].items() if "Condition" in resource
    }
    assert conditional == {"AlarmsByEmail": "WithEmail", "EventsUndelivered": "WithPartnerEventBus"}


def test_a_postponed_message_is_retried_in_every_period_of_its_alarm() -> None:
    assert ALARMS["MessagesPostponed"]["Period"] >= backoff.MAX_PAUSE


def test_reconcile_counts_as_silent_only_after_a_full_invocation_and_several_intervals() -> None:
    alarm = ALARMS["ReconcileSilent"]
    assert alarm["Period"] >= properties("ReconcileFunction")["Timeout"]
    longest = alarm["Period"] * alarm["EvaluationPeriods"]
    assert longest > 3 * BUNDLE["Parameters"]["RecoverMinutes"]["Default"] * 60
    assert BUNDLE["Parameters"]["ReconcileRate"]["Default"] == "rate(5 minutes)"


def test_the_alarm_for_unread_events_comes_while_stripe_still_lists_them() -> None:
    definition = ALARMS["EventsUnread"]
    alarm_after = definition["Threshold"] + definition["Period"] * definition["EvaluationPeriods"]
    assert definition["Threshold"] == 25 * DAY
    assert alarm_after < KEPT - 4 * DAY


def test_types_that_an_account_does_not_have_trigger_no_alarm() -> None:
    """Reconcile requests every type, and Stripe may respond 403 to some of them in every run."""
    metrics = [_metric(alarm)[1:] for alarm in ALARMS.values()]
    assert ("StripePermissionFailures", "reconcile") not in metrics


def _metric(alarm: dict[str, Any]) -> tuple[str, str, str]:
    dimensions = _dimensions(alarm)
    source = dimensions.get("service") or next(iter(dimensions.values()))["Ref"]
    return alarm["Namespace"], alarm["MetricName"], source


def _dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
