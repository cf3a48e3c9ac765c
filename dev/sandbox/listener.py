"""What does a consumer of the stack's changes hear?"""

import json
from collections.abc import Mapping

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from dev.sandbox.deploy import Endpoints, session

PAST_DUE: Mapping[str, object] = {
    "source": ["billing-mirror"],
    "detail-type": ["v2.billing.rate_card_subscription.updated"],
    "detail": {"changed_columns": ["collection_status"], "after": {"collection_status": ["past_due"]}},
}
"""The rule of docs/changes.md."""


class Listener:
    """A queue behind a rule on the bus of changes."""

    def __init__(self, endpoints: Endpoints, name: str, pattern: Mapping[str, object]) -> None:
        events = session().client("events", endpoint_url=endpoints.aws_endpoint)
        self._sqs = session().client("sqs", endpoint_url=endpoints.aws_endpoint)
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        bus = endpoints.changes_bus
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern), State="ENABLED")
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])

    def received(self, wait: int = 0) -> list[JsonObject]:
        """The events since the last time; waits so many seconds for the first."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        for message in answer.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [json_body.parse(message["Body"]) for message in answer.get("Messages", [])]
