"""Stripe, in memory: objects at paths, and lists of them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.errors import AccessRevoked, FieldsRefused, KeyReplaced, NotFound
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.stripe_api import optional_fields
from billing_mirror.ports import StripeRequest, StripeResponse

EVENTS = "/v2/core/events"


@dataclass(frozen=True)
class RecordedRequest:
    """One request that Stripe received."""

    url: str
    api: ApiChannel
    context: str | None
    include: tuple[str, ...]
    event: str | None = None

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))


@dataclass
class MemoryStripe:
    """Implements ``ports.Stripe``.

    ``objects`` are bodies by path; ``lists`` are bodies by path with its filters, without what says which page:
    v1 continues ``starting_after`` an object, v2 at the URL in a page. A page holds ``page_size`` objects at most.
    ``before_answer`` runs between the reading of a body and its return, for races.
    """

    livemode: bool = False
    key: str = "first"
    """Stands for the key's digest."""
    objects: dict[str, JsonObject] = field(default_factory=dict)
    lists: dict[str, list[JsonObject]] = field(default_factory=dict)
    on_request: dict[str, dict[str, JsonObject]] = field(default_factory=dict)
    """By path and by a field that the request includes, the body instead of that in ``objects``."""
    refused_fields: set[str] = field(default_factory=set)
    """Fields that no request may name; without ``data.``."""
    unasked_fields: set[str] = field(default_factory=set)
    """Members of bodies that are shown only where the request names them; without ``data.``."""
    failures: list[Exception] = field(default_factory=list)
    """Raised one after the other, before anything is answered."""
    requests: list[RecordedRequest] = field(default_factory=list)
    before_answer: Callable[[str], Awaitable[None]] | None = None
    page_size: int = 100
    events: list[JsonObject] = field(default_factory=list)
    """The list of events, filtered by ``created``."""
    connected: dict[str, "MemoryStripe"] = field(default_factory=dict)
    """Connected accounts by context, each with its own objects. Without any, every context shows the own objects."""
    revoked: set[str] = field(default_factory=set)
    """The contexts that the key has no access to any more."""
    has_own_account: bool = True

    def show_previews(self) -> None:
        """The account has all previews: the lists of the account are there, and empty where nothing is in them yet."""
        for object_type in TYPES.values():
            shown = {f"include[{number}]": name for number, name in enumerate(object_type.include)}
            for listing in object_type.listings if object_type.api is ApiChannel.PREVIEW else ():
                if listing.per is None:
                    query = urlencode({**listing.query, **shown})
                    self.lists.setdefault(f"{listing.url}?{query}" if query else listing.url, [])

    @property
    def paths(self) -> list[str]:
        """The URLs of all requests, in order."""
        return [request.url for request in self.requests]

    def version(self, api: ApiChannel) -> str:
        return f"2026-01-01.{api}"

    async def key_digest(self) -> str:
        return self.key

    async def get(self, request: StripeRequest) -> StripeResponse:
        if request.key_digest not in (None, self.key):
            raise KeyReplaced("the key was replaced")
        self.requests.append(
            RecordedRequest(request.path, request.api, request.context, request.include, request.event_id)
        )
        await asyncio.sleep(0)  # other tasks may run, as with a real request
        if request.context in self.revoked:
            raise AccessRevoked(f"Stripe answered 403: the key has no access to the account {request.context}")
        if request.context and self.connected:
            return await self.connected[request.context].get(request)
        if self.failures:
            raise self.failures.pop(0)
        named = optional_fields.requested(request.path, request.include)
        if refused := {name for name in named if name.removeprefix("data.") in self.refused_fields}:
            raise FieldsRefused("Stripe answered 400", frozenset(refused))
        further = self.on_request.get(request.path, {})
        shown = next((body for name, body in further.items() if name in request.include), None)
        body = self._body(request.path) if shown is None else shown
        text = json_body.write(self._shown(body, optional_fields.plain(named)))
        if self.before_answer is not None:
            await self.before_answer(request.path)
        return StripeResponse(json_body.parse(text), text, self.version(request.api), f"req_{len(self.requests)}")

    def _shown(self, body: JsonObject, named: Collection[str]) -> JsonObject:
        hidden = self.unasked_fields.difference(named)
        shown: JsonObject = {name: value for name, value in body.items() if name not in hidden}
        if isinstance(data := shown.get("data"), list):
            shown["data"] = [self._shown(one, named) if isinstance(one, dict) else one for one in data]
        return shown

    def _body(self, path: str) -> JsonObject:
        if path in self.objects:
            return self.objects[path]
        index, query = urlsplit(path).path, dict(parse_qsl(urlsplit(path).query))
        limit, after = int(query.pop("limit", "10")), query.pop("starting_after", None)
        start = int(query.pop("page", "0"))
        bounds = {one: int(query.pop(one)) for one in [*query] if index != EVENTS and one.startswith("created[")}
        name = f"{index}?{urlencode(query)}" if query else index
        if index == EVENTS and name not in self.lists:
            since, until = query["created[gte]"], query["created[lte]"]
            everything = [one for one in self.events if since <= times.created(one["created"]) <= until]
        elif name in self.lists:
            everything = [one for one in self.lists[name] if _is_within(one, bounds)]
        else:
            raise NotFound(f"nothing at {path}")
        if after is not None:
            start = _index_of(after, everything) + 1
        end = start + min(limit, self.page_size)
        page, more = everything[start:end], end < len(everything)
        if index.startswith("/v1/"):
            return {"object": "list", "url": index, "data": list(page), "has_more": more}
        following = f"{index}?{urlencode({'limit': limit, **query, 'page': end})}" if more else None
        return {"data": list(page), "next_page_url": following, "previous_page_url": None}


def _is_within(body: JsonObject, bounds: Mapping[str, int]) -> bool:
    """Whether a v1 list with bounds of creation shows a body."""
    created = body.get("created")
    at = created if isinstance(created, int) else 0
    return at >= bounds.get("created[gte]", 0) and at < bounds.get("created[lt]", at + 1)


def _index_of(identifier: str, bodies: list[JsonObject]) -> int:
    """The object's index in its list; for a removed object v1 answers as for any missing one."""
    for index, body in enumerate(bodies):
        if body["id"] == identifier:
            return index
    raise NotFound(f"no such object: {identifier}")
