"""Keeps a gate for each subscription, from the stack's event bus: may its customer use what it pays for?

template.yaml deploys it with its table and its rule (docs/changes.md).
"""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["GATE_TABLE"])

PAYING = {"current", "past_due"}
"""The collection statuses in which a customer still gets the service."""


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - as Lambda calls it
    """One change. Events come at least once and in any order: the token decides, in the write itself."""
    change = event["detail"]
    now = change["after"]
    is_open = (
        not event["detail-type"].endswith(".removed")
        and now["status"] == "active"
        and now["collection_status"] in PAYING
    )
    try:
        table.put_item(
            Item={
                "subscription": f"{change['scope']}#{change['id']}",
                "customer": change["customer"],
                "open": is_open,
                "token": change["token"],
            },
            ConditionExpression="attribute_not_exists(subscription) OR #token < :token",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={":token": change["token"]},
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise  # Lambda invokes it again
