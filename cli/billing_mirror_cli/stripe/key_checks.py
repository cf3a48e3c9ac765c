"""What `doctor` asks Stripe about the key: whose it is, and which types it may read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core.catalog import EVENT_OBJECTS, RECONCILED_TYPES, TYPES, ApiChannel, ObjectType
from billing_mirror.core.errors import MirrorError, NotFound, PermanentError, PermissionDenied, Unauthorized
from billing_mirror.core.json_body import text_at
from billing_mirror.core.runs.run import Status
from billing_mirror.ports import StripeRequest
from billing_mirror.refresh.around_stripe.account import OWN_ACCOUNT

from ..health.findings import Check, Finding, Level
from ..runs.records import RunState

EVENTS = "/v2/core/events"
_EVENTS = "events"
DASHBOARD_KEYS = "https://dashboard.stripe.com/apikeys"
_PERMISSION = re.compile(r"\brak_[a-z_]+\b")
_BY_TYPE = {name: object_type.permission for name, object_type in TYPES.items()}
_EVENT_PERMISSION = next(iter(EVENT_OBJECTS.values())).permission
_AT_ONCE = 5


def account(stripe: StripeApi, pinned: str) -> Finding:
    """Whether the key is of the account whose objects the table holds; two accounts would mix."""
    name = Check.ACCOUNT
    if not stripe.has_own_account:
        return Finding(name, Level.OK, "the key is an organization's; the runs of its accounts show what it may read")
    try:
        body = asyncio.run(stripe.get(StripeRequest(OWN_ACCOUNT, ApiChannel.GA, None))).body
    except MirrorError as error:
        if not pinned or not isinstance(error, PermissionDenied):
            return Finding(name, Level.UNKNOWN, str(error), "docs/deploy.md#2-store-the-stripe-key")
        return Finding(name, Level.OK, f"the table mirrors {pinned}; the key may not say whose it is")
    own = text_at(body, "id") or ""
    if pinned and own != pinned:
        return Finding(
            name, Level.FAIL, f"the key is of {own}, and the table mirrors {pinned}", f"Store a key of {pinned}"
        )
    return Finding(name, Level.OK, f"{own}, whose objects the table holds" if pinned else f"{own}; nothing is mirrored")


def key_permissions(stripe: StripeApi, runs: Mapping[str, RunState]) -> Iterator[Finding]:
    """A line for each type that the key may not read, as Stripe answers now or as the last run was answered."""
    name = Check.KEY_PERMISSIONS
    lists = {one.name: (path, one.api) for one in RECONCILED_TYPES if (path := _own_list(one)) is not None}
    try:
        refused = asyncio.run(_refused(stripe, {_EVENTS: (f"{EVENTS}?limit=1", ApiChannel.GA), **lists}))
    except Unauthorized as error:
        yield Finding(name, Level.FAIL, str(error), f"Store a valid key, from {DASHBOARD_KEYS}")
        return
    except MirrorError as error:
        yield Finding(name, Level.UNKNOWN, str(error), "Repeat the command")
        return
    below = {type_name: run.reason for type_name, run in runs.items() if run.status is Status.UNAUTHORIZED}
    refused = {**{one: why for one, why in below.items() if one not in lists}, **refused}
    for type_name, reason in refused.items():
        yield Finding(name, Level.FAIL, f"the key may not read {type_name}", _remedy(type_name, reason))
    if not refused:
        yield Finding(name, Level.OK, f"reads events and {len(lists)} types")


def _remedy(type_name: str, reason: str) -> str:
    """What to give the key: the permission that Stripe has named, else the one named after the type."""
    named = _PERMISSION.search(reason)
    needed = named[0] if named else _EVENT_PERMISSION if type_name == _EVENTS else _BY_TYPE.get(type_name)
    what = f"Give it {needed}" if needed else "Give it read access"
    return f"{what}: {DASHBOARD_KEYS} (docs/deploy.md#2-store-the-stripe-key)"


async def _refused(stripe: StripeApi, lists: Mapping[str, tuple[str, ApiChannel]]) -> dict[str, str]:
    """The lists that the key may not read, with Stripe's reason. Raises what concerns the key itself."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def refusal(path: str, api: ApiChannel) -> str:
        async with slots:
            try:
                await stripe.get(StripeRequest(path, api, None, may_be_refused=True))
            except PermissionDenied as error:
                return str(error)
            except Unauthorized:
                raise
            except (NotFound, PermanentError):
                return ""  # the account has no such list, or the list wants a filter
        return ""

    refusals = await asyncio.gather(*(refusal(*one) for one in lists.values()))
    return {name: reason for name, reason in zip(lists, refusals, strict=True) if reason}


def _own_list(object_type: ObjectType) -> str | None:
    """The first object of the account's list of a type; None where each owner has a list."""
    listing = next((one for one in object_type.listings if one.per is None), None)
    return None if listing is None else f"{listing.url}?{urlencode({**listing.query, 'limit': '1'})}"
