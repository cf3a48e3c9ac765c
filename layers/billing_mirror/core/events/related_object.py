"""Which object an event or a request is about: one, one for each owner that the fetched event names, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_plus

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ObjectType, Part, Piece, Reference
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.object_ref import MAX_PATH, ObjectRef, Scope, is_plain_id, parse_scope, ref_to, validate_id

from .messages import Notification, RefreshRequest, RelatedObject
from .spelled_ids import ids_spelled, is_placeholder

_PLAIN_URL = re.compile(r"/v[12](/[A-Za-z0-9_-]+)*/(?P<id>[^/]+)", re.ASCII)
_PLAIN_SINGLETON = re.compile(r"/v[12](/[A-Za-z0-9_-]+)+", re.ASCII)

_KNOWN_URLS = (
    *(url for object_type in catalog.TYPES.values() for url in (object_type.retrieve, *object_type.alternate_urls)),
    *(url for part in catalog.PARTS.values() for url in part.urls),
)
_BELOW_CUSTOMERS = frozenset(
    {
        *(one.retrieve for one in catalog.TYPES.values() if one.parent_is_customer),
        *(url for url in _KNOWN_URLS if url.startswith(catalog.CUSTOMER.retrieve.replace("{id}", "{parent}/"))),
    }
)
"""URLs whose parent is a customer, whose id may be any text."""

OTHER_URL = "the related object's URL is not the URL of its type and id"
NO_OWNER = "the event does not say whose object it is about"


@dataclass(frozen=True, slots=True)
class UnresolvedRef:
    """What an event about a part, or about a singleton that it does not name, refers to: one object for each owner.

    The fetched event's data names the ``owners``, unless the message does: ``named`` are ids by path, and with
    ``complete`` there are no others. Each object is the owner itself, or its singleton.
    """

    scope: Scope
    type: str
    owners: tuple[Reference, ...]
    named: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    must_have_owner: bool = False
    pieces: tuple[Piece, ...] = ()

    def pieces_named(self, event: JsonObject | None) -> dict[Piece, str]:
        """The ids of the pieces whose owner nothing else names. Raises :class:`PermanentError`."""
        return {
            one: validate_id(identifier)
            for one in self.pieces
            if (identifier := self._named(one.path, event)) and not self._named(one.owner, event)
        }

    def _named(self, path: str, event: JsonObject | None) -> str | None:
        return text_at(event, f"data.{path}") or self.named.get(path)

    def resolve(self, event: JsonObject | None, owners: Mapping[str, str] | None = None) -> dict[str, ObjectRef]:
        """The refs by the paths of their owners, from the fetched event. Raises :class:`PermanentError`.

        What the event shows goes before what its URL spells. ``owners`` are those of the pieces, by path.
        """
        ids = {one.path: self._named(one.path, event) for one in self.owners} | dict(owners or {})
        refs = {one.path: _owned(self.scope, one.type, owner) for one in self.owners if (owner := ids[one.path])}
        if self.must_have_owner and not refs and not self.pieces_named(event):
            raise PermanentError(NO_OWNER)
        return refs


def ref_from_request(request: RefreshRequest) -> ObjectRef:
    """The object to refresh. Raises :class:`PermanentError`."""
    scope = parse_scope(livemode=request.livemode, context=request.context)
    return ref_to(scope, request.type, request.id, request.parent)


def ref_from_event(notification: Notification) -> ObjectRef | UnresolvedRef | None:
    """The object that an event is about; None where the mirror ignores the event.

    The event's URL is never trusted: for a catalog type the URL is built from the catalog, and the event's must agree;
    for another type it must be plain and end with the object's own id.
    Raises :class:`PermanentError`.
    """
    if catalog.is_ignored(notification.type):
        return None
    scope = parse_scope(livemode=notification.livemode, context=notification.context)
    if notification.type in catalog.EVENT_OBJECTS:
        if notification.related_object is not None:
            _related(scope, notification.resource, notification.related_object)
        return ObjectRef(scope, catalog.EVENT_OBJECTS[notification.type], notification.id)
    if notification.related_object is None:
        return _unrelated(scope, catalog.RESOURCES.get(notification.resource, ""))
    return _related(scope, notification.resource, notification.related_object)


def _unrelated(scope: Scope, type_name: str) -> UnresolvedRef | None:
    part, object_type = catalog.PARTS.get(type_name), catalog.TYPES.get(type_name)
    if part:
        return UnresolvedRef(scope, part.name, part.owners)
    if object_type is None:
        return None
    if object_type.singleton and object_type.owner_in_event:
        owner = Reference(path=object_type.owner_in_event, type=object_type.name)
        return UnresolvedRef(scope, object_type.name, (owner,))
    raise PermanentError("the event does not say which object it is about")


def _related(scope: Scope, resource: str, related: RelatedObject) -> ObjectRef | UnresolvedRef | None:
    part, object_type = catalog.PARTS.get(related.type), catalog.find_type(related.type)
    if part is None and object_type is None and related.url is None:
        return None  # a snapshot of a type outside the catalog has no URL
    named = part.name if part else object_type.name if object_type else related.type
    if catalog.RESOURCES.get(resource, named) != named:
        raise PermanentError("the related object is of another type than the event says")
    if part:
        return _owners_of(scope, part, related)
    if object_type is None:
        return _generic(scope, related)
    if object_type.singleton:
        return _singleton(scope, object_type, related)
    if related.id is None:
        raise PermanentError("the related object has no id")
    return ref_to(scope, object_type.name, related.id, _parent_in_url(object_type, related))


def _singleton(scope: Scope, object_type: ObjectType, related: RelatedObject) -> ObjectRef | UnresolvedRef:
    """The singleton of the owner; the fetched event shows which, where the URL may stand for several."""
    path, ids = object_type.owner_in_event, _owner_ids(related, object_type.retrieve)
    ref = ref_to(scope, object_type.name, "", ids[0])
    if path is None or len(ids) == 1:
        return ref
    return UnresolvedRef(scope, ref.type, (Reference(path=path, type=ref.type),), {path: ids[0]})


def _generic(scope: Scope, related: RelatedObject) -> ObjectRef:
    """An object of a type outside the catalog, at the URL that the event names."""
    plain_url, url = _with_quoted_owner(related.url or "")
    if len(url) > MAX_PATH:
        raise PermanentError("the related object's URL is too long")
    if any(_found(url, known) for known in _KNOWN_URLS):
        raise PermanentError("the related object's URL is that of another type")
    if related.id is None and _PLAIN_SINGLETON.fullmatch(plain_url):
        return ObjectRef(scope, catalog.generic_type(related.type, url), url)
    plain = _PLAIN_URL.fullmatch(plain_url)
    if plain is None or related.id is None or plain["id"] != validate_id(related.id):
        raise PermanentError("the related object's URL is outside the allowed shapes")
    return ObjectRef(scope, catalog.generic_type(related.type, url.removesuffix(related.id) + "{id}"), related.id)


def _owners_of(scope: Scope, part: Part, related: RelatedObject) -> ObjectRef | UnresolvedRef:
    """The owners of a part. A snapshot names them all; a URL names at most one, and none where its shape is unknown."""
    if related.url is None:
        paths = [*(one.path for one in part.owners), *(one.path for one in part.pieces)]
        named = {path: related.owners[path] for path in paths if path in related.owners}
    else:
        found = {path: match["parent"] for shape, path in part.urls.items() if (match := _found(related.url, shape))}
        ids = {path: _ids_spelled(text)[0] for path, text in found.items()}
        # With a slash, it may be a URL of another shape: only the fetched event says whose part it is.
        named = {path: one for path, one in ids.items() if "/" not in found[path]}
        if not found and not _names_part(related.url, part):
            raise PermanentError(OTHER_URL)
    complete = related.url is None and bool(named)
    unresolved = UnresolvedRef(scope, part.name, part.owners, named, complete, True, part.pieces)
    refs = [*unresolved.resolve(None).values()] if named else []  # also refuses malicious ids before any request
    is_known = complete and len(refs) == 1 and not unresolved.pieces_named(None)
    return refs[0] if is_known else unresolved


def _names_part(url: str, part: Part) -> bool:
    """Whether a URL of an unknown shape is plain, and that of the part."""
    is_plain = _PLAIN_SINGLETON.fullmatch(url) is not None
    return is_plain and not {part.segment, f"{part.segment}s"}.isdisjoint(url.split("/"))


def _owned(scope: Scope, type_name: str, owner: str) -> ObjectRef:
    """The owner itself, where it has this type; or its singleton."""
    return ref_to(scope, type_name, owner, owner if catalog.TYPES[type_name].singleton else None)


def _with_quoted_owner(url: str) -> tuple[str, str]:
    """A URL below a customer, without the customer's id, which may be any text, and with that id quoted."""
    before = catalog.CUSTOMER.retrieve.removesuffix("{id}")
    owner, slash, rest = url.removeprefix(before).partition("/")
    if not url.startswith(before) or not slash or is_plain_id(owner):
        return url, url
    quoted = quote(validate_id(_ids_spelled(owner)[0], catalog.CUSTOMER), safe="")
    return f"{before}x/{rest}", f"{before}{quoted}/{rest}"


