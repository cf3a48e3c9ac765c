"""A queue's handler as the vendors' pages show it: for each event, fetch the object with the library and put it.

https://docs.stripe.com/webhooks?snapshot-or-thin=thin, https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html.
``THREADS`` is the number of messages of a batch that it works on at once. As on those pages, nothing prevents an old
answer from replacing a newer one.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import boto3
import stripe
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

THREADS = int(os.environ["THREADS"])
PREVIEW = os.environ["STRIPE_PREVIEW_VERSION"]

logger = Logger()
metrics = Metrics()
secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["STRIPE_KEY_ARN"])
client = stripe.StripeClient(secret["SecretString"], base_addresses={"api": os.environ["STRIPE_API_BASE"]})
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
pool = ThreadPoolExecutor(THREADS)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    records = event["Records"]
    stored = [store(record) for record in records] if THREADS == 1 else [*pool.map(store, records)]
    failed = [record["messageId"] for record, ok in zip(records, stored, strict=True) if not ok]
    metrics.add_metric("Stored", MetricUnit.Count, len(records) - len(failed))
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def store(record: dict[str, Any]) -> bool:
    """Whether the object that an event names was fetched and put into the table."""
    notification = json.loads(record["body"])
    notification = notification.get("detail", notification)  # Amazon EventBridge's envelope
    related = notification.get("related_object")
    if related is None:
        return True
    try:
        url = related["url"]
        if "/:" in url:
            url = with_parent(notification, url)
        answer = client.raw_request("get", url, **options(url))
        body = client.deserialize(answer, api_mode="V1" if url.startswith("/v1/") else "V2").to_dict()
    except stripe.InvalidRequestError as error:
        logger.warning("not fetched", extra={"event_id": notification["id"], "error": error.code})
        return error.http_status == 404
    except stripe.StripeError as error:
        logger.warning("not fetched", extra={"event_id": notification["id"], "error": str(error.http_status)})
        return False
    data = json.loads(json.dumps(body, default=str), parse_float=Decimal)
    table.put_item(Item={"pk": related["id"], "sk": "object", "type": related["type"], "data": data})
    logger.info("stored", extra={"event_id": notification["id"], "event_type": notification["type"]})
    return True


def with_parent(notification: dict[str, Any], url: str) -> str:
    """The URL with the parent that only the whole event names, in place of the placeholder."""
    answer = client.raw_request("get", f"/v2/core/events/{notification['id']}", stripe_version=PREVIEW)
    data = json.loads(answer.body)["data"]
    parent = data.get("rate_card_id") or data.get("rate_card")
    return "/".join(parent if part.startswith(":") else part for part in url.split("/"))


def options(url: str) -> dict[str, Any]:
    return {"stripe_version": PREVIEW} if url.startswith("/v2/billing/") else {}
