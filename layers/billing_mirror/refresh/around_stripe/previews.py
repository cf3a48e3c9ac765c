"""Whether the account shows a preview at all: while one is switched off, every URL of it answers 404.

Then a 404 says nothing about an object, and nothing is known to be gone.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES, ApiChannel, Listing, ObjectType
from billing_mirror.core.errors import (
    FeatureUnavailable,
    ListRefused,
    ListUnavailable,
    NotFound,
    PermanentError,
    Unauthorized,
)
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.stripe_api import paging
from billing_mirror.ports import Clock, Stripe, StripeRequest

BELIEVED_FOR = 60.0
"""Seconds for which an answer is believed."""


async def require_shown(object_type: ObjectType, stripe: Stripe, *, context: str | None = None) -> None:
    """Raises ``ListUnavailable`` where the account shows no object of this kind; only a preview can be switched off.

    Costs one request: the first page of a list that every account with this feature has.
    """
    shown = _type_with_list(object_type)
    listing = _account_list(shown)
    if object_type.api is not ApiChannel.PREVIEW or listing is None:
        return
    url = paging.first_page(listing.url, _query(shown, listing))
    try:
        paging.entries((await stripe.get(StripeRequest(url, shown.api, context))).body)
    except (NotFound, FeatureUnavailable) as error:
        raise ListUnavailable(f"{error}: the account does not show {shown.name}, so nothing of it is gone") from error
    except Unauthorized:
        return  # the key may not read that list, which says nothing about the object
    except PermanentError as error:
        raise ListRefused(str(error)) from error


@dataclass(slots=True)
class ShownPreviews:
    """What a container remembers of the answers: it asks once a minute for each list of a preview."""

    _answers: dict[tuple[str | None, str], tuple[float, str]] = field(default_factory=dict)
    """By context and type: when the request was sent (seconds since 1970), and why nothing is shown; or ""."""
    _one_asks: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def require(self, ref: ObjectRef, stripe: Stripe, clock: Clock) -> None:
        """Raises ``ListUnavailable`` where the account of an object shows no object of its kind."""
        if ref.object_type.api is not ApiChannel.PREVIEW:
            return
        key = ref.scope.context, _type_with_list(ref.object_type).name
        async with self._one_asks:
            requested_at, reason = self._answers.get(key, (None, ""))
            if requested_at is None or clock.now() - requested_at >= BELIEVED_FOR:
                requested_at, reason = clock.now(), await _why_unavailable(ref, stripe)
                self._answers[key] = requested_at, reason
        if reason:
            raise ListUnavailable(reason)


async def _why_unavailable(ref: ObjectRef, stripe: Stripe) -> str:
    try:
        await require_shown(ref.object_type, stripe, context=ref.scope.context)
    except ListUnavailable as error:
        return str(error)
    return ""


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
