"""The dashboard and the alarms use metrics that the functions emit, and the alarms say what to do."""

import re
from collections.abc import Iterator

import pytest

from billing_mirror.core.catalog import Category
from billing_mirror.core.events import backoff
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.schedule import DAY, EVENTS_KEPT, HOUR
from dev.sandbox.metrics.alarm_arithmetic import ReadMetric, metrics_of, period_of
from tests.emitted_metrics import EMITTED
from tests.template.templates import (
    BUNDLE,
    DASHBOARDS,
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
    "QuarantineOld": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QuarantineName"),
    "QuarantineExpires": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QuarantineName"),
    "MessagesExpire": ("BillingMirror", "QueueDelay", "process"),
    "ChangesLate": ("AWS/Lambda", "IteratorAge", "ChangesFunction"),
    "ChangesThrottled": ("AWS/Lambda", "Throttles", "ChangesFunction"),
    "ChangesNearTimeout": ("AWS/Lambda", "Duration", "ChangesFunction"),
    "ChangesLost": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "ChangesDeadLetters"),
}
"""Those on one metric."""
EXPRESSIONS = {
    "QueueTooOld": ["AWS/SQS ApproximateAgeOfOldestMessage QueueName", "BillingMirror Filling reconcile"],
    "MessagesPostponed": ["BillingMirror QueueDelay process", "BillingMirror Filling reconcile"],
    "QueueUnread": ["AWS/SQS ApproximateNumberOfMessagesVisible QueueName", "AWS/Lambda Invocations ProcessFunction"],
    "EventsRecovered": ["BillingMirror EventsRecovered reconcile", "BillingMirror OtherMode process"],
    "EventsOftenRecovered": [
        "BillingMirror EventsRecovered reconcile",
        "BillingMirror OtherMode process",
        "BillingMirror Filling reconcile",
    ],
    "NoneAccepted": ["BillingMirror SignatureFailures ingest", "BillingMirror Accepted ingest"],
    "WebhookCrowded": [
        "AWS/ApiGateway 4xx ApiId",
        "BillingMirror Rejected ingest",
        "BillingMirror SignatureFailures ingest",
    ],
    "FunctionsThrottled": [f"AWS/Lambda Throttles {name}" for name in FUNCTIONS.values()],
    "ActivityUnproven": ["BillingMirror RunAge reconcile"],
    "ConfigurationUnproven": ["BillingMirror RunAge reconcile"],
    "CatalogUnproven": ["BillingMirror RunAge reconcile"],
    "TableThrottled": ["AWS/DynamoDB ReadThrottleEvents TableName", "AWS/DynamoDB WriteThrottleEvents TableName"],
    "NearTimeout": [f"AWS/Lambda Duration {name}" for name in FUNCTIONS.values()],
    "ChangesUnread": ["BillingMirror Stored process", "AWS/Lambda Invocations ChangesFunction"],
}
"""Those on several, and which."""
COMPOSITE = properties("MirrorUnhealthy", MONITORING)


LEFT_TO_THE_LOG = {
    ("process", "ChainEnded"),
    ("process", "Unstorable"),
    ("reconcile", "DriftFound"),  # the sum of the kinds, which are charted
    ("reconcile", "FalseAlarms"),
    ("reconcile", "BudgetUnshared"),  # process meets the same slow table, and its count is charted
    ("reconcile", "StripePermissionFailures"),  # of a type that the key may not read, which is allowed
}


def _charted() -> Iterator[tuple[str, str, dict[str, str]]]:
    """The metrics of all dashboards."""
    for name in DASHBOARDS:
        yield from charted_metrics(name)


def test_every_metric_has_a_function_that_emits_it() -> None:
    assert set().union(*EMITTED.values()) == set(Metric)


def test_the_dashboard_shows_our_metrics_with_the_dimensions_they_are_emitted_with() -> None:
    for namespace, name, dimensions in _charted():
        if namespace == "BillingMirror":
            assert name in EMITTED[dimensions["service"]]
            own = {"category": Category(dimensions["category"])} if name == Metric.RUN_AGE else {}
            assert dimensions == {"service": dimensions["service"], "stack": "StackName", **own}


def test_the_dashboard_or_an_alarm_shows_all_our_metrics() -> None:
    charted = {
        (dimensions["service"], name) for namespace, name, dimensions in _charted() if namespace == "BillingMirror"
    }
    emitted = {(service, str(metric)) for service, metrics in EMITTED.items() for metric in metrics}
    alarms = {_metric(metric)[:0:-1] for alarm in ALARMS.values() for metric in metrics_of(alarm).values()}
    assert emitted - charted - alarms == LEFT_TO_THE_LOG, "chart it in ops/template.yaml"


