"""What `doctor` asks about the account's event destinations: which one sends to the stack, and who else gets events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billing_mirror.adapters.stripe_api import StripeApi
from billing_mirror.core import times
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import MirrorError, PermissionDenied
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.stripe_api.paging import entries, first_page, next_page
from billing_mirror.ports import StripeRequest

from ..health.findings import Check, Finding, Level, some_of
from ..words import age, count
from .destination_plan import STACK, Kind, Wanted, enabled_events, event_region, released_events, replacing
from .destinations import PATH, URL
from .event_types import event_types

NAME = Check.EVENT_DESTINATION
ALL_EVENTS: Final = "*"
WEBHOOK_PATH: Final = "/stripe/webhook"
"""How the URL of every stack's webhook ends: template.yaml"""
_API: Final = re.compile(r"\.execute-api\.([a-z0-9-]+)\.")
_QUERY: Final = {"include[0]": URL}


@dataclass(frozen=True, slots=True)
class Found:
    """The findings, and the destination that sends to the stack; its id is empty where none does."""

    findings: Sequence[Finding]
    identifier: str = ""


def check(stripe: StripeApi, wanted: Sequence[Wanted], now: float) -> Found:
    """Judges the account's destinations; ``wanted`` are those that would serve the stack."""
    try:
        shown = asyncio.run(_every(stripe))
    except PermissionDenied:
        return Found([Finding(NAME, Level.UNKNOWN, "the key may not read event destinations", _READ)])
    except MirrorError as error:
        return Found([Finding(NAME, Level.UNKNOWN, str(error))])
    ours = [one for one in shown if any(serves(one, each) for each in wanted)]
    others = _others([one for one in shown if one not in ours], wanted)
    if not ours:
        targets = " or ".join(one.url or f"EventBridge in {one.account}" for one in wanted)
        missing = Finding(NAME, Level.FAIL, f"none of {count(len(shown), 'destination')} sends to {targets}", _SETUP)
        return Found([missing, *others])
    judged = [(judge(one, now), one) for one in ours]
    best, chosen = min(judged, key=lambda pair: [*Level].index(pair[0].level))
    identifier = text_at(chosen, "id") or ""
    lacking = wanted[0].lacks(one for one in ours if one.get("status") == "enabled")
    if best.level is Level.OK and lacking:
        sentence = f"{identifier} does not send the events of {lacking}"
        best = Finding(NAME, Level.FAIL, sentence, replacing(text_at(chosen, "type") or ""))
    return Found([best, *others], identifier)


def serves(shown: JsonObject, wanted: Wanted) -> bool:
    """Whether a destination sends to the stack, in either kind of payload."""
    if wanted.kind is Kind.WEBHOOK:
        return text_at(shown, URL) == wanted.url
    return wanted.is_met_by(shown)


def judge(shown: JsonObject, now: float) -> Finding:
    """Whether a destination, as Stripe shows it, is enabled and complete.

    Event types of previews may be missing all together: `setup` leaves them out where Stripe does not offer them.
    """
    identifier = text_at(shown, "id") or "?"
    if shown.get("status") != "enabled":
        why = text_at(shown, "status_details.disabled.reason")
        because = f" ({why})" if why else ""
        return Finding(NAME, Level.FAIL, f"{identifier} is {shown.get('status')}{because}", _SETUP)
    chosen = enabled_events(shown)
    missing = [] if ALL_EVENTS in chosen else [one for one in event_types() if one not in chosen]
    released = set(released_events())
    previews = [one for one in event_types() if one not in released]
    without_previews = bool(previews) and missing == previews
    if missing and not without_previews:
        return Finding(NAME, Level.FAIL, f"{identifier} does not send {some_of(missing)}", _SETUP)
    what = f"every event type but {count(len(previews), 'one')} of previews" if without_previews else "every event type"
    payload = "" if shown.get("event_payload") == "thin" else "; it sends snapshot events, and thin ones have no gaps"
    return Finding(NAME, Level.OK, f"{identifier} is enabled and sends {what}{_made(shown, now)}{payload}")


_SETUP: Final = "Run: billing-mirror setup"
_READ: Final = "Give the key read access to event destinations, or compare it in Stripe: billing-mirror events"


def _others(shown: Sequence[JsonObject], wanted: Sequence[Wanted]) -> list[Finding]:
    """Destinations of further stacks, which share the account and its rate limit, and of this one that lead nowhere."""
    name = Check.OTHER_DESTINATIONS
    findings = []
    for one in shown:
        stack, url, identifier = text_at(one, f"metadata.{STACK}"), text_at(one, URL) or "", text_at(one, "id")
        here, region = _region(wanted[0].url), _region(url) or event_region(one)
        if stack == wanted[0].stack and here and region and region != here:
            sentence = f"{identifier} sends to a stack of the same name in {region}: both share Stripe's request limit"
            findings.append(Finding(name, Level.OK, sentence))
        elif stack == wanted[0].stack and one.get("status") == "enabled":
            target = url or "EventBridge"
            sentence = f"{identifier} sends to {target}: a former API of this stack, or another stack of this name"
            findings.append(Finding(name, Level.UNKNOWN, sentence, "Delete it in Stripe where no stack has this URL"))
        elif stack or url.endswith(WEBHOOK_PATH):
            sentence = f"{identifier} sends to another stack, {stack or url}: both share Stripe's request limit"
            findings.append(Finding(name, Level.OK, sentence))
    return findings


def _region(url: str) -> str:
    """The region of an API's own URL; empty for any other."""
    found = _API.search(url)
    return found[1] if found else ""


async def _every(stripe: StripeApi) -> list[JsonObject]:
    """All destinations with their URLs, page by page."""
    found: list[JsonObject] = []
    path: str | None = first_page(PATH, _QUERY)
    while path:
        page = (await stripe.get(StripeRequest(path, ApiChannel.GA, None))).body
        found += entries(page)
        path = next_page(page, path=PATH, query=_QUERY)
    return found


def _made(shown: JsonObject, now: float) -> str:
    created = text_at(shown, "created")
    return f"; made {age(now - times.seconds(created))} ago" if created else ""
