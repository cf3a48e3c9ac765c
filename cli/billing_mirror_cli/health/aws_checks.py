"""What `doctor` asks AWS about the stack: credentials, version, and what drives the functions and keeps the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from botocore.exceptions import ClientError

from .. import __version__
from ..stack.session import Session
from .findings import Check, Finding, Level

SCHEDULE: Final = "ReconcileFunctionTick"
"""The logical id that SAM gives the schedule of reconcile's event `Tick`."""
TTL_ATTRIBUTE: Final = "expires_at"


class _Sts(Protocol):
    def get_caller_identity(self) -> dict[str, str]: ...


class _Scheduler(Protocol):
    def get_schedule(self, **request: str) -> Mapping[str, str]: ...


def credentials(session: Session) -> Finding:
    """Who asks. Credentials that are wrong end the command, because nothing else can be checked."""
    client: _Sts = session.aws.client("sts")
    return Finding(Check.CREDENTIALS, Level.OK, client.get_caller_identity()["Arn"])


def versions(session: Session) -> Finding:
    """Whether the stack and the command are of one version."""
    stack = session.stack
    deployed = stack.version or "not stated"
    if deployed == __version__:
        return Finding(Check.STACK, Level.OK, f"{stack.name} in {session.aws.region}, version {deployed}")
    return Finding(
        Check.STACK,
        Level.FAIL,
        f"{stack.name} has version {deployed}, the command {__version__}",
        "Deploy this version, or install the command of that one",
    )


def other_stacks(session: Session) -> list[Finding]:
    """The stacks of this account and region that use the same table, one finding for each."""
    pages = session.aws.cloudformation.get_paginator("describe_stacks").paginate()
    own = ("TableName", session.stack.table)
    names = [
        stack["StackName"]
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"] != session.stack.name
        and own in [(one.get("OutputKey"), one.get("OutputValue")) for one in stack.get("Outputs", [])]
    ]
    return [
        Finding(
            Check.OTHER_STACKS,
            Level.FAIL,
            f"{name} uses the same table: every event is fetched twice, and the ticks stop each other",
            "Finish the move, then remove one of the two: docs/deploy.md#two-stacks",
        )
        for name in names
    ]


def queue(session: Session) -> Finding:
    """Whether Lambda reads the queue."""
    name = Check.QUEUE
    answer = session.aws.functions.list_event_source_mappings(FunctionName=session.stack.process_function)
    mappings = answer["EventSourceMappings"]
    states = [mapping.get("State", "?") for mapping in mappings]
    if states == ["Enabled"]:
        return Finding(name, Level.OK, "the process function reads it")
    if not states:
        return Finding(
            name, Level.FAIL, "no event source mapping reads it", f"Deploy the stack again: {session.stack.deploy}"
        )
    uuid = mappings[0].get("UUID", "UUID")
    return Finding(
        name,
        Level.FAIL,
        f"its event source mapping is {', '.join(states)}",
        f"aws lambda update-event-source-mapping --uuid {uuid} --enabled",
    )


def schedule(session: Session) -> Finding:
    """Whether EventBridge Scheduler starts reconcile."""
    name, rate = Check.SCHEDULE, session.stack.parameters.get("ReconcileRate") or "as deployed"
    try:
        detail = session.aws.cloudformation.describe_stack_resource(
            StackName=session.stack.name, LogicalResourceId=SCHEDULE
        )["StackResourceDetail"]
        client: _Scheduler = session.aws.client("scheduler")
        found = client.get_schedule(Name=detail.get("PhysicalResourceId", ""))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("ValidationError", "ResourceNotFoundException"):
            raise
        remedy = f"Deploy the stack again: {session.stack.deploy}"
        return Finding(name, Level.FAIL, "reconcile has none, so nothing repairs", remedy)
    expression = found.get("ScheduleExpression", rate)
    if found.get("State") == "ENABLED":
        return Finding(name, Level.OK, f"reconcile runs at {expression}")
    return Finding(
        name,
        Level.FAIL,
        f"reconcile's schedule, {expression}, is {found.get('State', 'not known').lower()}",
        f"Enable {found.get('Name', detail.get('PhysicalResourceId'))} in EventBridge Scheduler",
    )


def table(session: Session) -> Finding:
    """Whether the table forgets what has expired, and can be restored."""
    name, table_name = Check.TABLE, session.stack.table
    ttl = session.aws.dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    expires = ttl.get("TimeToLiveStatus") == "ENABLED" and ttl.get("AttributeName") == TTL_ATTRIBUTE
    backups = session.aws.dynamodb.describe_continuous_backups(TableName=table_name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if not expires:
        return Finding(
            name,
            Level.FAIL,
            "time to live is off: records of old runs stay for ever",
            f"aws dynamodb update-time-to-live --table-name {table_name} "
            f"--time-to-live-specification Enabled=true,AttributeName={TTL_ATTRIBUTE}",
        )
    if recovery != "ENABLED":
        return Finding(
            name,
            Level.FAIL,
            "point-in-time recovery is off: yesterday's table cannot be restored",
            f"aws dynamodb update-continuous-backups --table-name {table_name} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        )
    return Finding(name, Level.OK, "time to live and point-in-time recovery are on")
