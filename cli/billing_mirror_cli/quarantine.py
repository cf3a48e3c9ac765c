"""The messages in quarantine: received for a moment, grouped by reason, and let go again.

SQS shows a message only by receiving it, which hides it from others. So a call receives what it needs, and makes it
visible again before it ends, however it ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billing_mirror.core import json_body, times
from billing_mirror.core.json_body import JsonObject, text_at

from .failures import usage
from .stack.session import Session

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH = 10
"""Messages of one request: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
HIDDEN_SECONDS = 120
"""For so long a message is hidden at most, should the command be killed."""
WITHOUT_REASON = "received so often that SQS gave up; the process function's log has the reason"
_ID = re.compile(r"\b[a-z]+(?:_[a-z]+)*_(?=\w*[0-9A-Z])\w{4,}")
"""An id of Stripe's, which differs between two messages with the same reason; no word such as resource_missing."""
_REQUEST = re.compile(r" \(request [^)]*\)")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One message. ``sent_at`` is in seconds since 1970."""

    id: str
    body: str
    reason: str
    sent_at: float
    receipt: str

    @property
    def kind(self) -> str:
        """The reason without ids: what messages with the same cause share."""
        return _ID.sub("...", _REQUEST.sub("", self.reason))

    @property
    def group(self) -> str:
        """A short name of the reason, the same in every call."""
        return hashlib.sha256(self.kind.encode()).hexdigest()[:6]

    @property
    def about(self) -> tuple[str, str]:
        """The type of the event or of the object, and the id of the object; empty where the body does not say."""
        try:
            body = json_body.parse(self.body)
        except json_body.Malformed:
            return "unreadable", ""
        event = body.get("detail", body)
        return text_at(event, "type") or "unknown", text_at(event, "related_object.id") or text_at(body, "id") or ""

    def to_json(self) -> JsonObject:
        return {
            "message": self.id,
            "group": self.group,
            "reason": self.reason,
            "sent_at": times.iso(self.sent_at),
            "body": self.body,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """The messages with one reason, newest first."""

    name: str
    reason: str
    messages: Sequence[Quarantined]

    @property
    def types(self) -> list[str]:
        """The types of its events or objects, without repetition."""
        return list(dict.fromkeys(message.about[0] for message in self.messages))

    @property
    def newest(self) -> float:
        return max(message.sent_at for message in self.messages)


@dataclass(slots=True)
class Held:
    """Messages that a call has received and not deleted yet."""

    messages: list[Quarantined] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def groups(self) -> list[Group]:
        """The messages by reason, the largest group first."""
        ordered = sorted(self.messages, key=lambda message: -message.sent_at)
        kinds = {message.kind: message.group for message in ordered}
        groups = [Group(name, kind, [one for one in ordered if one.kind == kind]) for kind, name in kinds.items()]
        return sorted(groups, key=lambda group: -len(group.messages))

    def select(self, names: Sequence[str]) -> list[Quarantined]:
        """The messages of these groups, or with these ids. Raises :class:`Failure` for a name that is neither."""
        known = {message.group for message in self.messages} | {message.id for message in self.messages}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise usage(
                f"There is no group and no message {unknown[0]} in quarantine", "billing-mirror quarantine list"
            )
        return [message for message in self.messages if message.group in names or message.id in names]


@contextmanager
def held(session: Session, limit: int) -> Iterator[Held]:
    """The messages in quarantine, so many at most; those that the block has not deleted become visible again."""
    holding = Held()
    try:
        while len(holding.messages) < limit:
            # With a wait, SQS asks all its servers: an empty answer means that nothing is left.
            answer = session.aws.sqs.receive_message(
                QueueUrl=session.stack.quarantine_url,
                MaxNumberOfMessages=min(BATCH, limit - len(holding.messages)),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=1,
            )
            received = answer.get("Messages", [])
            if not received:
                break
            holding.messages += [_read(message) for message in received]
        yield holding
    finally:
        _release(session, [one for one in holding.messages if one.id not in holding.deleted])


def delete(session: Session, message: Quarantined, holding: Held) -> None:
    """Deletes a message from quarantine."""
    session.aws.sqs.delete_message(QueueUrl=session.stack.quarantine_url, ReceiptHandle=message.receipt)
    holding.deleted.add(message.id)


def send_back(session: Session, message: Quarantined, holding: Held) -> None:
    """Sends a message to the work queue again, then deletes it from quarantine: it is never in neither."""
    session.aws.sqs.send_message(
        QueueUrl=session.stack.queue_url, MessageBody=message.body, MessageGroupId=f"{session.scope}:retried"
    )
    delete(session, message, holding)


def retention(session: Session) -> float:
    """Seconds after which SQS deletes a message of the quarantine."""
    answer = session.aws.sqs.get_queue_attributes(
        QueueUrl=session.stack.quarantine_url, AttributeNames=["MessageRetentionPeriod"]
    )
    return float(answer["Attributes"]["MessageRetentionPeriod"])


def _release(session: Session, messages: Sequence[Quarantined]) -> None:
    for start in range(0, len(messages), BATCH):
        session.aws.sqs.change_message_visibility_batch(
            QueueUrl=session.stack.quarantine_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": 0}
                for number, message in enumerate(messages[start : start + BATCH])
            ],
        )


def _read(message: MessageTypeDef) -> Quarantined:
    attributes = message.get("MessageAttributes", {})
    texts = [
        attributes[name].get("StringValue", "")
        for name in ("reason", "ERROR_CODE", "ERROR_MESSAGE")
        if name in attributes
    ]
    sent_at = int(message.get("Attributes", {}).get("SentTimestamp", "0")) / 1000
    reason = ": ".join(texts) or WITHOUT_REASON
    return Quarantined(message["MessageId"], message["Body"], reason, sent_at, message["ReceiptHandle"])
