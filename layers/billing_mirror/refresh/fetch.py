"""One look at Stripe: an object as it is now, with the lists that belong to it."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

from billing_mirror.core import catalog, paging, times
from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import ApiLine, Sublist
from billing_mirror.core.drift import digest
from billing_mirror.core.errors import Gone, Refused, Retryable, Unauthorized
from billing_mirror.core.items import Observation
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.mirror_state import READ_LAG
from billing_mirror.core.object_ref import Subject, fill
from billing_mirror.ports import Answer, Clock, Stripe

Pages: TypeAlias = AsyncIterator[list[JsonObject]]


async def observe(subject: Subject, stripe: Stripe, clock: Clock, *, event: str | None = None) -> Observation:
    """What Stripe answers for the subject now. That it is gone is an answer too."""
    started = clock.now()
    row = subject.row
    try:
        answer = await _get(subject, stripe, event=event)
    except Gone:
        return Observation(started, stripe.version(row.api), request_id="")
    _require_the_object(subject, answer)
    body = answer.body
    for sublist in row.sublists:
        body = await _completed(subject, body, sublist, stripe)
    listed = {}
    for name in row.members:
        members = await _members(subject, name, stripe, age=started - _created(answer.body))
        if members is not None:
            listed[name] = members
    # A list of such objects cuts their lists short, too; where there is none, all of the body can be compared.
    compared = answer.body if row.listings else body
    return Observation(
        started,
        answer.stripe_version,
        answer.request_id,
        body,
        digest(row, compared),
        listed,
        completed=body is not answer.body,
    )


async def _get(subject: Subject, stripe: Stripe, *, event: str | None) -> Answer:
    row = subject.row
    return await stripe.get(subject.path, api=row.api, context=subject.scope.context, include=row.include, event=event)


async def walk(path: str, query: Mapping[str, str], stripe: Stripe, *, api: ApiLine, context: str | None) -> Pages:
    """The objects of a list, page by page. Raises ``Gone`` only where the list as a whole is."""
    url: str | None = paging.first_page(path, query)
    seen: set[str] = set()
    while url is not None:
        if url in seen:
            raise Refused(f"the list at {path} leads back to a page that was already read")
        try:
            page = (await stripe.get(url, api=api, context=context)).body
        except Gone:
            if not seen:
                raise
            # There is such a list: what the page starts after was removed meanwhile.
            raise Retryable(f"the list at {path} changed between two pages") from None
        seen.add(url)
        yield paging.entries(page)
        url = paging.next_page(page, path=path, query=query)


async def _completed(subject: Subject, body: JsonObject, sublist: Sublist, stripe: Stripe) -> JsonObject:
    """The body with a list that Stripe cut short in full: read from its start, so that it is one list."""
    shown = bodies.at(body, sublist.path)
    if not isinstance(shown, dict) or shown.get("has_more") is not True:
        return body
    whole = await _whole(subject, sublist.url, sublist.query, stripe)
    return bodies.with_value(body, sublist.path, {**shown, "data": [*whole], "has_more": False})


async def _members(subject: Subject, type_name: str, stripe: Stripe, *, age: float) -> tuple[JsonObject, ...] | None:
    """The list of an object that is ``age`` seconds old; None where the account has no such lists.

    What was just shown is stored all the same; that Stripe refuses the list, reconcile reports.
    """
    listing = catalog.TYPES[type_name].listing_per(subject.type)
    try:
        return await _whole(subject, listing.url, listing.query, stripe)
    except Unauthorized:
        raise
    except Refused:
        return None
    except Retryable as error:
        # A test clock may have made it in the future: https://docs.stripe.com/billing/testing/test-clocks
        if isinstance(error.__cause__, Gone) and abs(age) > READ_LAG:
            return None
        raise


async def _whole(subject: Subject, template: str, query: Mapping[str, str], stripe: Stripe) -> tuple[JsonObject, ...]:
    ids = {"id": subject.id, "parent": subject.parent}
    filters = {name: fill(value, **ids) for name, value in query.items()}
    pages = walk(fill(template, **ids), filters, stripe, api=subject.row.api, context=subject.scope.context)
    try:
        return tuple([entry async for page in pages for entry in page])
    except Gone as error:
        # The object itself was just shown: its list is behind, or what the next page starts after was removed.
        raise Retryable(f"Stripe does not show the list of {subject.id} yet") from error


def _created(body: JsonObject) -> float:
    return times.seconds(times.created(body.get("created")))


def _require_the_object(subject: Subject, answer: Answer) -> None:
    if not subject.row.singleton and text_at(answer.body, "id") != subject.id:
        raise Retryable(f"Stripe answered with another object than {subject.id}")
    if subject.row.singleton and text_at(answer.body, "object") is None:
        # There is no id to compare, and a proxy may answer in JSON too.
        raise Retryable(f"Stripe answered with something else than {subject.id}")
    livemode = answer.body.get("livemode")
    if isinstance(livemode, bool) and livemode is not subject.scope.livemode:
        raise Retryable(f"Stripe answered with {subject.id} of the other mode")
