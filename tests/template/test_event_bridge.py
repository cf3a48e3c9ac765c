"""EventBridge: one optional rule sends the identity of Stripe's events to the queue."""

import json
import re
from typing import Any

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.events.messages import Notification, RelatedObject, read_message, read_notification
from billing_mirror.core.json_body import JsonObject
from tests.template.templates import BUNDLE, MONITORING, of_type, properties, statements

CONDITION = "WithPartnerEventBus"


def _rule() -> dict[str, Any]:
    return properties("PartnerEvents")


def _target() -> dict[str, Any]:
    (target,) = _rule()["Targets"]
    return dict(target)


def _policy_with_a_bus() -> list[dict[str, Any]]:
    """The statements of the queues' policies that exist only with a partner event bus."""
    chosen = [
        statement["Fn::If"]
        for policy in of_type("AWS::SQS::QueuePolicy").values()
        for statement in statements(policy["PolicyDocument"])
        if "Fn::If" in statement
    ]
    assert [(condition, otherwise) for condition, _, otherwise in chosen] == [(CONDITION, {"Ref": "AWS::NoValue"})] * 2
    return [then for _, then, _ in chosen]


@pytest.mark.parametrize("template", [BUNDLE, MONITORING], ids=["bundle", "monitoring"])
def test_event_bridge_is_off_unless_a_bus_is_named(template: dict[str, Any]) -> None:
    assert template["Parameters"]["PartnerEventBus"]["Default"] == ""
    assert template["Conditions"][CONDITION] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PartnerEventBus"}, ""]}]}


def test_a_bus_adds_the_rule_and_no_other_resource() -> None:
    added = [name for name, resource in BUNDLE["Resources"].items() if resource.get("Condition") == CONDITION]
    assert added == ["PartnerEvents"]


@pytest.mark.parametrize("name", ["", "aws.partner/stripe.com/ed_test_61RK2mB", "aws.partner/stripe.com/acct_1/ed_1"])
def test_a_partner_event_bus_of_stripe_is_accepted(name: str) -> None:
    assert _is_accepted(name)


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
def test_another_bus_is_refused(name: str) -> None:
    """The rule would never match an event there, and no error would show it."""
    assert not _is_accepted(name)


def _is_accepted(name: str) -> bool:
    return re.fullmatch(BUNDLE["Parameters"]["PartnerEventBus"]["AllowedPattern"], name) is not None


def test_the_rule_matches_stripes_events_on_that_bus() -> None:
    assert _rule()["EventBusName"] == {"Ref": "PartnerEventBus"}
    assert _rule()["State"] == "ENABLED"
    assert _rule()["EventPattern"] == {"source": [{"prefix": "aws.partner/stripe.com/"}]}


SNAPSHOT: JsonObject = {
    "object": "event",
    "id": "evt_1",
    "type": "invoice.paid",
    "created": 1_790_000_000,
    "livemode": False,
    "account": "acct_1",
    "data": {
        "object": {
            "object": "invoice",
            "id": "in_1",
            "customer": "cus_1",
            "subscription": None,
            "email": "ann@a.example",
        },
        "previous_attributes": {"email": "old@a.example"},
    },
}
THIN: JsonObject = {
    "object": "v2.core.event",
    "id": "evt_2",
    "type": "v1.invoice.paid",
    "created": "2026-11-01T08:00:00.000Z",
    "livemode": True,
    "context": None,
    "snapshot_event": "evt_1",
    "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
}
ALERT: JsonObject = {
    **SNAPSHOT,
    "type": "billing.alert.triggered",
    "data": {"object": {"object": "billing.alert_triggered", "alert": {"id": "alrt_1", "title": "of Ann"}}},
}
DISCOUNT: JsonObject = {
    **SNAPSHOT,
    "type": "customer.discount.created",
    "data": {"object": {"object": "discount", "id": "di_1", "customer": "cus_1", "invoice_item": "ii_1", "x": "Ann"}},
}


def _transformed(event: JsonObject, *, null: str) -> str:
    """What EventBridge sends to the queue; ``null`` is what it writes between quotes for a null."""
    transformer = _target()["InputTransformer"]
    envelope: JsonObject = {"source": "aws.partner/stripe.com/ed_1", "detail": event}
    text: str = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value = json_body.value_at(envelope, path.removeprefix("$."))
        bare = json_body.text_at({"value": value}, "value") or (null if value is None else json.dumps(value))
        text = text.replace(f'"<{name}>"', json.dumps(bare)).replace(f"<{name}>", json.dumps(value))
    assert "<" not in text
    return text


