"""One page of a list, from a position that a checkpoint can hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel, ObjectType
from billing_mirror.core.errors import (
    FeatureUnavailable,
    ListRefused,
    ListUnavailable,
    NotFound,
    PermanentError,
    RequestRefused,
    Unauthorized,
)
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.checkpoints import ListCheckpoint, PagePosition
from billing_mirror.core.stripe_api import optional_fields, paging
from billing_mirror.ports import Ports, StripeRequest, StripeResponse


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of objects. Times are in seconds since 1970."""

    objects: Sequence[JsonObject]
    ids: Sequence[str]
    """The ids of the objects that have one."""
    requested_at: float
    stripe_version: str
    request_id: str
    next_request_at: float
    """When the next request may start."""
    next: PagePosition | None = None
    """The next page; None after the last page of the list."""
    missing_fields: tuple[str, ...] = ()
    """Fields on request that Stripe refuses to show in this list."""
    parent: str | None = None
    """The parent that the URLs of the objects need."""


@dataclass(frozen=True, slots=True)
class RestartedList:
    """The list has to be read again from its beginning."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Everything before this checkpoint was read."""

    checkpoint: ListCheckpoint


async def read_page(
    path: str, query: Mapping[str, str], position: PagePosition, ports: Ports, *, api: ApiChannel, kind: str = ""
) -> ObjectPage | RestartedList:
    """Reads the page at a position. ``kind`` is the type of the objects.

    A list restarts when a later page is not available any more, or leads back to an earlier one. When Stripe refuses
    the first page, raises ``NotFound``, ``ListUnavailable`` where Stripe says that the account lacks the feature, or
    ``ListRefused`` for any other reason; ``PermanentError`` when a page leads to another list.
    """
    requested_at = ports.clock.now()
    try:
        answer = await ports.stripe.get(
            StripeRequest(position.url or paging.first_page(path, query), api, context=None, kind=kind)
        )
    except Unauthorized:
        raise
    except (PermanentError, NotFound) as error:
        if position.url:
            return RestartedList()  # the page's token has expired, or the object that it starts after was deleted
        if isinstance(error, NotFound):
            raise
        if isinstance(error, FeatureUnavailable):
            raise ListUnavailable(str(error)) from error
        lacks_filter = isinstance(error, RequestRefused) and error.code == "parameter_missing"
        raise ListRefused(str(error), lacks_filter=lacks_filter) from error
    objects = paging.entries(answer.body)
    ids = [identifier for entry in objects if (identifier := json_body.text_at(entry, "id"))]
    url = paging.next_page(answer.body, path=path, query=query)
    missing = _missing_fields(position, answer)
    if url is not None and (url == position.url or (position.first_id and position.first_id in ids)):
        return RestartedList()
    return ObjectPage(
        objects,
        ids,
        requested_at=requested_at,
        stripe_version=answer.stripe_version,
        request_id=answer.request_id,
        next_request_at=answer.next_at,
        missing_fields=missing,
        next=PagePosition(url, position.first_id or next(iter(ids), ""), missing) if url is not None else None,
    )


def _missing_fields(position: PagePosition, answer: StripeResponse) -> tuple[str, ...]:
    """The fields that a page lacks: also those that v2's URL of the page no longer names."""
    named = optional_fields.plain(optional_fields.requested(position.url, ()))
    return tuple(sorted({*answer.missing_fields, *(set(position.missing_fields) - set(named))}))


def on_request_in_list(object_type: ObjectType) -> Mapping[str, str]:
    """The query for the fields that Stripe shows on request only: without them every object would seem to differ.

    https://docs.stripe.com/api/expanding_objects
    """
    if object_type.api is ApiChannel.PREVIEW:
        return {f"include[{number}]": name for number, name in enumerate(object_type.include)}
    return {f"expand[{number}]": f"data.{name}" for number, name in enumerate(object_type.include)}
