"""Whether the stack's alarms reach a recipient, and which of them ring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.schedule import HOUR

from ..stack.session import Session
from ..words import count
from .findings import Check, Finding, Level, some_of
from .metrics import own
from .verdict import tick_seconds

NAME = Check.ALARMS
PENDING: Final = "PendingConfirmation"
"""https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""
SILENCE: Final = "ReconcileSilent"
_Alarm = Mapping[str, Any]


class _CloudWatch(Protocol):
    def describe_alarms_for_metric(self, **request: object) -> Mapping[str, Sequence[_Alarm]]: ...

    def get_paginator(self, operation: str) -> Any: ...  # noqa: ANN401 - botocore's


class _Sns(Protocol):
    def get_paginator(self, operation: str) -> Any: ...  # noqa: ANN401 - botocore's


def alarms(session: Session) -> Iterator[Finding]:
    """Whether alarms exist, whether their recipients are confirmed, and which ones ring."""
    topic = _topic(session)
    if topic is None:
        if session.stack.parameters.get("Monitoring") == "off":
            yield Finding(NAME, Level.OK, "none: the stack was deployed with Monitoring=off")
        else:
            remedy = f"Deploy it with Monitoring=on: {session.stack.deploy}"
            yield Finding(NAME, Level.FAIL, "the stack has none", remedy)
        return
    found = _alarms_of(session, topic)
    yield _recipients(session, topic, len(found))
    muted = [_name(one) for one in found if not one.get("ActionsEnabled", True)]
    if muted:
        names = " ".join(str(one["AlarmName"]) for one in found if not one.get("ActionsEnabled", True))
        remedy = f"aws cloudwatch enable-alarm-actions --alarm-names {names}"
        yield Finding(NAME, Level.FAIL, f"the actions of {some_of(muted)} are off", remedy)
    ringing = [_name(one) for one in found if one["StateValue"] == "ALARM"]
    if tick_seconds(session.stack.parameters.get("ReconcileRate", "")) > HOUR:
        ringing = [one for one in ringing if one != SILENCE]  # it rings with such a schedule whatever happens
    for one in ringing:
        yield Finding(NAME, Level.FAIL, f"{one} rings", f"docs/operations.md#{one.lower()}")


def _topic(session: Session) -> str | None:
    """The topic of the stack's alarms, which each of them names; None where the stack has no alarms."""
    client: _CloudWatch = session.aws.client("cloudwatch")
    known = own(session, "process", Metric.QUEUE_DELAY)
    found = client.describe_alarms_for_metric(**known)["MetricAlarms"]
    ours = [one for one in found if one["Dimensions"] == known["Dimensions"]]  # the sandbox shows all alarms
    return next((action for one in ours for action in one.get("AlarmActions", [])), None)


def _alarms_of(session: Session, topic: str) -> list[_Alarm]:
    client: _CloudWatch = session.aws.client("cloudwatch")
    pages = client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    return [one for page in pages for one in page["MetricAlarms"] if topic in one.get("AlarmActions", [])]


def _recipients(session: Session, topic: str, alarm_count: int) -> Finding:
    exist = count(alarm_count, "alarm")
    if session.sandbox:
        return Finding(NAME, Level.OK, f"{exist}; a sandbox has no recipient")
    client: _Sns = session.aws.client("sns")
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    recipients = [one for page in pages for one in page["Subscriptions"]]
    pending = [one["Endpoint"] for one in recipients if one["SubscriptionArn"] == PENDING]
    if pending:
        return Finding(
            NAME, Level.FAIL, f"{some_of(pending)} has not confirmed the subscription", "Follow the link in AWS's mail"
        )
    if not recipients:
        return Finding(
            NAME,
            Level.FAIL,
            f"{exist}, and their topic has no recipient",
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint ADDRESS",
        )
    return Finding(NAME, Level.OK, f"{exist}, to {count(len(recipients), 'confirmed recipient')}")


def _name(alarm: _Alarm) -> str:
    """The alarm's name in docs/operations.md: CloudFormation's is STACK-[MonitoringStack-...-]NAME-RANDOM."""
    parts = str(alarm["AlarmName"]).split("-")
    return parts[-2] if len(parts) > 1 else parts[0]