@pytest.mark.parametrize("null", ["", "null"])
@pytest.mark.parametrize("event", [SNAPSHOT, THIN, ALERT, DISCOUNT], ids=["snapshot", "thin", "alert", "discount"])
def test_what_enters_the_queue_is_the_identity_of_the_whole_event(event: JsonObject, null: str) -> None:
    reduced = _transformed(event, null=null)
    assert read_message(reduced) == read_notification(json_body.write(event))
    assert not {"ann@a.example", "old@a.example", "Ann"} & {*re.findall(r"[\w@.]+", reduced)}


def test_the_rule_names_every_member_that_a_notification_needs() -> None:
    named = {path.rpartition(".")[2] for path in _target()["InputTransformer"]["InputPathsMap"].values()}
    needed = {*Notification.model_fields, *RelatedObject.model_fields} - {"related_object"}
    assert named >= needed
    assert {one.wrapper.path for one in catalog.WRAPPERS.values() if one.wrapper} == {"alert"}


def test_the_transformer_keeps_to_the_limits_of_eventbridge() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html"""
    assert _target()["Arn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    transformer = _target()["InputTransformer"]
    assert len(transformer["InputTemplate"]) <= 8192
    assert len(transformer["InputPathsMap"]) <= 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in transformer["InputPathsMap"])


def test_delivery_is_retried_for_the_maximum_time_and_then_goes_to_quarantine() -> None:
    assert _target()["RetryPolicy"] == {"MaximumEventAgeInSeconds": 24 * 60 * 60, "MaximumRetryAttempts": 185}
    assert _target()["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["Quarantine", "Arn"]}}


def test_only_that_rule_may_send_to_the_queues() -> None:
    allowed = _policy_with_a_bus()
    assert [one["Resource"] for one in allowed] == [{"Fn::GetAtt": [name, "Arn"]} for name in ("Queue", "Quarantine")]
    for statement in allowed:
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        ((condition, keys),) = statement["Condition"].items()
        assert condition == "ArnEquals"
        assert set(keys) == {"aws:SourceArn"}
        # A sandbox test compares the resolved value with the ARN of the rule.
        assert keys["aws:SourceArn"]["Fn::Sub"].endswith(":rule/${PartnerEventBus}/${AWS::StackName}")
    assert _rule()["Name"] == {"Ref": "AWS::StackName"}


def test_the_rule_is_created_after_the_policies_that_allow_it() -> None:
    assert set(BUNDLE["Resources"]["PartnerEvents"]["DependsOn"]) == {
        "QueuesOnlyOverTls",
        "QuarantineOnlyOverTls",
    }


def test_each_policy_is_for_one_queue_and_each_queue_has_one() -> None:
    """A second policy would silently replace the first."""
    queues = [
        [str(queue["Ref"]) for queue in resource["Properties"].get("Queues", [resource["Properties"].get("Queue")])]
        for resource in BUNDLE["Resources"].values()
        if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"}
    ]
    assert sorted(queues) == [["ChangesDeadLetters"], ["Quarantine"], ["Queue"]]


def test_an_update_takes_the_quarantine_from_the_policy_of_both_before_it_gets_its_own() -> None:
    """Earlier versions had one policy for both queues, of this name."""
    assert properties("QueuesOnlyOverTls")["Queues"] == [{"Ref": "Queue"}]
    assert BUNDLE["Resources"]["QuarantineOnlyOverTls"]["DependsOn"] == "QueuesOnlyOverTls"


def test_the_alarm_monitors_the_rule() -> None:
    given = properties("MonitoringStack")["Parameters"]
    assert given["PartnerEventBus"] == _rule()["EventBusName"]
    assert given["StackName"] == _rule()["Name"]
    assert properties("EventsUndelivered", MONITORING)["Dimensions"] == [
        {"Name": "EventBusName", "Value": {"Ref": "PartnerEventBus"}},
        {"Name": "RuleName", "Value": {"Ref": "StackName"}},
    ]
