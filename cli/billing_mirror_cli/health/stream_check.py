"""Whether the table's stream reaches the changes function."""

from __future__ import annotations

from billing_mirror.adapters.table.stream import BOTH_IMAGES

from ..stack.session import Session
from .findings import Check, Finding, Level

NAME = Check.STREAM


def stream(session: Session) -> list[Finding]:
    """One finding; none for a stack that neither publishes changes nor keeps a history."""
    if not session.stack.changes_function:
        return []
    table = session.aws.dynamodb.describe_table(TableName=session.stack.table)["Table"]
    specification = table.get("StreamSpecification", {"StreamEnabled": False})
    if not specification["StreamEnabled"]:
        return [_another_is_needed("the table's stream is off: changes are neither published nor kept")]
    images = specification.get("StreamViewType", "?")
    if images != BOTH_IMAGES:
        return [_another_is_needed(f"the table's stream shows {images}: it has to show {BOTH_IMAGES}")]
    return [_mapping(session, table.get("LatestStreamArn", ""))]


def _mapping(session: Session, arn: str) -> Finding:
    answer = session.aws.functions.list_event_source_mappings(FunctionName=session.stack.changes_function)
    mappings = answer["EventSourceMappings"]
    found = next((mapping for mapping in mappings if mapping.get("EventSourceArn") == arn), None)
    if found is None:
        return _another_is_needed("the changes function does not read the table's present stream")
    if found.get("State") != "Enabled":
        return Finding(
            NAME,
            Level.FAIL,
            f"its event source mapping is {found.get('State', '?')}; it keeps changes for 24 hours",
            f"aws lambda update-event-source-mapping --uuid {found.get('UUID', 'UUID')} --enabled",
        )
    return Finding(NAME, Level.OK, "the changes function reads it, with old and new images")


def _another_is_needed(sentence: str) -> Finding:
    return Finding(NAME, Level.FAIL, sentence, "Switch it on anew: docs/changes.md#switch-it-on-anew")
