"""Stream of the table -> event bus and history -> batchItemFailures."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing_mirror.changes.dependencies import FeedResult
from billing_mirror.changes.feed import publish_changes
from billing_mirror.core.changes.change import Change
from billing_mirror.settings import ChangesSettings
from billing_mirror.wiring.changes import changes_dependencies
from billing_mirror.wiring.event_loop import runner

SPARE_SECONDS = 10.0
"""Reserved for a last request and for reporting what is not done."""

settings = ChangesSettings.from_environment(os.environ)
logger = Logger()
loop = runner()
dependencies = changes_dependencies(settings)
OUTCOME = "published" if dependencies.bus is not None else "kept"
"""Of a change, in the log."""


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html"""
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    result = loop.run(publish_changes(event["Records"], dependencies, deadline=deadline))
    _report(result)
    return {"batchItemFailures": [{"itemIdentifier": result.resume_at}] if result.resume_at is not None else []}


def _report(result: FeedResult) -> None:
    for change in result.published:
        logger.info(OUTCOME, extra=_columns(change))
    for reason in result.unreadable:
        logger.error(reason)
    if result.resume_at is not None:
        logger.warning("a batch ends early: %s", result.reason, extra={"resume_at": result.resume_at})


def _columns(change: Change) -> dict[str, object]:
    return {
        "outcome": OUTCOME,
        "change": change.detail_type,
        "key": f"{change.scope}#{change.id}",
        "token": change.token,
    }