def test_the_dashboard_shows_the_age_of_runs_of_each_category() -> None:
    shown = [dimensions["category"] for _, name, dimensions in charted_metrics("Dashboard") if name == Metric.RUN_AGE]
    assert sorted(shown) == sorted(Category)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_has_few_enough_metrics_to_be_free(name: str) -> None:
    """Three dashboards of up to 50 metrics each cost nothing: https://aws.amazon.com/cloudwatch/pricing/"""
    assert (
        len({(namespace, metric, *dimensions.items()) for namespace, metric, dimensions in charted_metrics(name)}) <= 50
    )


def test_the_dashboard_of_changes_shows_what_the_alarms_on_changes_watch() -> None:
    charted = [*charted_metrics("ChangesDashboard")]
    of_changes = [alarm for name, alarm in ALARMS.items() if name.startswith("Changes")]
    watched = [metric for alarm in of_changes for metric in metrics_of(alarm).values()]
    assert len(watched) > len(of_changes) > 3
    assert [one for one in watched if (one.namespace, one.name, dict(one.dimensions)) not in charted] == []


def test_only_a_stack_with_changes_has_that_dashboard() -> None:
    resources, outputs = MONITORING["Resources"], MONITORING["Outputs"]
    alarm, shown = resources["ChangesLost"], resources["ChangesDashboard"]
    assert shown["Condition"] == outputs["ChangesDashboardUrl"]["Condition"] == alarm["Condition"]
    assert "Condition" not in resources["Dashboard"]


def test_the_dimensions_of_the_dashboard_are_parameters() -> None:
    known = {*MONITORING["Parameters"], *FUNCTIONS, *Category}
    for _, _, dimensions in _charted():
        assert {value for value in dimensions.values() if value} <= known


