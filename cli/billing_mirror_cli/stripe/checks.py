"""What `doctor` asks Stripe: which types the key may read, and whether events are sent to the stack."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlencode

from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core.catalog import RECONCILED_TYPES, ApiChannel, ObjectType
from billing_mirror.core.errors import MirrorError, NotFound, PermanentError, PermissionDenied, Unauthorized
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.paging import entries
from billing_mirror.ports import StripeRequest

from ..health.findings import Finding, Level
from .event_types import event_types

EVENTS = "/v2/core/events"
DESTINATIONS = "/v2/core/event_destinations"
DASHBOARD_KEYS = "https://dashboard.stripe.com/apikeys"
ALL_EVENTS = "*"
_AT_ONCE = 5
_MOST = 5


def key_permissions(stripe: StripeApi) -> Finding:
    """Whether the key may read Stripe's events and every type that has a list of its own."""
    name = "key permissions"
    lists = {one.name: (path, one.api) for one in RECONCILED_TYPES if (path := _own_list(one)) is not None}
    try:
        refused = asyncio.run(_refused(stripe, {"events": (f"{EVENTS}?limit=1", ApiChannel.GA), **lists}))
    except Unauthorized as error:
        return Finding(name, Level.FAIL, str(error), f"Store a valid key, from {DASHBOARD_KEYS}")
    except MirrorError as error:
        return Finding(name, Level.UNKNOWN, str(error))
    if refused:
        return Finding(
            name, Level.FAIL, f"the key may not read {_named(refused)}", f"Grant it in Stripe: {DASHBOARD_KEYS}"
        )
    return Finding(name, Level.OK, f"reads events and {len(lists)} types")


def destination(stripe: StripeApi, webhook_url: str) -> Finding:
    """Whether a thin event destination sends all event types to the stack's webhook."""
    name = "event destination"
    query = urlencode({"include[0]": "webhook_endpoint.url", "limit": 100})
    try:
        page = asyncio.run(stripe.get(StripeRequest(f"{DESTINATIONS}?{query}", ApiChannel.GA, None))).body
        found = [one for one in entries(page) if text_at(one, "webhook_endpoint.url") == webhook_url]
    except PermissionDenied:
        return Finding(name, Level.UNKNOWN, "the key may not read event destinations", "Compare it in Stripe by hand")
    except MirrorError as error:
        return Finding(name, Level.UNKNOWN, str(error))
    if not found:
        return Finding(name, Level.FAIL, f"none sends to {webhook_url}", "docs/deploy.md#3-add-the-webhook-destination")
    return min((judge_destination(one) for one in found), key=lambda finding: [*Level].index(finding.level))


def judge_destination(shown: JsonObject) -> Finding:
    """Whether a destination, as Stripe shows it, is enabled and complete."""
    name, identifier = "event destination", text_at(shown, "id") or "?"
    if shown.get("status") != "enabled":
        return Finding(name, Level.FAIL, f"{identifier} is {shown.get('status')}", "Enable it in Stripe")
    enabled = shown.get("enabled_events")
    chosen = {one for one in enabled if isinstance(one, str)} if isinstance(enabled, list) else set()
    missing = [] if ALL_EVENTS in chosen else [one for one in event_types() if one not in chosen]
    if missing:
        return Finding(
            name,
            Level.FAIL,
            f"{identifier} does not send {_named(missing)}",
            "Add them in Stripe; billing-mirror events lists all",
        )
    payload = "" if shown.get("event_payload") == "thin" else "; it sends snapshot events, and thin ones have no gaps"
    return Finding(name, Level.OK, f"{identifier} is enabled and sends every event type{payload}")


async def _refused(stripe: StripeApi, lists: dict[str, tuple[str, ApiChannel]]) -> list[str]:
    """The names of the lists that the key may not read. Raises what concerns the key itself."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def is_refused(path: str, api: ApiChannel) -> bool:
        async with slots:
            try:
                await stripe.get(StripeRequest(path, api, None, may_be_refused=True))
            except PermissionDenied:
                return True
            except Unauthorized:
                raise
            except (NotFound, PermanentError):
                return False  # the account has no such list, or the list wants a filter
        return False

    refused = await asyncio.gather(*(is_refused(*one) for one in lists.values()))
    return [name for name, is_it in zip(lists, refused, strict=True) if is_it]


def _own_list(object_type: ObjectType) -> str | None:
    """The first object of the account's list of a type; None where each owner has a list."""
    listing = next((one for one in object_type.listings if one.per is None), None)
    return None if listing is None else f"{listing.url}?{urlencode({**listing.query, 'limit': '1'})}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
