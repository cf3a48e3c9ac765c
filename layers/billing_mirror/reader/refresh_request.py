"""Asking the stack to fetch an object: a message on its queue, of identity only."""

from __future__ import annotations

from collections.abc import Callable

import boto3

from ..core import json_body, object_ref
from ..core.errors import PermanentError
from ..core.json_body import JsonObject
from ..core.object_ref import Scope
from .errors import ReaderError

MAX_GROUP = 128
"""Characters of a message group."""


def refresh_message(scope: str, type_name: str, object_id: str, parent: str | None) -> str:
    """What ``core.events.messages`` reads as a refresh request. Raises :class:`ReaderError` for what no URL can name.

    It is written here because the reader has no pydantic; a test reads it back.
    """
    mode, _, context = scope.partition("/")
    try:
        ref = object_ref.ref_to(Scope(mode == "live", context or None), type_name, object_id, parent)
    except PermanentError as error:
        raise ReaderError(f"{object_id} cannot be refreshed: {error}") from error
    body: JsonObject = {
        "object": "billing_mirror.refresh",
        "livemode": ref.scope.livemode,
        "context": ref.scope.context,
        "type": ref.type,
        "id": ref.id,
        "parent": ref.parent,
    }
    return json_body.write({name: value for name, value in body.items() if value is not None})


def send_to(queue_url: str, scope: str) -> Callable[[str], None]:
    """Sends messages to the stack's queue; it needs ``sqs:SendMessage``."""

    def send(message: str) -> None:
        boto3.client("sqs").send_message(
            QueueUrl=queue_url, MessageBody=message, MessageGroupId=f"{scope}:requested"[-MAX_GROUP:]
        )

    return send
