"""The queue and the quarantine, as SQS queues."""

from __future__ import annotations

import asyncio
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from billing_mirror.core.errors import TransientError
from billing_mirror.ports import QuarantinedMessage

from .aws import transient_errors
from .blocking import Call

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SERVICE = "SQS"
MAX_GROUP = 128
MAX_MESSAGE = 1024 * 1024 - 4096
"""Bytes of a message, less some for its attributes."""
KEPT_OF_HUGE = 600_000
"""Bytes that quarantine keeps of a body that no message can hold, compressed or not."""
HIDDEN_SECONDS = 300
"""For so long other receivers do not see a message that was read in quarantine."""
MAX_REASON = 1000
"""Characters of a reason that are kept as a message attribute."""
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class SqsQueue:
    """Implements ``ports.Queue``."""

    def __init__(
        self, client: SQSClient, queue_url: str, quarantine_url: str, *, call: Call = asyncio.to_thread
    ) -> None:
        self._call = call
        self._client = client
        self._queue_url = queue_url
        self._quarantine_url = quarantine_url

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        with transient_errors(SERVICE):
            # A group on a standard queue gives fair shares; it does not order anything.
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
            await self._call(
                self._client.send_message,
                QueueUrl=self._queue_url,
                MessageBody=_allowed(body),  # within JSON, the escape of a character is that character
                MessageGroupId=group[-MAX_GROUP:],
                DelaySeconds=delay,
            )

    async def quarantine(self, body: str, *, reason: str) -> None:
        with transient_errors(SERVICE):
            try:
                await self._call(
                    self._client.send_message,
                    QueueUrl=self._quarantine_url,
                    MessageBody=_storable(body) or "(empty)",
                    MessageAttributes={
                        "reason": {
                            "DataType": "String",
                            "StringValue": _allowed(reason)[:MAX_REASON] or "?",
                        }
                    },
                )
            except ClientError as error:
                # The message stays in the queue, which moves it to quarantine in the end.
                raise TransientError("SQS refuses the message for quarantine") from error

    async def postpone(self, receipt: str, seconds: int) -> None:
        with transient_errors(SERVICE):
            try:
                await self._call(
                    self._client.change_message_visibility,
                    QueueUrl=self._queue_url,
                    ReceiptHandle=receipt,
                    VisibilityTimeout=seconds,
                )
            except ClientError as error:
                # The receipt has expired: the message is visible again, or another worker has received it.
                raise TransientError("SQS no longer lets the message be postponed") from error

    async def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        seen: set[str] = set()
        while True:
            with transient_errors(SERVICE):
                answer = await asyncio.to_thread(
                    self._client.receive_message,
                    QueueUrl=self._quarantine_url,
                    MaxNumberOfMessages=10,
                    MessageAttributeNames=["reason"],
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=1,  # with a wait, SQS asks all its servers
                )
            received = [one for one in answer.get("Messages", []) if one["MessageId"] not in seen]
            if not received:
                return
            seen |= {one["MessageId"] for one in received}
            for one in received:
                yield _quarantined(one)

    async def drop(self, receipt: str) -> None:
        with transient_errors(SERVICE):
            await asyncio.to_thread(self._client.delete_message, QueueUrl=self._quarantine_url, ReceiptHandle=receipt)


def _quarantined(message: MessageTypeDef) -> QuarantinedMessage:
    attributes = message.get("MessageAttributes", {})
    reason = attributes["reason"].get("StringValue", "") if "reason" in attributes else ""
    return QuarantinedMessage(_readable(message["Body"]), reason, message["ReceiptHandle"])


def _readable(stored: str) -> str:
    """What :func:`_storable` has stored, as far as it was kept."""
    for name, unpack in (("base64:", bytes), ("zlib+base64:", zlib.decompress)):
        if stored.startswith(name):
            try:
                return unpack(b64decode(stored.removeprefix(name))).decode("utf-8", "replace")
            except (ValueError, zlib.error):
                return stored
    first, colon, kept = stored.partition(" bytes in base64:")
    return b64decode(kept).decode("utf-8", "replace") if colon and first.startswith("the first ") else stored


def _storable(body: str) -> str:
    """``body`` as SQS allows it: forbidden characters as escapes, or all of it as base64 where that gets too long.

    Where that is too long as well, it is compressed; of what still does not fit, the beginning is kept.
    """
    raw = body.encode("utf-8", "surrogatepass")
    if len(raw) <= MAX_MESSAGE and len(escaped := _allowed(body)) <= MAX_MESSAGE and _fits(escaped):
        return escaped
    for name, data in (("base64", raw), ("zlib+base64", zlib.compress(raw))):
        if len(name) + 1 + 4 * -(-len(data) // 3) <= MAX_MESSAGE:
            return f"{name}:{b64encode(data).decode('ascii')}"
    return f"the first {KEPT_OF_HUGE} of {len(raw)} bytes in base64:" + b64encode(raw[:KEPT_OF_HUGE]).decode("ascii")


def _fits(text: str) -> bool:
    return len(text.encode("utf-8")) <= MAX_MESSAGE


def _allowed(text: str) -> str:
    """``text`` with the characters that SQS forbids written as escapes, so that nothing is lost.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    return _FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
