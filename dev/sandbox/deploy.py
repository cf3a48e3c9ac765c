"""How does the real `sam deploy` deploy the unmodified bundle into a local AWS?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3

from dev.sandbox.build import sam
from dev.sandbox.ministack import CREDENTIALS, REGION

STACK = "billing-mirror"
EVENT_BUS = "aws.partner/stripe.com/ed_test_1"
"""The name of a partner event bus that an EventBridge destination of Stripe creates."""
_BUCKET = "artifacts"


@dataclass(frozen=True)
class Endpoints:
    """Addresses and names of the resources of one sandbox."""

    webhook_url: str
    signing_secret: str
    stripe_api_base: str
    aws_endpoint: str
    region: str
    table: str
    queue_url: str
    quarantine_url: str
    ingest_function: str
    process_function: str
    reconcile_function: str
    changes_bus: str


@dataclass(frozen=True)
class Stripe:
    """The Stripe account that the functions use."""

    api_base: str
    api_key: str
    signing_secret: str


def session() -> boto3.Session:
    """For clients of the local AWS: `session().client("sqs", endpoint_url=endpoints.aws_endpoint)`."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def deploy(
    endpoint: str,
    template: Path,
    directory: Path,
    stripe: Stripe,
    parameters: Mapping[str, str] | None = None,
) -> Endpoints:
    """Deploys a built template, and fills the secrets."""
    # An existing bucket saves the extra stack of `--resolve-s3`.
    session().client("s3", endpoint_url=endpoint).create_bucket(Bucket=_BUCKET)
    session().client("events", endpoint_url=endpoint).create_event_bus(Name=EVENT_BUS, EventSourceName=EVENT_BUS)
    # A scheduled repair would disturb experiments: reconcile runs on demand only.
    # The emulator has no archives of event buses.
    given = {
        "StripeApiBase": stripe.api_base,
        "PartnerEventBus": EVENT_BUS,
        "ReconcileRate": "rate(1 day)",
        "Changes": "on",
        "ChangesArchiveDays": "0",
        "HistoryDays": "30",
    }
    chosen = {**given, **(parameters or {})}
    arguments = ["deploy", f"--template-file={template}", f"--stack-name={STACK}", f"--s3-bucket={_BUCKET}"]
    arguments += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    arguments += ["--no-confirm-changeset", "--no-progressbar"]
    arguments += ["--parameter-overrides", *(f'{name}="{value}"' for name, value in chosen.items())]
    sam(directory, arguments, {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "SAM_CLI_POLL_DELAY": "0.1"})
    outputs = _outputs(endpoint)
    api_id = _physical_id(endpoint, "Api")
    _make_concurrency_a_number(endpoint, outputs["ProcessFunction"])
    _set_ttl_and_recovery(endpoint, outputs["TableName"])
    secrets = session().client("secretsmanager", endpoint_url=endpoint)
    secrets.put_secret_value(SecretId=outputs["SigningSecretArn"], SecretString=stripe.signing_secret)
    secrets.put_secret_value(SecretId=outputs["StripeKeyArn"], SecretString=stripe.api_key)
    return Endpoints(
        # On AWS the API has a host name of its own; here it has a path, which needs no name resolution.
        webhook_url=f"{endpoint}/_aws/execute-api/{api_id}/stripe/webhook",
        signing_secret=stripe.signing_secret,
        stripe_api_base=stripe.api_base,
        aws_endpoint=endpoint,
        region=REGION,
        table=outputs["TableName"],
        queue_url=outputs["QueueUrl"],
        quarantine_url=outputs["QuarantineUrl"],
        ingest_function=outputs["IngestFunction"],
        process_function=outputs["ProcessFunction"],
        reconcile_function=outputs["ReconcileFunction"],
        changes_bus=outputs["ChangesBus"],
    )


def _make_concurrency_a_number(endpoint: str, function: str) -> None:
    """The emulator passes a Number parameter as text, which its poller cannot compare; AWS converts it."""
    client = session().client("lambda", endpoint_url=endpoint)
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
    client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": limit})


def _set_ttl_and_recovery(endpoint: str, table: str) -> None:
    """The emulator's CloudFormation ignores these two properties of a table."""
    client = session().client("dynamodb", endpoint_url=endpoint)
    client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
    )
    client.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _outputs(endpoint: str) -> dict[str, str]:
    cloudformation = session().client("cloudformation", endpoint_url=endpoint)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _physical_id(endpoint: str, logical_id: str) -> str:
    cloudformation = session().client("cloudformation", endpoint_url=endpoint)
    answer = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    return answer["StackResourceDetail"]["PhysicalResourceId"]