@pytest.mark.parametrize("name", DASHBOARDS)
def test_widgets_do_not_overlap(name: str) -> None:
    """The grid has 24 columns."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard(name)["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        fields = {(column, row) for column in columns for row in rows}
        assert not fields & taken
        assert max(columns) < 24
        taken |= fields


def test_each_alarm_uses_its_metric() -> None:
    single = {name: alarm for name, alarm in ALARMS.items() if "Metrics" not in alarm}
    assert {name: _metric(metrics_of(alarm)[""]) for name, alarm in single.items()} == ALARM_METRICS


def test_each_alarm_on_an_expression_uses_its_metrics() -> None:
    several = {name: alarm for name, alarm in ALARMS.items() if "Metrics" in alarm}
    used = {name: [" ".join(_metric(one)) for one in metrics_of(alarm).values()] for name, alarm in several.items()}
    assert used == EXPRESSIONS


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_uses_the_dimensions_its_metrics_are_emitted_with(name: str) -> None:
    """A test of the functions compares ``EMITTED`` with what they really emit, dimensions included."""
    for metric in metrics_of(ALARMS[name]).values():
        if metric.namespace == "BillingMirror":
            assert metric.name in EMITTED[metric.service]
            category = name.removesuffix("Unproven").lower()
            own = {"category": Category(category)} if metric.name == Metric.RUN_AGE else {}
            assert dict(metric.dimensions) == {"service": metric.service, "stack": "StackName", **own}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_looks_back_no_longer_than_cloudwatch_can(name: str) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    period = period_of(ALARMS[name])
    assert period * ALARMS[name]["EvaluationPeriods"] <= (7 * DAY if period >= HOUR else DAY)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_links_to_its_section_of_the_runbook(name: str) -> None:
    assert ALARMS[name]["AlarmDescription"].endswith(f"Runbook: docs/operations.md#{name.lower()}")
    assert len(ALARMS[name]["AlarmDescription"]) <= 1024


def test_the_composite_alarm_combines_alarms_that_always_exist() -> None:
    combined = re.findall(r'ALARM\("\$\{(\w+)\}"\)', COMPOSITE["AlarmRule"]["Fn::Sub"][0])
    always = {name for name in ALARMS if "Condition" not in MONITORING["Resources"][name]}
    assert set(combined) <= always
    assert len(combined) == len(set(combined)) <= 100
    assert COMPOSITE["AlarmDescription"].endswith("docs/operations.md#mirrorunhealthy")


def test_near_means_near_the_timeouts_of_the_functions() -> None:
    (expression,) = [one["Expression"] for one in ALARMS["NearTimeout"]["Metrics"] if "Expression" in one]
    timeouts = [properties(name)["Timeout"] * 1000 for name in FUNCTIONS.values()]
    assert [int(number) for number in re.findall(r"/ (\d+)", expression)] == timeouts
    assert ALARMS["ChangesNearTimeout"]["Threshold"] == 0.95 * properties("ChangesFunction")["Timeout"] * 1000
    assert ALARMS["NearTimeout"]["Threshold"] == 0.95


def test_throttling_and_timeouts_of_every_function_are_watched() -> None:
    for metric in ("Throttles", "Duration"):
        watched = {
            dict(one.dimensions)["FunctionName"]
            for alarm in ALARMS.values()
            for one in metrics_of(alarm).values()
            if one.namespace == "AWS/Lambda" and one.name == metric
        }
        assert watched == set(of_type("AWS::Serverless::Function"))


def test_messages_are_about_to_expire_before_they_run_out_of_receives() -> None:
    receives = properties("Queue")["RedrivePolicy"]["maxReceiveCount"] * backoff.MAX_PAUSE
    assert DAY <= receives - ALARMS["MessagesExpire"]["Threshold"] / 1000 < 3 * DAY
    kept = properties("Quarantine")["MessageRetentionPeriod"]
    assert DAY <= kept - ALARMS["QuarantineExpires"]["Threshold"] < 3 * DAY


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_notifies_the_topic(name: str) -> None:
    alarm = ALARMS[name]
    assert len(alarm["AlarmDescription"].split()) > 12
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]


def test_a_budget_counts_the_services_of_the_stack_and_sends_mail() -> None:
    """By Cost Explorer's names: https://docs.aws.amazon.com/cost-management/latest/userguide/ce-filtering.html"""
    budget = properties("Budget", MONITORING)
    assert set(budget["Budget"]["CostFilters"]["Service"]) == {
        "Amazon API Gateway",
        "Amazon DynamoDB",
        "Amazon Simple Queue Service",
        "AmazonCloudWatch",
        "AWS Lambda",
        "AWS Secrets Manager",
    }
    sent = budget["NotificationsWithSubscribers"]
    assert {one["Notification"]["NotificationType"] for one in sent} == {"ACTUAL", "FORECASTED"}
    assert [one["Subscribers"] for one in sent] == [
        [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
    ] * 2
    assert BUNDLE["Parameters"]["MonthlyBudget"]["Default"] == 0


def test_a_budget_that_would_not_be_made_is_refused() -> None:
    rule = BUNDLE["Rules"]["AddressOfTheBudget"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "MonthlyBudget"}, 0]}]}
    has_address = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}
    monitors = {"Fn::Equals": [{"Ref": "Monitoring"}, "on"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::And": [has_address, monitors]}


def test_everything_that_monitoring_needs_is_an_output() -> None:
    """So that it can be a stack of its own: docs/deploy.md says which output or parameter each is."""
    given = BUNDLE["Resources"]["MonitoringStack"]["Properties"]["Parameters"]
    outputs = [one["Value"] for one in BUNDLE["Outputs"].values()]
    required = {name for name, one in MONITORING["Parameters"].items() if "Default" not in one}
    names_of_queues = {"QueueName", "QuarantineName"}
    assert {name for name in required - names_of_queues if given[name] not in outputs and "Ref" in given[name]} == {
        "StackName",
        "RateCardSubscriptionHours",
        "ActivityHours",
        "ConfigurationHours",
        "CatalogHours",
    }


def test_missing_data_is_a_failure_only_for_reconcile_and_is_ignored_only_for_drift() -> None:
    by_name = {name: alarm["TreatMissingData"] for name, alarm in ALARMS.items()}
    special = {"ReconcileSilent": "breaching", "DriftUnresolved": "ignore"}
    assert by_name == {name: special.get(name, "notBreaching") for name in ALARMS}


def test_only_what_some_stacks_lack_is_optional() -> None:
    conditional = {
        name: resource["Condition"] for name, resource in MONITORING["Resources"].items() if "Condition" in resource
    }
    assert conditional == {
        "AlarmsByEmail": "WithEmail",
        "Budget": "WithBudget",
        "ChangesDashboard": "WithChangesDeadLetters",
        "ChangesLate": "WithChanges",
        "ChangesLost": "WithChangesDeadLetters",
        "ChangesNearTimeout": "WithChanges",
        "ChangesThrottled": "WithChanges",
        "ChangesUnread": "WithChanges",
        "EventsUndelivered": "WithPartnerEventBus",
        "MirrorUnhealthy": "WithComposite",
    }


def test_a_postponed_message_is_retried_in_every_period_of_its_alarm() -> None:
    assert period_of(ALARMS["MessagesPostponed"]) >= backoff.MAX_PAUSE


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
    assert alarm_after < EVENTS_KEPT - 4 * DAY


def test_types_that_an_account_does_not_have_trigger_no_alarm() -> None:
    """Reconcile requests every type, and Stripe may respond 403 to some of them in every run."""
    metrics = [_metric(one)[1:] for alarm in ALARMS.values() for one in metrics_of(alarm).values()]
    assert ("StripePermissionFailures", "reconcile") not in metrics


def _metric(metric: ReadMetric) -> tuple[str, str, str]:
    dimensions = dict(metric.dimensions)
    return metric.namespace, metric.name, dimensions.get("service") or next(iter(dimensions.values()))
