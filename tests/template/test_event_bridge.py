"""The second door: Stripe's events come to the queue unchanged, from one rule only, and only if it is wanted."""

import re
from typing import Any

import pytest

from tests.template.templates import BUNDLE, MONITORING, properties, statements

CONDITION = "WithPartnerEventBus"


def _rule() -> dict[str, Any]:
    return properties("PartnerEvents")


def _target() -> dict[str, Any]:
    (target,) = _rule()["Targets"]
    return dict(target)


def _policy_with_a_bus() -> list[dict[str, Any]]:
    """What the queues' policy says only if there is a bus."""
    chosen = [one["Fn::If"] for one in statements(properties("QueuesOnlyOverTls")["PolicyDocument"]) if "Fn::If" in one]
    assert [(condition, otherwise) for condition, _, otherwise in chosen] == [(CONDITION, {"Ref": "AWS::NoValue"})]
    return [then for _, then, _ in chosen]


@pytest.mark.parametrize("template", [BUNDLE, MONITORING], ids=["bundle", "monitoring"])
def test_without_the_name_of_a_bus_there_is_no_second_door(template: dict[str, Any]) -> None:
    assert template["Parameters"]["PartnerEventBus"]["Default"] == ""
    assert template["Conditions"][CONDITION] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PartnerEventBus"}, ""]}]}


def test_nothing_but_the_rule_is_added_for_a_bus() -> None:
    added = [name for name, resource in BUNDLE["Resources"].items() if resource.get("Condition") == CONDITION]
    assert added == ["PartnerEvents"]


@pytest.mark.parametrize("name", ["", "aws.partner/stripe.com/ed_test_61RK2mB", "aws.partner/stripe.com/acct_1/ed_1"])
def test_a_partner_event_bus_of_stripe_may_be_named(name: str) -> None:
    assert _may_be_named(name)


@pytest.mark.parametrize(
    "name",
    [
        "default",
        "orders",
        "aws.partner/stripe.com/",
        "aws.partner/example.com/x",
        "arn:aws:events:us-east-1:123456789012:event-bus/aws.partner/stripe.com/ed_1",
    ],
)
def test_another_bus_may_not_be_named(name: str) -> None:
    """On it no event of Stripe's would ever match, and nobody would notice."""
    assert not _may_be_named(name)


def _may_be_named(name: str) -> bool:
    return re.fullmatch(BUNDLE["Parameters"]["PartnerEventBus"]["AllowedPattern"], name) is not None


def test_the_rule_takes_stripes_events_from_that_bus() -> None:
    assert _rule()["EventBusName"] == {"Ref": "PartnerEventBus"}
    assert _rule()["State"] == "ENABLED"
    assert _rule()["EventPattern"] == {"source": [{"prefix": "aws.partner/stripe.com/"}]}


def test_an_event_comes_to_the_queue_as_it_is() -> None:
    assert _target()["Arn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    assert {"Input", "InputPath", "InputTransformer"}.isdisjoint(_target())


def test_delivery_is_tried_as_long_as_it_can_be_and_then_the_event_is_kept() -> None:
    assert _target()["RetryPolicy"] == {"MaximumEventAgeInSeconds": 24 * 60 * 60, "MaximumRetryAttempts": 185}
    assert _target()["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["Quarantine", "Arn"]}}


def test_only_that_rule_may_send_to_the_queues() -> None:
    (statement,) = _policy_with_a_bus()
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == [{"Fn::GetAtt": ["Queue", "Arn"]}, {"Fn::GetAtt": ["Quarantine", "Arn"]}]
    ((condition, keys),) = statement["Condition"].items()
    assert condition == "ArnEquals"
    assert set(keys) == {"aws:SourceArn"}
    # The sandbox compares what comes of this with the ARN of the rule.
    assert keys["aws:SourceArn"]["Fn::Sub"].endswith(":rule/${PartnerEventBus}/${AWS::StackName}")
    assert _rule()["Name"] == {"Ref": "AWS::StackName"}


def test_the_rule_comes_when_the_queues_let_it_in() -> None:
    assert BUNDLE["Resources"]["PartnerEvents"]["DependsOn"] == "QueuesOnlyOverTls"


def test_a_queue_has_one_policy() -> None:
    """A second one would replace it without a word."""
    queues = [
        str(queue["Ref"])
        for resource in BUNDLE["Resources"].values()
        if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"}
        for queue in resource["Properties"].get("Queues", [resource["Properties"].get("Queue")])
    ]
    assert sorted(queues) == ["Quarantine", "Queue"]


def test_the_alarm_watches_the_rule() -> None:
    given = properties("MonitoringStack")["Parameters"]
    assert given["PartnerEventBus"] == _rule()["EventBusName"]
    assert given["StackName"] == _rule()["Name"]
    assert properties("EventsUndelivered", MONITORING)["Dimensions"] == [
        {"Name": "EventBusName", "Value": {"Ref": "PartnerEventBus"}},
        {"Name": "RuleName", "Value": {"Ref": "StackName"}},
    ]
