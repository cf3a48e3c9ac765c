"""The deployer's policies allow what the stack's resources need, and nothing that reads its data."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped]
import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from dev.deploy.states import refusal
from tests.deploy.states import states
from tests.template.templates import BUNDLE, MONITORING, ROOT, SCHEMA, listed, statements

DEPLOYER: dict[str, Any] = cfn_yaml.load(str(ROOT / "ops" / "deployer.yaml"))
POLICIES = {
    name: resource["Properties"]["PolicyDocument"]
    for name, resource in DEPLOYER["Resources"].items()
    if resource["Type"] == "AWS::IAM::ManagedPolicy"
}
# Of a statement under a condition, the one where it holds.
STATEMENTS = [one.get("Fn::If", [None, one])[1] for policy in POLICIES.values() for one in statements(policy)]
ALLOWED = {action for one in STATEMENTS for action in listed(one["Action"])}
MADE_BY_SAM = {
    "AWS::Serverless::Application": {"AWS::CloudFormation::Stack"},
    "AWS::Serverless::Function": {
        "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig",
        "AWS::Scheduler::Schedule",
    },
    "AWS::Serverless::LayerVersion": {"AWS::Lambda::LayerVersion"},
}  # fmt: skip
WRITTEN = {resource["Type"] for template in (BUNDLE, MONITORING, SCHEMA) for resource in template["Resources"].values()}
TYPES = {made for written in WRITTEN for made in MADE_BY_SAM.get(written, {written})}
MAX_POLICY = 6144
"""Characters of a managed policy without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
# What AWS's handlers call for a feature that the templates do not use, as patterns.
UNUSED = (
    "cloudformation:GetStackPolicy", "cloudformation:SetStackPolicy", "cloudformation:UpdateTerminationProtection",
    "dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan",  # of replicas
    "dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica",
    "dynamodb:*Import*", "dynamodb:*KinesisStreamingDestination", "dynamodb:*ResourcePolicy",
    "events:PutPermission", "events:RemovePermission",
    "ec2:*", "elasticfilesystem:*", "firehose:*", "kinesis:*", "s3files:*",
    "iam:*UserPolicy", "iam:*GroupPolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy",
    "iam:CreateServiceLinkedRole", "iam:DeleteRolePermissionsBoundary",
    "kms:ListAliases", "kms:RevokeGrant", "kms:ReEncrypt*", "kms:GenerateDataKeyWithoutPlaintext",
    "lambda:*CodeSigningConfig", "lambda:AssociateRuntimeAlias", "lambda:PassCapacityProvider",
    "lambda:PublishVersion", "lambda:PutFunctionScalingConfig",
    "logs:CreateLogStream", "logs:DeleteDataProtectionPolicy", "logs:DeleteIndexPolicy", "logs:DeleteResourcePolicy",
    "logs:DescribeLogStreams", "logs:PutBearerTokenAuthentication", "logs:PutDataProtectionPolicy", "logs:PutLogEvents",
    "logs:PutIndexPolicy", "logs:PutLogGroupDeletionProtection",
    "s3:GetObjectMetadata", "s3:REST.PUT.OBJECT",
    "secretsmanager:*Region*", "secretsmanager:GetRandomPassword",
    "secretsmanager:GetSecretValue",  # the deployer must not read Stripe's key
    "sns:PutDataProtectionPolicy",
    "apigateway:TagResource", "apigateway:UntagResource",  # IAM knows no such actions: tags are PUT and DELETE
)  # fmt: skip
# What `make deploy`, its remedies and SAM call themselves, and API Gateway for its access log.
ALSO = {
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents", "cloudformation:ExecuteChangeSet", "cloudformation:GetTemplateSummary",
    "cloudformation:ListStackResources",
    "lambda:GetFunctionCodeSigningConfig",
    "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:UpdateLogDelivery",
    "dynamodb:DescribeKinesisStreamingDestination", "dynamodb:GetResourcePolicy",
    "s3:GetBucketLocation", "s3:PutObject",
}  # fmt: skip
WITHOUT_RESOURCE = re.compile(
    r"cloudwatch:DescribeAlarms|logs:\w*LogDeliver\w+|logs:Describe\w+|logs:PutResourcePolicy|sns:\w*[Ss]ubscri\w+"
)


def handlers() -> Iterator[tuple[str, set[str]]]:
    """By resource type, the actions that AWS says its handlers call. cfn-lint brings AWS's schemas.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    for path in Path(cfnlint.__file__).parent.glob("data/schemas/resources/*.json"):
        schema = json.loads(path.read_text())
        if schema.get("typeName") in TYPES:
            needed = [schema["handlers"].get(name, {}) for name in ("create", "read", "update", "delete")]
            yield schema["typeName"], {action for one in needed for action in one.get("permissions", [])}


NEEDED = dict(handlers())


def test_aws_states_what_each_resource_needs() -> None:
    assert NEEDED.keys() == TYPES


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_what_a_resource_needs_is_allowed(kind: str) -> None:
    wanted = {one for one in NEEDED[kind] if not any(fnmatchcase(one, unused) for unused in UNUSED)}
    assert {one.lower() for one in wanted} <= {one.lower() for one in ALLOWED}


def test_nothing_else_is_allowed() -> None:
    needed = {one.lower() for actions in NEEDED.values() for one in actions}
    assert {one for one in ALLOWED if one.lower() not in needed} <= ALSO
    assert not {one for one in ALLOWED if "*" in one}


@pytest.mark.parametrize("state", states())
def test_what_a_refused_deploy_tells_to_do_is_allowed(state: str) -> None:
    said = refusal("billing-live", state, "", "")
    commands = {name for name in re.findall(r"  aws cloudformation ([a-z-]+)", said) if name != "wait"}
    assert {f"cloudformation:{name.replace('-', '')}" for name in commands} <= {one.lower() for one in ALLOWED}


def test_nothing_is_left_out_that_no_resource_needs() -> None:
    needed = {one for actions in NEEDED.values() for one in actions}
    assert [unused for unused in UNUSED if not any(fnmatchcase(one, unused) for one in needed)] == []


def test_data_and_secrets_cannot_be_read() -> None:
    reads = re.compile(
        r"dynamodb:(\w*Item|Query|Scan)|sqs:(Send|Receive)\w+|secretsmanager:(Get|Put)\w+|lambda:Invoke\w*"
    )
    assert not [one for one in ALLOWED if reads.fullmatch(one)]


def test_only_what_takes_no_resource_is_allowed_on_all() -> None:
    everywhere = [one for one in STATEMENTS if one["Resource"] == "*"]
    free = [action for one in everywhere if "Condition" not in one for action in listed(one["Action"])]
    assert [one for one in free if not WITHOUT_RESOURCE.fullmatch(one)] == []


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits(name: str) -> None:
    longest = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "1" * 12}
    known = {**longest, "StackName": "s" * 32, "Bucket": "b" * 63}
    text = re.sub(r"\$\{([\w:]+)\}", lambda found: known[found[1]], json.dumps(POLICIES[name]))
    assert len(re.sub(r"\s", "", text)) <= MAX_POLICY
