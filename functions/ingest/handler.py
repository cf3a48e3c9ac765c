"""API Gateway request -> accept -> HTTP answer."""

import base64
import binascii
import json
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.adapters.blocking import complete
from billing_mirror.core.metrics import Metric
from billing_mirror.ingest.accept import MAX_BODY, IngestAnswer, accept
from billing_mirror.settings import IngestSettings
from billing_mirror.wiring.ingest import ingest_dependencies

settings = IngestSettings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(stack=settings.stack_name)
dependencies = ingest_dependencies(settings)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    body = _body(event)
    if body is None:
        answer = IngestAnswer(400, Metric.REJECTED, "the body is not base64, although the request says so")
    else:
        answer = complete(accept(body, _signature(event), dependencies, source=_source(event)))
    _report(answer, context.aws_request_id)
    return {
        "statusCode": answer.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"reason": answer.reason}),
    }


def _source(event: dict[str, Any]) -> str:
    """The IP address of the caller; empty where the request has none."""
    return str(event.get("requestContext", {}).get("http", {}).get("sourceIp", ""))


def _signature(event: dict[str, Any]) -> str | None:
    """The header that signs the body, whatever the case of its name."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}.get("stripe-signature")


def _body(event: dict[str, Any]) -> bytes | None:
    """The bytes that were sent; None where the base64 is malformed."""
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", errors="surrogatepass")
    if len(text) > 2 * MAX_BODY:
        return text.encode("ascii", errors="replace")  # too large in any case: not worth decoding
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _report(answer: IngestAnswer, request_id: str) -> None:
    """One line for log and metric, except that an error has a line of its own: with the level that is searched for."""
    metrics.add_metric(answer.metric, MetricUnit.Count, 1)
    notification = answer.notification
    columns = {
        "status": answer.status,
        "outcome": answer.metric,
        "request_id": request_id,
        "event_id": notification.id if notification else None,
        "event_type": notification.type if notification else None,
    }
    if answer.status >= 500:
        logger.error(answer.reason, extra=columns)
        return
    for name, value in {"message": answer.reason, **columns}.items():
        metrics.add_metadata(name, value)
