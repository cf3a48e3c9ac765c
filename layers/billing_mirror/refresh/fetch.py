"""What Stripe answers now: an object with the lists that belong to it, or that there is no such object."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeAlias

from billing_mirror.core import catalog, json_body, times
from billing_mirror.core.catalog import ApiChannel, Sublist
from billing_mirror.core.errors import FeatureUnavailable, NotFound, PermanentError, TransientError, Unauthorized
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.object_ref import ObjectRef, fill_template
from billing_mirror.core.stripe_api import on_request, paging
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head, may_lag
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .around_stripe.optional_fields import NotedFields

Pages: TypeAlias = AsyncIterator[list[JsonObject]]
MAX_READINGS = 3
"""Times that a list is read from its start before its object is postponed."""


class ListMoved(TransientError):
    """A list must be read again from its start: it changed, or Stripe refused, lost or repeated a later page."""


async def fetch(
    ref: ObjectRef,
    stripe: Stripe,
    clock: Clock,
    *,
    event: str | None = None,
    head: Head | None = None,
    all_lists: bool = False,
) -> Observation:
    """Fetches the object and its lists. "Not found" is an observation without a body, not an error.

    ``head`` is the mirror's state before. ``all_lists`` has those read, too, on which nothing is for most objects.
    """
    started = clock.now()
    object_type = ref.object_type
    noted = NotedFields(stripe, object_type.name)
    try:
        response = await _get(ref, noted, event=event)
    except NotFound:
        return Observation(started, stripe.version(object_type.api), request_id="")
    body, completed = response.body, []
    for sublist in object_type.sublists:
        if _is_cut_short(body, sublist):
            body = await _completed(ref, body, sublist, noted.of_list(sublist.path))
            completed.append(sublist.path)
    is_new = may_lag(times.created_at(response.body), started)
    left_out = () if all_lists else _mostly_empty(ref, head, is_new=is_new)
    read = [name for name in object_type.members if name not in left_out]
    member_lists = await fetch_member_lists(ref, read, stripe, may_be_missing=not is_new)
    # Lists truncate inner lists, so compare the truncated body; a type without lists compares the whole body.
    compared = response.body if object_type.listings else body
    return Observation(
        started,
        response.stripe_version,
        response.request_id,
        body,
        digest(object_type, compared),
        member_lists,
        left_out=left_out,
        completed=tuple(completed),
        missing_fields=tuple(sorted(noted.missing)),
    )


def _mostly_empty(ref: ObjectRef, head: Head | None, *, is_new: bool) -> tuple[str, ...]:
    """The types of members of which most objects have none, where nothing says that this one has any."""
    rare = [name for name in ref.object_type.members if catalog.TYPES[name].listing_per(ref.type).mostly_empty]
    return tuple(name for name in rare if (is_new if head is None else not head.members.get(name)))


async def _get(ref: ObjectRef, stripe: Stripe, *, event: str | None) -> StripeResponse:
    """The object with all fields on request. Where an answer shows that it lacks some, it is requested again."""
    named: tuple[str, ...] = ()
    for _ in range(MAX_READINGS):
        response = await _get_with(named, ref, stripe, event=event)
        _require_the_object(ref, response)
        lacking = on_request.lacking(ref.object_type, response.body)
        if set(lacking) <= set(named):
            return response  # Stripe does not show the rest
        named = lacking
    raise TransientError(f"each answer shows {ref.id} with other fields to request")


async def _get_with(named: tuple[str, ...], ref: ObjectRef, stripe: Stripe, *, event: str | None) -> StripeResponse:
    object_type = ref.object_type
    include = (*object_type.include, *named)
    request = StripeRequest(ref.path, object_type.api, context=ref.scope.context, include=include, event_id=event)
    return await stripe.get(request)


async def list_pages(
    path: str, query: Mapping[str, str], stripe: Stripe, *, api: ApiChannel, context: str | None
) -> Pages:
    """The objects of a list, page by page.

    Raises ``NotFound`` or ``PermanentError`` where Stripe does not answer the first page: only that can mean that there
    is no such list. What is wrong with a later page says nothing of the list, and raises ``ListMoved``.
    """
    url: str | None = paging.first_page(path, query)
    read: set[str] = set()
    shown: list[Sequence[JsonObject]] = []
    while url is not None:
        if url in read:
            raise ListMoved(f"the list at {path} leads back to a page that was already read")
        try:
            page = (await stripe.get(StripeRequest(url, api, context))).body
        except Unauthorized:
            raise
        except (NotFound, PermanentError):
            if not read:
                raise
            raise ListMoved(f"the list at {path} changed between two pages") from None
        objects = paging.entries(page)
        if objects and objects in shown:
            raise ListMoved(f"the list at {path} shows a page that was already read")
        read.add(url)
        shown.append(objects)
        yield objects
        url = _next_page(page, path, query)


def _next_page(page: JsonObject, path: str, query: Mapping[str, str]) -> str | None:
    try:
        return paging.next_page(page, path=path, query=query)
    except PermanentError as error:
        raise ListMoved(str(error)) from None


def _is_cut_short(body: JsonObject, sublist: Sublist) -> bool:
    shown = json_body.value_at(body, sublist.path)
    return isinstance(shown, dict) and shown.get("has_more") is True


async def _completed(ref: ObjectRef, body: JsonObject, sublist: Sublist, stripe: Stripe) -> JsonObject:
    """The body with a list that Stripe cut short in full."""
    shown, whole = json_body.value_at(body, sublist.path), await fetch_sublist(ref, sublist, stripe)
    kept = shown if isinstance(shown, dict) else {}
    return json_body.with_value(body, sublist.path, {**kept, "data": [*whole], "has_more": False})


async def fetch_sublist(ref: ObjectRef, sublist: Sublist, stripe: Stripe) -> tuple[JsonObject, ...]:
    """A list inside the body, in full: read from its start, so that it is consistent."""
    return await _whole(ref, sublist.url, sublist.query, stripe, exists=True)


async def fetch_member_lists(
    ref: ObjectRef, names: Sequence[str], stripe: Stripe, *, may_be_missing: bool
) -> dict[str, tuple[JsonObject, ...]]:
    """The lists of these types that belong to the object, without those that the account does not have."""
    lists = {name: await _members(ref, name, stripe, may_be_missing=may_be_missing) for name in names}
    return {name: entries for name, entries in lists.items() if entries is not None}


async def _members(
    ref: ObjectRef, type_name: str, stripe: Stripe, *, may_be_missing: bool
) -> tuple[JsonObject, ...] | None:
    """A list that belongs to the object; None where the account has no such lists, as Stripe documents that.

    Then the object is stored without the list, and reconcile reports that Stripe refuses the list. Any other refusal is
    raised: it says nothing of the members. ``may_be_missing`` says that the object is too old for Stripe to show its
    list late. A list of which one page was shown exists.
    """
    listing = catalog.TYPES[type_name].listing_per(ref.type)
    try:
        return await _whole(ref, listing.url, listing.query, stripe)
    except FeatureUnavailable:
        return None
    except TransientError as error:
        if may_be_missing and isinstance(error.__cause__, NotFound):
            return None
        raise


async def _whole(
    ref: ObjectRef,
    template: str,
    query: Mapping[str, str],
    stripe: Stripe,
    *,
    exists: bool = False,
    readings: int = MAX_READINGS,
) -> tuple[JsonObject, ...]:
    """A list from its start to its end, read again from its start where it moved.

    ``exists`` says that Stripe has shown a part of it: then a refusal does not mean that there is no such list.
    """
    ids = {"id": ref.id, "parent": ref.parent}
    filters = {name: fill_template(value, **ids) for name, value in query.items()}
    path = fill_template(template, **ids)
    pages = list_pages(path, filters, stripe, api=ref.object_type.api, context=ref.scope.context)
    try:
        return tuple([entry async for page in pages for entry in page])
    except Unauthorized:
        raise
    except ListMoved:
        if readings == 1:
            raise
        return await _whole(ref, template, query, stripe, exists=True, readings=readings - 1)
    except (NotFound, PermanentError) as error:
        if exists:
            raise TransientError(f"Stripe refuses the list at {path}, of which it has shown a part: {error}") from None
        if isinstance(error, PermanentError):
            raise
        # Stripe has just shown the object: its list is late.
        raise TransientError(f"Stripe does not show the list of {ref.id} yet") from error


def _require_the_object(ref: ObjectRef, response: StripeResponse) -> None:
    if not ref.object_type.singleton and text_at(response.body, "id") != ref.id:
        raise TransientError(f"Stripe answered with another object than {ref.id}")
    if ref.object_type.singleton and text_at(response.body, "object") is None:
        # A singleton has no id to compare, and a proxy may answer in JSON too.
        raise TransientError(f"Stripe answered with something else than {ref.id}")
    livemode = response.body.get("livemode")
    if isinstance(livemode, bool) and livemode is not ref.scope.livemode:
        raise TransientError(f"Stripe answered with {ref.id} of the other mode")