def _owner_ids(related: RelatedObject, shape: str) -> tuple[str, ...]:
    """The ids that the owner in a URL of this shape may have, the likeliest first; the message may name one of them.

    A snapshot names the owner without a URL.
    """
    if related.url is None:
        if related.customer is None:
            raise PermanentError(NO_OWNER)
        return (related.customer,)
    ids = _ids_spelled(_matched(related.url, (shape,))["parent"], in_query="?" in shape)
    return (related.customer,) if related.customer in ids else ids


def _parent_in_url(object_type: ObjectType, related: RelatedObject) -> str | None:
    """The parent's id in the URL of a known type; None where the URL has none, or Stripe's placeholder."""
    if related.url is None:
        return None
    shapes = (object_type.retrieve, *object_type.alternate_urls)
    found = _matched(related.url, shapes, slashes=object_type.chosen_ids)
    spelled = {found["id"], *((unquote(found["id"]), unquote_plus(found["id"])) if object_type.chosen_ids else ())}
    if related.id not in spelled:
        raise PermanentError(OTHER_URL)
    parent = found.get("parent")
    if parent is None or is_placeholder(parent):
        return None
    if object_type.nested:
        return validate_id(parent)
    validate_id(_ids_spelled(parent)[0], catalog.CUSTOMER)
    return None


def _ids_spelled(text: str, *, in_query: bool = False) -> tuple[str, ...]:
    """The ids that a part of a URL may stand for, the likeliest first. Raises :class:`PermanentError` for none."""
    if ids := ids_spelled(text, in_query=in_query):
        return ids
    raise PermanentError(OTHER_URL)


def _matched(url: str, shapes: tuple[str, ...], *, slashes: bool = False) -> dict[str, str]:
    """The ids in a URL of one of these shapes; ``slashes`` lets the object's own id have some."""
    for shape in shapes:
        if found := _found(url, shape, slashes=slashes):
            return found.groupdict()
    raise PermanentError(OTHER_URL)


def _found(url: str, shape: str, *, slashes: bool = False) -> re.Match[str] | None:
    pattern = re.escape(shape)
    for name, has_slashes in (("id", slashes), ("parent", shape in _BELOW_CUSTOMERS)):
        pattern = pattern.replace(rf"\{{{name}\}}", f"(?P<{name}>{'.+' if has_slashes else '[^/]+'})")
    return re.fullmatch(pattern, url)
