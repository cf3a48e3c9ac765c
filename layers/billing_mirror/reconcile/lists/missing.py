"""What a 404 means to a run: that one object is gone, or that the account has lost the whole feature."""

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.errors import NotFound
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Ports, StripeRequest
from billing_mirror.refresh.around_stripe.previews import require_shown

from ..runs.active_run import ActiveRun


async def is_gone(owner: ObjectRef, ports: Ports) -> bool:
    """Whether an owner is gone whose list Stripe does not show.

    Raises ``ListUnavailable`` where Stripe does not show any of its kind.
    """
    object_type = owner.object_type
    request = StripeRequest(owner.path, object_type.api, owner.scope.context, object_type.include)
    try:
        body = (await ports.stripe.get(request)).body
    except NotFound:
        await require_shown(object_type, ports.stripe)
        return True
    return body.get("deleted") is True


async def require_list(object_type: ObjectType, run: ActiveRun) -> None:
    """Raises ``ListUnavailable`` where Stripe does not show any object of this kind. Asks once in a tick."""
    async with run.removals.one_asks:
        if object_type.name not in run.removals.shown_types:
            await require_shown(object_type, run.ports.stripe)
            run.removals.shown_types.add(object_type.name)
