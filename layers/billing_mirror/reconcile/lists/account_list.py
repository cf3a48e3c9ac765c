"""A list of the account, page by page, from any checkpoint on; a long one in several parts at the same time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel, Listing, ObjectType
from billing_mirror.core.errors import ListUnavailable, NotFound, PermanentError
from billing_mirror.core.json_body import Json
from billing_mirror.core.runs import ranges
from billing_mirror.core.runs.checkpoints import FIRST_PAGE, ListCheckpoint, ListPart
from billing_mirror.ports import Ports

from ..gather import gather_all
from .pages import ObjectPage, RestartedList, ResumePoint, on_request_in_list, read_page


async def read_account_list(
    object_type: ObjectType, listing: Listing, start: ListCheckpoint, ports: Ports
) -> AsyncIterator[ObjectPage | RestartedList | ResumePoint]:
    """Reads the plain list, then the lists of hidden objects that no list has shown so far."""
    filters = [{}, *({name: value} for name, values in listing.hidden_filters.items() for value in values)]
    checkpoint = start
    while checkpoint.listing == start.listing:
        query = {**listing.query, **on_request_in_list(object_type), **filters[checkpoint.filter]}
        parts = checkpoint.parts or (ListPart(page=checkpoint.page),)
        pages = await gather_all(
            _read_part(object_type, listing, part, query, ports, is_plain=not checkpoint.filter) for part in parts
        )
        for page in pages:
            yield page
        left = [
            _left(object_type, listing, part, page, others=len(parts) - 1)
            for part, page in zip(parts, pages, strict=True)
        ]
        checkpoint = _checkpoint_after(pages, [*chain.from_iterable(left)], checkpoint, filters)
        yield ResumePoint(checkpoint)


async def _read_part(
    object_type: ObjectType, listing: Listing, part: ListPart, query: Mapping[str, str], ports: Ports, *, is_plain: bool
) -> ObjectPage | RestartedList:
    """The next page of a part."""
    query = {**query, **ranges.filters(part)}
    try:
        return await read_page(listing.url, query, part.page, ports, api=object_type.api, kind=object_type.name)
    except (ListUnavailable, NotFound) as error:
        # Where a preview is switched off, its paths are not found.
        is_missing = is_plain and (isinstance(error, ListUnavailable) or object_type.api is ApiChannel.PREVIEW)
        raise (ListUnavailable if is_missing else PermanentError)(str(error)) from error


def _left(
    object_type: ObjectType, listing: Listing, part: ListPart, page: ObjectPage | RestartedList, *, others: int
) -> tuple[ListPart, ...]:
    """What is left of a part after its page."""
    if isinstance(page, RestartedList):
        return (ranges.restarted(part),)
    moments = [json_body.value_at(one, object_type.created) for one in page.objects] if listing.by_creation else []
    created = [moment for moment in moments if isinstance(moment, int)]
    return ranges.after_page(part, created, page.next, others=others)


def _checkpoint_after(
    pages: Sequence[ObjectPage | RestartedList],
    left: Sequence[ListPart],
    checkpoint: ListCheckpoint,
    filters: Sequence[Mapping[str, str]],
) -> ListCheckpoint:
    objects = [entry for page in pages if isinstance(page, ObjectPage) for entry in page.objects]
    values = {name: {_as_filter(entry.get(name)) for entry in objects} for query in filters for name in query}
    newly_shown = [
        number
        for number, query in enumerate(filters)
        if query
        and number not in checkpoint.filters_shown
        and all(value in values[name] for name, value in query.items())
    ]
    checkpoint = replace(
        checkpoint, page=FIRST_PAGE, filters_shown=(*sorted([*checkpoint.filters_shown, *newly_shown]),)
    )
    if left:
        return replace(checkpoint, parts=(*left,))
    filters_left = [n for n in range(checkpoint.filter + 1, len(filters)) if n not in checkpoint.filters_shown]
    if filters_left:
        return replace(checkpoint, filter=filters_left[0], parts=())
    return ListCheckpoint(listing=checkpoint.listing + 1)


def _as_filter(value: Json) -> str | None:
    """A value as a list's filter spells it."""
    return str(value).lower() if isinstance(value, bool) else json_body.text_at({"value": value}, "value")
