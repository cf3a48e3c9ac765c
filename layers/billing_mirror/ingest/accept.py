"""Ingest: verify a request, reduce it to a notification, and answer only when the queue has the notification."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing_mirror.core.errors import BadRequest, InvalidSignature, PermanentError, TransientError
from billing_mirror.core.events import signature
from billing_mirror.core.events.messages import (
    WEBHOOK_GROUP,
    Notification,
    Unreadable,
    read_notification,
    write_message,
)
from billing_mirror.core.events.sources import Network, require_source
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import parse_scope
from billing_mirror.ports import Clock, Queue, SigningSecrets, Verifier

MAX_BODY = 6 * 1024 * 1024
"""Bytes that Lambda lets through: a snapshot of a long invoice has hundreds of KB. Nothing larger is hashed."""


@dataclass(frozen=True, slots=True)
class IngestDependencies:
    """Clock, queue and signing secrets; ``verify_signature`` checks one signature with one secret."""

    clock: Clock
    queue: Queue
    secrets: SigningSecrets
    verify_signature: Verifier
    sources: Sequence[Network] = ()
    """Where webhooks may come from; without any, from everywhere."""


@dataclass(frozen=True, slots=True)
class IngestAnswer:
    """The HTTP answer, success or not, and its metric. ``reason`` is one sentence for a person."""

    status: int
    metric: Metric
    reason: str
    notification: Notification | None = None


async def accept(
    body: bytes, signature_header: str | None, dependencies: IngestDependencies, *, source: str = ""
) -> IngestAnswer:
    """Verifies a request from an IP address and sends its notification to the queue."""
    try:
        require_source(source, dependencies.sources)
        return await _enqueue(await _verified(body, signature_header, dependencies), dependencies)
    except InvalidSignature as error:
        return IngestAnswer(error.status, Metric.SIGNATURE_FAILURES, str(error))
    except BadRequest as error:
        return IngestAnswer(error.status, Metric.REJECTED, str(error))
    except TransientError as error:
        return IngestAnswer(503, Metric.UNAVAILABLE, str(error))


async def _verified(body: bytes, header: str | None, dependencies: IngestDependencies) -> str:
    if len(body) > MAX_BODY:
        raise BadRequest(413, f"the body is larger than {MAX_BODY // 1024**2} MiB")
    fresh = signature.require_fresh(header, dependencies.clock.now())
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(400, "the body is not UTF-8") from None
    tried: set[str] = set()
    for secrets in (dependencies.secrets.current, dependencies.secrets.refreshed):
        untried = [secret for secret in await secrets() if secret not in tried]  # each costs a hash of the body
        if any(dependencies.verify_signature(text, fresh, secret) for secret in untried):
            return text
        tried.update(untried)
    raise InvalidSignature("no signature in the Stripe-Signature header fits")


async def _enqueue(text: str, dependencies: IngestDependencies) -> IngestAnswer:
    try:
        notification = read_notification(text)
        scope = parse_scope(livemode=notification.livemode, context=notification.context)
    except (Unreadable, PermanentError) as error:
        # Stripe signed the event, so it is kept; a retry would be just as unreadable.
        await dependencies.queue.quarantine(text, reason=str(error))
        return IngestAnswer(200, Metric.QUARANTINED, str(error))
    await dependencies.queue.send(write_message(notification), group=f"{scope}{WEBHOOK_GROUP}")
    return IngestAnswer(200, Metric.ACCEPTED, "accepted", notification)
