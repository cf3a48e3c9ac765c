"""Each function may do what it must and nothing else, is told what it reads, and loses no message."""

from typing import Any

import pytest

from billing_mirror.adapters.state_store import LEASE
from billing_mirror.core.object_ref import Scope
from billing_mirror.settings import IngestSettings, ProcessSettings, ReconcileSettings
from tests.template.templates import BUNDLE, FUNCTIONS, environment, listed, of_type, properties, statements

SETTINGS: dict[str, type[IngestSettings | ProcessSettings | ReconcileSettings]] = {
    "ingest": IngestSettings,
    "process": ProcessSettings,
    "reconcile": ReconcileSettings,
}

MAY_USE_THE_TABLE = {
    ("dynamodb:GetItem", "Table"),
    ("dynamodb:BatchGetItem", "Table"),
    ("dynamodb:PutItem", "Table"),
    ("dynamodb:UpdateItem", "Table"),
    ("dynamodb:Query", "Table/index/*"),
}
MAY = {
    "ingest": {
        ("sqs:SendMessage", "Queue"),
        ("sqs:SendMessage", "Quarantine"),
        ("secretsmanager:GetSecretValue", "SigningSecret"),
        ("logs:CreateLogStream", "IngestLog"),
        ("logs:PutLogEvents", "IngestLog"),
    },
    "process": {
        ("sqs:ReceiveMessage", "Queue"),
        ("sqs:DeleteMessage", "Queue"),
        ("sqs:ChangeMessageVisibility", "Queue"),
        ("sqs:GetQueueAttributes", "Queue"),
        ("sqs:SendMessage", "Queue"),
        ("sqs:SendMessage", "Quarantine"),
        ("secretsmanager:GetSecretValue", "StripeKey"),
        ("logs:CreateLogStream", "ProcessLog"),
        ("logs:PutLogEvents", "ProcessLog"),
        *MAY_USE_THE_TABLE,
    },
    "reconcile": {
        ("sqs:SendMessage", "Queue"),
        ("dynamodb:Query", "Table"),
        ("dynamodb:DeleteItem", "Table"),
        ("secretsmanager:GetSecretValue", "StripeKey"),
        ("logs:CreateLogStream", "ReconcileLog"),
        ("logs:PutLogEvents", "ReconcileLog"),
        *MAY_USE_THE_TABLE,
    },
}


def _notifications() -> dict[str, Any]:
    found: dict[str, Any] = properties("ProcessFunction")["Events"]["Notifications"]["Properties"]
    return found


