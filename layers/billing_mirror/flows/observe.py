"""One look at Stripe: an object as it is now, with the lists that belong to it."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

from billing_mirror.core import paging
from billing_mirror.core.body import JsonObject, text_at
from billing_mirror.core.catalog import ApiLine, Members
from billing_mirror.core.errors import Gone, Refused, Retryable
from billing_mirror.core.items import Observation
from billing_mirror.core.subject import Subject, fill

from .ports import Answer, Clock, Stripe

Pages: TypeAlias = AsyncIterator[list[JsonObject]]


async def observe(subject: Subject, stripe: Stripe, clock: Clock, *, event: str | None = None) -> Observation:
    """What Stripe answers for the subject now. That it is gone is an answer too."""
    started = clock.now()
    row = subject.row
    try:
        answer = await stripe.get(
            subject.path, api=row.api, context=subject.scope.context, include=row.include, event=event
        )
    except Gone:
        return Observation(started, stripe.version(row.api), request_id="")
    _require_the_object(subject, answer)
    listed = {members.type: await _listed(subject, members, stripe) for members in row.members}
    return Observation(started, answer.stripe_version, answer.request_id, answer.body, answer.text, listed)


async def walk(path: str, query: Mapping[str, str], stripe: Stripe, *, api: ApiLine, context: str | None) -> Pages:
    """The objects of a list, page by page."""
    url: str | None = paging.first_page(path, query)
    seen: set[str] = set()
    while url is not None:
        if url in seen:
            raise Refused(f"the list at {path} leads back to a page that was already read")
        seen.add(url)
        page = (await stripe.get(url, api=api, context=context)).body
        yield paging.entries(page)
        url = paging.next_page(page, path=path)


async def _listed(subject: Subject, members: Members, stripe: Stripe) -> tuple[JsonObject, ...]:
    path = fill(members.list, id=subject.id, parent=subject.parent)
    query = {name: fill(value, id=subject.id, parent=subject.parent) for name, value in members.query.items()}
    found: list[JsonObject] = []
    try:
        async for page in walk(path, query, stripe, api=subject.row.api, context=subject.scope.context):
            found += page
    except Gone as error:
        # The object itself was just shown: its list is behind.
        raise Retryable(f"Stripe does not show the list of {subject.id} yet") from error
    return tuple(found)


def _require_the_object(subject: Subject, answer: Answer) -> None:
    if text_at(answer.body, "id") != subject.id:
        raise Retryable(f"Stripe answered with another object than {subject.id}")
    if answer.body.get("livemode", subject.scope.livemode) is not subject.scope.livemode:
        raise Retryable(f"Stripe answered with {subject.id} of the other mode")
