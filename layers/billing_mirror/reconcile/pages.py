"""One page of a list, from a place on that can be kept: whoever is stopped goes on there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from billing_mirror.core import json_body, paging
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.checkpoints import Place
from billing_mirror.core.errors import ListUnavailable, NotFound, PermanentError, Unauthorized
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Ports, StripeRequest


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list, asked for at ``asked_at`` (seconds since 1970), with the parent that their URLs need.

    ``ids`` are theirs. ``next_at`` says when the next request may start. ``next`` is the place after it, where that is
    one to go on from. ``problem`` says why the list of ``owner`` could not be had; without it, ``owner`` is one whose
    own record of its list differs from what was shown: because it was never ``fetched`` but taken from a list, or else
    for no good reason. ``restarted`` says that a list has to be read from its beginning again.
    """

    entries: list[JsonObject]
    ids: Sequence[str] = ()
    next: Place | None = None
    asked_at: float = 0.0
    stripe_version: str = ""
    request_id: str = ""
    next_at: float = 0.0
    parent: str | None = None
    owner: ObjectRef | None = None
    fetched: bool = True
    problem: str = ""
    restarted: bool = False


async def read_page(path: str, query: Mapping[str, str], here: Place, ports: Ports, *, api: ApiChannel) -> Page:
    """The page at a place; ``next`` is None after the last one of the list.

    A page that cannot be had any more, and one that leads back to where the list has been, restart it. Where the first
    page cannot be had, raises ``NotShown`` or ``Gone``; where a page points elsewhere, ``Refused``.
    """
    again = Page([], next=replace(here, url="", first=""), restarted=True)
    asked_at = ports.clock.now()
    try:
        answer = await ports.stripe.get(StripeRequest(here.url or paging.first_page(path, query), api, context=None))
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        if here.url:
            return again  # its token has expired, or what it starts after was removed
        if isinstance(error, NotFound):
            raise
        raise ListUnavailable(str(error)) from error
    entries = paging.entries(answer.body)
    ids = [identifier for entry in entries if (identifier := json_body.text_at(entry, "id"))]
    page = Page(
        entries,
        ids,
        asked_at=asked_at,
        stripe_version=answer.stripe_version,
        request_id=answer.request_id,
        next_at=answer.next_at,
    )
    url = paging.next_page(answer.body, path=path, query=query)
    if url is None:
        return page
    if url == here.url or (here.first and here.first in ids):
        return again
    first = here.first or next(iter(ids), "")
    return replace(page, next=replace(here, url=url, first=first))
