"""Whether an object that Stripe does not find was deleted, or Stripe does not show it yet, or not any of its kind."""

from billing_mirror.core import times
from billing_mirror.core.errors import ListUnavailable, TransientError
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import lag_left, may_lag
from billing_mirror.ports import Ports
from billing_mirror.refresh.around_stripe.previews import BELIEVED_FOR

from .messages import ProcessDependencies, WorkItem

A_SECOND = 1.0
"""The precision of v1's ``created``."""
NOT_VISIBLE_YET = "Stripe does not return the object, or not yet"


async def require_not_found(
    ref: ObjectRef, items: list[WorkItem], now: float, dependencies: ProcessDependencies
) -> None:
    """Raises ``TransientError`` where Stripe may not show the object yet, or shows none of its kind."""
    if _may_appear_yet(items, now):
        raise TransientError(NOT_VISIBLE_YET)
    if young_for := await _young_for(ref, items, now, dependencies.ports):
        raise TransientError(NOT_VISIBLE_YET, retry_after=young_for)
    if not any(item.is_deletion for item in items):
        await _require_shown(ref, dependencies)


async def _require_shown(ref: ObjectRef, dependencies: ProcessDependencies) -> None:
    """Raises ``TransientError`` where the account shows no object of this kind: its preview may be switched off."""
    ports = dependencies.ports
    try:
        await dependencies.previews.require(ref, ports.stripe, ports.clock)
    except ListUnavailable as error:
        raise TransientError(str(error), retry_after=BELIEVED_FOR) from error


def _may_appear_yet(items: list[WorkItem], now: float) -> bool:
    """Whether the messages are so recent that Stripe may not show their object yet.

    That the object was shown before proves nothing: one replica may be behind another.
    """
    recent = [item for item in items if may_lag(item.happened_at, now)]
    if any(isinstance(item.message, Notification) and item.message.type.endswith(".created") for item in recent):
        return True
    return bool(recent) and not any(item.announces_deletion for item in items)


async def _young_for(ref: ObjectRef, items: list[WorkItem], now: float, ports: Ports) -> float:
    """Seconds for which replicas and lists may lag behind the creation that the mirror knows; 0 once they do not.

    An object whose deletion was announced is not young, unless it was created again since.
    """
    created_at = times.created_at(await ports.mirror.body(ref))
    deletions = [item.happened_at for item in items if item.is_deletion]
    if any(deleted_at >= created_at + A_SECOND for deleted_at in deletions):
        return 0.0
    return lag_left(created_at, now)
