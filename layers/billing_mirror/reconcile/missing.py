"""What a 404 means: that one object is gone, or that the account has lost the whole feature.

While a preview is switched off, every URL of it answers 404. Then nothing is known to be gone.
"""

from collections.abc import Mapping

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES, ApiChannel, Listing, ObjectType
from billing_mirror.core.checkpoints import FIRST_PAGE
from billing_mirror.core.errors import ListUnavailable, NotFound, Unauthorized
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Ports, StripeRequest

from .pages import read_page
from .runs.active_run import ActiveRun


async def is_gone(owner: ObjectRef, ports: Ports) -> bool:
    """Whether an owner is gone whose list Stripe does not show.

    Raises ``ListUnavailable`` where Stripe does not show any of its kind.
    """
    object_type = owner.object_type
    request = StripeRequest(owner.path, object_type.api, owner.scope.context, object_type.include)
    try:
        body = (await ports.stripe.get(request)).body
    except NotFound:
        await _require_list(object_type, ports)
        return True
    return body.get("deleted") is True


async def require_list(object_type: ObjectType, run: ActiveRun) -> None:
    """Raises ``ListUnavailable`` where Stripe does not show any object of this kind. Asks once in a tick."""
    async with run.removals.one_asks:
        if object_type.name not in run.removals.shown_types:
            await _require_list(object_type, run.ports)
            run.removals.shown_types.add(object_type.name)


async def _require_list(object_type: ObjectType, ports: Ports) -> None:
    """Reads a list that every account with this feature has. Only a preview can be switched off."""
    if object_type.api is not ApiChannel.PREVIEW:
        return
    shown = _type_with_list(object_type)
    listing = _account_list(shown)
    if listing is None:
        return
    try:
        await read_page(listing.url, _query(shown, listing), FIRST_PAGE, ports, api=shown.api)
    except (NotFound, ListUnavailable) as error:
        raise ListUnavailable(f"{error}: the account does not show {shown.name}, so nothing of it is gone") from error
    except Unauthorized:
        return  # the key may not read that list, which says nothing about the object


def _query(object_type: ObjectType, listing: Listing) -> Mapping[str, str]:
    return {**listing.query, **{f"include[{number}]": name for number, name in enumerate(object_type.include)}}


def _type_with_list(object_type: ObjectType) -> ObjectType:
    """The type itself, else its owner's type, and so on; without an owner, the first type of the same API."""
    while _account_list(object_type) is None:
        owners = [listing.per for listing in object_type.listings if listing.per]
        if not owners:
            others = (one for one in RECONCILED_TYPES if one.api is object_type.api and _account_list(one))
            return next(others, object_type)
        object_type = TYPES[owners[0]]
    return object_type


def _account_list(object_type: ObjectType) -> Listing | None:
    lists = (listing for listing in object_type.listings if listing.per is None and not listing.may_be_refused)
    return next(lists, None)