def test_a_message_reported_as_failed_is_not_deleted() -> None:
    assert _notifications()["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_message_stays_hidden_while_its_batch_may_still_run() -> None:
    needed = 6 * properties("ProcessFunction")["Timeout"] + _notifications()["MaximumBatchingWindowInSeconds"]
    assert properties("Queue")["VisibilityTimeout"] >= needed


def test_three_days_of_receives_do_not_send_a_message_to_quarantine() -> None:
    receives = 3 * 24 * 60 / 15
    assert properties("Queue")["RedrivePolicy"]["maxReceiveCount"] > 3 * receives


def test_a_message_runs_out_of_receives_before_it_expires() -> None:
    queue = properties("Queue")
    longest_pause = max(900, queue["VisibilityTimeout"])
    lifetime = queue["RedrivePolicy"]["maxReceiveCount"] * longest_pause
    assert lifetime < queue["MessageRetentionPeriod"] <= properties("Quarantine")["MessageRetentionPeriod"]


def test_the_queues_refuse_plain_text_connections() -> None:
    (policy,) = of_type("AWS::SQS::QueuePolicy").values()
    statement = statements(policy["PolicyDocument"])[0]
    assert policy["Queues"] == [{"Ref": "Queue"}, {"Ref": "Quarantine"}]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {_target(resource) for resource in statement["Resource"]} == {"Queue", "Quarantine"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_exactly_the_rights_it_needs(function: str) -> None:
    assert _rights(function) == MAY[function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_is_for_lambda_and_has_no_managed_policy(function: str) -> None:
    role = _role(function)
    assert "ManagedPolicyArns" not in role
    assert "Policies" not in properties(FUNCTIONS[function]), "SAM would add a role of its own"
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_no_right_is_for_every_resource() -> None:
    policies = [policy for role in of_type("AWS::IAM::Role").values() for policy in role["Policies"]]
    allowed = [statement for policy in policies for statement in statements(policy["PolicyDocument"])]
    assert [statement for statement in allowed if "*" in listed(statement["Resource"])] == []
    assert [statement for statement in allowed if any("*" in action for action in listed(statement["Action"]))] == []


def test_nothing_but_the_lease_may_be_deleted() -> None:
    policies = [policy for role in of_type("AWS::IAM::Role").values() for policy in role["Policies"]]
    allowed = [statement for policy in policies for statement in statements(policy["PolicyDocument"])]
    (deleting,) = [one for one in allowed if "dynamodb:DeleteItem" in listed(one["Action"])]
    assert listed(deleting["Action"]) == ["dynamodb:DeleteItem"]
    keys = [f"{Scope(livemode=mode)}#{LEASE}" for mode in (True, False)]
    assert deleting["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}}


def test_no_function_keeps_others_from_their_share() -> None:
    """Reserved concurrency cannot be had in an account whose limit is low: the lease does instead."""
    assert [name for name in FUNCTIONS.values() if "ReservedConcurrentExecutions" in properties(name)] == []


def test_ingest_knows_nothing_of_the_stripe_key() -> None:
    assert not [name for name in environment("ingest") if name.startswith("STRIPE")]
    assert "StripeKey" not in {target for _, target in _rights("ingest")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_exactly_what_it_reads(function: str) -> None:
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
    assert set(environment(function)) == SETTINGS[function].variables() | powertools
    assert environment(function)["POWERTOOLS_SERVICE_NAME"] == function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_parameters_defaults_are_settings_a_function_accepts(function: str) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in BUNDLE["Parameters"].items()}
    values = {
        name: str(defaults.get(value["Ref"], value["Ref"]) if isinstance(value, dict) else value)
        for name, value in environment(function).items()
    }
    SETTINGS[function].from_environment(values)


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("RecoverMinutes", "recover_minutes"),
        ("RateCardSubscriptionHours", "rate_card_subscription_hours"),
        ("ActivityHours", "activity_hours"),
        ("ConfigurationHours", "configuration_hours"),
        ("CatalogHours", "catalog_hours"),
    ],
)
def test_a_pause_may_be_what_the_function_accepts_and_nothing_else(parameter: str, field: str) -> None:
    assert environment("reconcile")[field.upper()] == {"Ref": parameter}
    told = BUNDLE["Parameters"][parameter]
    schema = ReconcileSettings.model_json_schema()["properties"][field]
    assert (told["MinValue"], told["MaxValue"]) == (schema["minimum"], schema["maximum"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_are_kept_for_a_limited_time_in_a_group_of_the_functions_own(function: str) -> None:
    group = properties(FUNCTIONS[function])["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == f"{function.capitalize()}Log"
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_only_the_one_route_reaches_ingest() -> None:
    (route,) = of_type("AWS::ApiGatewayV2::Route").values()
    assert route["RouteKey"] == "POST /stripe/webhook"
    (permission,) = of_type("AWS::Lambda::Permission").values()
    assert permission["SourceArn"]["Fn::Sub"].endswith("${Api}/*/POST/stripe/webhook")


def test_the_next_tick_is_the_only_retry_of_reconcile() -> None:
    reconcile = properties("ReconcileFunction")
    assert reconcile["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}
    assert reconcile["Events"]["Tick"]["Properties"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def _role(function: str) -> dict[str, Any]:
    return properties(properties(FUNCTIONS[function])["Role"]["Fn::GetAtt"][0])


def _rights(function: str) -> set[tuple[str, str]]:
    rights = set()
    for policy in _role(function)["Policies"]:
        for statement in statements(policy["PolicyDocument"]):
            assert statement["Effect"] == "Allow"
            rights |= {
                (str(action), _target(resource))
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            }
    return rights


def _target(resource: dict[str, Any]) -> str:
    """The logical name behind an ARN, with what follows it: `Table`, `Table/index/*`."""
    if "Ref" in resource:
        return str(resource["Ref"])
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")
