"""A webhook's handler as the vendors' pages show it: the library checks the signature, the queue takes the event.

https://docs.stripe.com/webhooks/quickstart?lang=python, https://docs.powertools.aws.dev/lambda/python/latest/
"""

import os
from typing import Any

import boto3
import stripe
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()
secrets = boto3.client("secretsmanager")
sqs = boto3.client("sqs")
signing_secret = secrets.get_secret_value(SecretId=os.environ["SIGNING_SECRET_ARN"])["SecretString"]
client = stripe.StripeClient("rk_test_unused")


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    try:
        notification = client.parse_event_notification(
            event["body"], event["headers"].get("stripe-signature", ""), signing_secret
        )
    except (ValueError, stripe.SignatureVerificationError):
        logger.warning("invalid signature")
        return {"statusCode": 400}
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event["body"])
    metrics.add_metric("Accepted", MetricUnit.Count, 1)
    logger.info("accepted", extra={"event_id": notification.id, "event_type": notification.type})
    return {"statusCode": 200}
