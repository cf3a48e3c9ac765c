"""The deployed stack: the names of its parts, from CloudFormation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from ..failures import Failure
from .aws import Aws

OUTPUTS = {
    "TableName": "table",
    "QueueUrl": "queue_url",
    "QuarantineUrl": "quarantine_url",
    "IngestFunction": "ingest_function",
    "ProcessFunction": "process_function",
    "ReconcileFunction": "reconcile_function",
    "StripeKeyArn": "stripe_key_arn",
    "SigningSecretArn": "signing_secret_arn",
    "WebhookUrl": "webhook_url",
}
"""The outputs of template.yaml that every stack has, and the field of :class:`Stack` for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Names and addresses of one stack's parts. ``version`` is empty for a stack that does not state it."""

    name: str
    table: str
    queue_url: str
    quarantine_url: str
    ingest_function: str
    process_function: str
    reconcile_function: str
    stripe_key_arn: str
    signing_secret_arn: str
    webhook_url: str
    version: str = ""
    changes_function: str = ""
    """Empty for a stack that neither publishes changes nor keeps a history."""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def deploy(self) -> str:
        """What deploys this stack again, in a clone."""
        return f"make deploy STACK={self.name}"


def describe_stack(name: str, aws: Aws) -> Stack:
    """The stack with this name. Raises :class:`Failure` where there is none, or it is another bundle's."""
    try:
        (found,) = aws.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        raise Failure(
            f"There is no stack {name} in {aws.region}",
            "aws cloudformation list-stacks names those that exist; --region reads another region",
        ) from error
    outputs = {one.get("OutputKey", ""): one.get("OutputValue", "") for one in found.get("Outputs", [])}
    missing = sorted(OUTPUTS.keys() - outputs.keys())
    if missing:
        raise Failure(
            f"The stack {name} is {found['StackStatus']} and has no output {missing[0]}",
            "Is it a Billing Mirror stack, and deployed?",
        )
    return Stack(
        name=name,
        version=outputs.get("Version", ""),
        changes_function=outputs.get("ChangesFunction", ""),
        parameters={one.get("ParameterKey", ""): one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        **{field: outputs[output] for output, field in OUTPUTS.items()},
    )
