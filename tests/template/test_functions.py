"""Each function has the permissions and settings that it needs and no others, and loses no message."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from billing_mirror.adapters.table.state_store import LEASE
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.forgetting import REMOVALS
from billing_mirror.core.table.unstorable import PARTITION as UNSTORABLE
from billing_mirror.settings import ChangesSettings, IngestSettings, ProcessSettings, ReconcileSettings
from tests.template.templates import (
    BUNDLE,
    EVERY_FUNCTION,
    FUNCTIONS,
    environment,
    listed,
    of_type,
    properties,
    statements,
)

SETTINGS: dict[str, type[IngestSettings | ProcessSettings | ReconcileSettings | ChangesSettings]] = {
    "ingest": IngestSettings,
    "process": ProcessSettings,
    "reconcile": ReconcileSettings,
    "changes": ChangesSettings,
}

TABLE_PERMISSIONS = {
    ("dynamodb:GetItem", "Table"),
    ("dynamodb:BatchGetItem", "Table"),
    ("dynamodb:PutItem", "Table"),
    ("dynamodb:PartiQLInsert", "Table"),
    ("dynamodb:UpdateItem", "Table"),
    ("dynamodb:Query", "Table"),
    ("dynamodb:Query", "Table/index/*"),
}
PERMISSIONS = {
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
        *TABLE_PERMISSIONS,
    },
    "reconcile": {
        ("sqs:SendMessage", "Queue"),
        ("sqs:SendMessage", "Quarantine"),
        ("sqs:ReceiveMessage", "Quarantine"),
        ("sqs:DeleteMessage", "Quarantine"),
        ("dynamodb:Scan", "Table"),
        ("dynamodb:DeleteItem", "Table"),
        ("secretsmanager:GetSecretValue", "StripeKey"),
        ("logs:CreateLogStream", "ReconcileLog"),
        ("logs:PutLogEvents", "ReconcileLog"),
        *TABLE_PERMISSIONS,
    },
    "changes": {
        ("dynamodb:GetRecords", "Table"),
        ("dynamodb:GetShardIterator", "Table"),
        ("dynamodb:DescribeStream", "Table"),
        ("dynamodb:ListStreams", "Table/stream/*"),
        ("dynamodb:PutItem", "Table"),
        ("dynamodb:Query", "Table"),
        ("events:PutEvents", "event-bus of the stack"),
        ("sqs:SendMessage", "ChangesDeadLetters"),
        ("logs:CreateLogStream", "ChangesLog"),
        ("logs:PutLogEvents", "ChangesLog"),
    },
}


def _notifications() -> dict[str, Any]:
    found: dict[str, Any] = properties("ProcessFunction")["Events"]["Notifications"]["Properties"]
    return found


def test_a_message_reported_as_failed_is_not_deleted() -> None:
    assert _notifications()["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_message_stays_hidden_while_its_batch_may_still_run() -> None:
    window = BUNDLE["Parameters"][_notifications()["MaximumBatchingWindowInSeconds"]["Ref"]]
    needed = 6 * properties("ProcessFunction")["Timeout"] + window["MaxValue"]
    assert properties("Queue")["VisibilityTimeout"] >= needed


def test_receives_last_longer_than_an_outage_of_three_days() -> None:
    receives = 3 * 24 * 60 / 15
    assert properties("Queue")["RedrivePolicy"]["maxReceiveCount"] > 3 * receives


def test_a_message_runs_out_of_receives_before_it_expires() -> None:
    queue = properties("Queue")
    longest_wait = max(900, queue["VisibilityTimeout"])
    lifetime = queue["RedrivePolicy"]["maxReceiveCount"] * longest_wait
    assert lifetime < queue["MessageRetentionPeriod"] <= properties("Quarantine")["MessageRetentionPeriod"]


def test_the_queues_refuse_connections_without_tls() -> None:
    policies = {queue["Ref"]: one for one in of_type("AWS::SQS::QueuePolicy").values() for queue in one["Queues"]}
    assert policies.keys() == of_type("AWS::SQS::Queue").keys()
    for queue, policy in policies.items():
        statement = statements(policy["PolicyDocument"])[0]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert _target(statement["Resource"]) == queue


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_a_function_has_exactly_the_permissions_it_needs(function: str) -> None:
    assert _permissions(function) == PERMISSIONS[function]


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_a_role_is_for_lambda_and_has_no_managed_policy(function: str) -> None:
    role = _role(function)
    assert "ManagedPolicyArns" not in role
    assert "Policies" not in properties(EVERY_FUNCTION[function]), "SAM would add a role of its own"
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_no_permission_is_for_every_resource() -> None:
    policies = [policy for role in of_type("AWS::IAM::Role").values() for policy in role["Policies"]]
    allowed = [statement for policy in policies for statement in statements(policy["PolicyDocument"])]
    assert [statement for statement in allowed if "*" in listed(statement["Resource"])] == []
    assert [statement for statement in allowed if any("*" in action for action in listed(statement["Action"]))] == []


def test_only_the_lease_and_notes_may_be_deleted() -> None:
    policies = [policy for role in of_type("AWS::IAM::Role").values() for policy in role["Policies"]]
    allowed = [statement for policy in policies for statement in statements(policy["PolicyDocument"])]
    (deleting,) = [statement for statement in allowed if "dynamodb:DeleteItem" in listed(statement["Action"])]
    assert listed(deleting["Action"]) == ["dynamodb:DeleteItem"]
    keys = []
    for mode in (True, False):
        keys += [f"{Scope(mode)}#{partition}" for partition in (LEASE, REMOVALS, UNSTORABLE)]
        keys += [f"{Scope(mode, 'acct_*')}#{partition}" for partition in (REMOVALS, UNSTORABLE)]
    assert deleting["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}


def test_a_function_reserves_concurrency_on_request_only() -> None:
    """An account with a low limit cannot reserve concurrency; reconcile uses the lease instead."""
    reserved = {name: properties(name).get("ReservedConcurrentExecutions") for name in FUNCTIONS.values()}
    assert {name for name, value in reserved.items() if value is not None} == {"IngestFunction"}
    assert reserved["IngestFunction"] == _unless_default("WithIngestConcurrency", "IngestConcurrency")
    assert BUNDLE["Parameters"]["IngestConcurrency"]["Default"] == 0


def _unless_default(condition: str, parameter: str) -> dict[str, Any]:
    return {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


def test_a_boundary_bounds_every_role() -> None:
    bounded = [role["PermissionsBoundary"] for role in of_type("AWS::IAM::Role").values()]
    bounded.append(properties("ReconcileFunction")["Events"]["Tick"]["Properties"]["PermissionsBoundary"])
    assert bounded == [_unless_default("WithPermissionsBoundary", "PermissionsBoundary")] * 5


def test_a_key_encrypts_all_that_is_stored() -> None:
    key = _unless_default("WithKmsKey", "KmsKey")
    for kind, name in (
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ("AWS::Events::EventBus", "KmsKeyIdentifier"),
        ("AWS::Events::Archive", "KmsKeyIdentifier"),
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
    ):
        assert [one[name] for one in of_type(kind).values()] == [key] * len(of_type(kind))
    condition, given, _ = properties("Table")["SSESpecification"]["Fn::If"]
    assert (condition, given["KMSMasterKeyId"]) == ("WithKmsKey", {"Ref": "KmsKey"})
    policy = BUNDLE["Resources"]["KeyPolicy"]
    assert policy["Condition"] == "WithKmsKey"
    roles = [role["Fn::If"][1] if "Fn::If" in role else role for role in policy["Properties"]["Roles"]]
    assert {role["Ref"] for role in roles} == of_type("AWS::IAM::Role").keys()
    (allowed,) = statements(policy["Properties"]["PolicyDocument"])
    assert (allowed["Action"], allowed["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKey"})


def test_a_flood_is_bounded_by_parameters() -> None:
    assert properties("ApiStage")["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "WebhookRequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "WebhookBurst"},
    }


@pytest.mark.parametrize(
    ("value", "is_accepted"),
    [
        ("", True),
        ("3.18.12.63", True),
        ("3.18.12.63,3.130.192.231, 10.0.0.0/8", True),
        ("2001:db8::/32", True),
        ("example.com", False),
        ("3.18.12.63,", False),
    ],
)
def test_sources_are_addresses(value: str, is_accepted: bool) -> None:
    pattern = BUNDLE["Parameters"]["WebhookSources"]["AllowedPattern"]
    assert (re.fullmatch(pattern, value) is not None) is is_accepted


@pytest.mark.parametrize(
    ("value", "is_accepted"),
    [
        ("https://api.stripe.com", True),
        ("http://127.0.0.1:12111", True),
        ("http://localhost:80", True),
        ("http://[::1]:80", True),
        ("http://api.stripe.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("https://api.stripe.com@example.com", False),
        ("http://localhost.example.com", False),
    ],
)
def test_http_is_for_loopback_only(value: str, is_accepted: bool) -> None:
    """The Stripe key is sent there."""
    pattern = BUNDLE["Parameters"]["StripeApiBase"]["AllowedPattern"]
    assert (re.fullmatch(pattern, value) is not None) is is_accepted
    schema = ReconcileSettings.model_json_schema()["properties"]["stripe_api_base"]
    assert (re.search(schema["pattern"], value) is not None) is is_accepted


def test_ingest_has_no_access_to_the_stripe_key() -> None:
    assert not [name for name in environment("ingest") if name.startswith("STRIPE")]
    assert "StripeKey" not in {target for _, target in _permissions("ingest")}


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_a_function_gets_exactly_the_variables_that_it_reads(function: str) -> None:
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
    assert set(environment(function)) == SETTINGS[function].variables() | powertools
    assert environment(function)["POWERTOOLS_SERVICE_NAME"] == function


def test_every_parameter_is_in_one_group_of_the_form() -> None:
    groups = BUNDLE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(BUNDLE["Parameters"])


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_a_function_accepts_the_default_parameters(function: str) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in BUNDLE["Parameters"].items()}
    values = {
        name: str(defaults.get(_target(value), _target(value)) if isinstance(value, dict) else value)
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
        ("DeepVerifyPercent", "deep_verify_percent"),
        ("TombstoneDays", "tombstone_days"),
    ],
)
def test_a_number_of_reconcile_has_the_bounds_that_the_function_accepts(parameter: str, field: str) -> None:
    assert environment("reconcile")[field.upper()] == {"Ref": parameter}
    bounds = BUNDLE["Parameters"][parameter]
    schema = ReconcileSettings.model_json_schema()["properties"][field]
    assert (bounds["MinValue"], bounds["MaxValue"]) == (schema["minimum"], schema["maximum"])


@pytest.mark.parametrize("function", EVERY_FUNCTION)
def test_each_function_has_its_own_log_group_whose_logs_expire(function: str) -> None:
    group = properties(EVERY_FUNCTION[function])["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == f"{function.capitalize()}Log"
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_only_the_webhook_route_reaches_ingest() -> None:
    (route,) = of_type("AWS::ApiGatewayV2::Route").values()
    assert route["RouteKey"] == "POST /stripe/webhook"
    (permission,) = of_type("AWS::Lambda::Permission").values()
    assert permission["SourceArn"]["Fn::Sub"].endswith("${Api}/*/POST/stripe/webhook")


def test_the_next_tick_is_the_only_retry_of_reconcile() -> None:
    reconcile = properties("ReconcileFunction")
    assert reconcile["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}
    assert reconcile["Events"]["Tick"]["Properties"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def test_only_the_function_that_sends_to_its_own_queue_may_run_in_a_loop() -> None:
    """By default AWS stops process too, and quarantines messages that shared a batch with a long chain."""
    allowed = {function: properties(name)["RecursiveLoop"] for function, name in EVERY_FUNCTION.items()}
    assert allowed == {"ingest": "Terminate", "process": "Allow", "reconcile": "Terminate", "changes": "Terminate"}


STREAM = str({"Fn::GetAtt": ["Table", "StreamArn"]})
TAKEN_UP = {"MakesTable": "TableName", "MakesStripeKey": "StripeKeyArn", "MakesSigningSecret": "SigningSecretArn"}
"""By condition, the parameter that names what exists already."""


@pytest.mark.parametrize(("condition", "parameter"), TAKEN_UP.items())
def test_what_exists_already_is_named_wherever_the_stack_s_own_would_be(condition: str, parameter: str) -> None:
    """A function that reads one table and may only write the other would fail, and only on AWS."""
    assert BUNDLE["Conditions"][condition] == {"Fn::Equals": [{"Ref": parameter}, ""]}
    (name,) = [one for one, resource in BUNDLE["Resources"].items() if resource.get("Condition") == condition]
    inside = [value for value in _choices(BUNDLE) if value[0] == condition]
    for _, own, given in inside:
        assert name in str(own)
        assert parameter in str(given) or (str(own), given) == (STREAM, {"Ref": "TableStream"})
        assert str(own).endswith("/index/*'}") == str(given).endswith("/index/*'}")
    everywhere = str({key: BUNDLE[key] for key in ("Resources", "Outputs")})
    uses = everywhere.count(f"{{'Ref': '{name}'}}") + everywhere.count(f"'Fn::GetAtt': ['{name}'")
    assert uses + everywhere.count(f"${{{name}.") == len(inside), "one use has no choice"


def _choices(node: object) -> Iterator[list[Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Fn::If":
                yield value
            yield from _choices(value)
    elif isinstance(node, list):
        for value in node:
            yield from _choices(value)


def test_the_table_is_protected_only_on_request() -> None:
    assert properties("Table")["DeletionProtectionEnabled"] == {"Fn::If": ["ProtectsTable", True, False]}
    assert BUNDLE["Parameters"]["DeletionProtection"]["Default"] == "off"


def _role(function: str) -> dict[str, Any]:
    return properties(properties(EVERY_FUNCTION[function])["Role"]["Fn::GetAtt"][0])


def _permissions(function: str) -> set[tuple[str, str]]:
    permissions = set()
    for policy in _role(function)["Policies"]:
        for statement in statements(policy["PolicyDocument"]):
            assert statement["Effect"] == "Allow"
            permissions |= {
                (str(action), _target(resource))
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            }
    return permissions


def _target(resource: dict[str, Any]) -> str:
    """The logical name in an ARN and what follows it: `Table`, `Table/index/*`."""
    if "Fn::If" in resource:
        return _target(resource["Fn::If"][1])
    if "Ref" in resource:
        return str(resource["Ref"])
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    if str(resource["Fn::Sub"]).endswith(":event-bus/${AWS::StackName}-changes"):
        return "event-bus of the stack"
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")
