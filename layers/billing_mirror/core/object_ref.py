"""Object refs: which object a message is about, where to GET it, and in which scope it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_plus

from . import catalog
from .catalog import ObjectType, Part, Piece, Reference
from .errors import PermanentError
from .json_body import JsonObject, text_at
from .spelled_ids import ids_spelled, is_placeholder

if TYPE_CHECKING:  # the reader imports this module, and needs no pydantic
    from .messages import Notification, RefreshRequest, RelatedObject

_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]{1,255}", re.ASCII)
# Such as "25% OFF" or "Pro plan $699/month": https://docs.stripe.com/upgrades#2018-05-21 ended that for new ones.
_CHOSEN_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,5000}")
_DOTS = frozenset({".", ".."})
"""Segments that every HTTP client resolves, percent-encoded or not."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ACCOUNTS = re.compile(r"acct_[A-Za-z0-9_]+(/acct_[A-Za-z0-9_]+)*", re.ASCII)
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
MAX_ID_IN_KEY = 900
"""Bytes of an id that the table's keys can hold. A longer one is in the keys as its digest."""
MAX_BYTES_OF_A_CHARACTER = 4
"""In UTF-8."""
MAX_PATH = 900
"""Characters of a path that serves as an id: it must fit into the table's keys."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data it is: the mode, and the Stripe context when there is one.

    https://docs.stripe.com/context
    """

    livemode: bool
    context: str | None = None

    def __str__(self) -> str:
        mode = "live" if self.livemode else "test"
        return f"{mode}/{self.context}" if self.context else mode


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object in one scope. ``parent`` is set where the URL needs a parent and it is known.

    The ``id`` of a singleton is its path.
    """

    scope: Scope
    object_type: ObjectType
    id: str
    parent: str | None = None

    @property
    def key(self) -> str:
        """The partition key of all items about the object."""
        return partition_key(str(self.scope), self.object_type, self.id)

    @property
    def type(self) -> str:
        return self.object_type.name

    @property
    def needs_parent(self) -> bool:
        return self.object_type.nested and self.parent is None

    @property
    def path(self) -> str:
        """Where to GET it."""
        return fill_template(self.object_type.retrieve, id=self.id, parent=self.parent)

    def in_same_scope(self, type_name: str, object_id: str, parent: str | None = None) -> ObjectRef:
        """Another object of the same scope."""
        return ref_to(self.scope, type_name, object_id, parent)


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


def partition_key(scope: str, object_type: ObjectType | None, object_id: str) -> str:
    """The partition key of an object; with the type, where another type may use the same id.

    Users choose ids (a plan "gold" of a product "gold"), and outside the catalog Stripe repeats them (v1 and v2
    accounts). A path belongs to one object, whatever its type is called.
    """
    if object_type is not None and object_type.singleton:
        return f"{scope}#{object_id}"
    object_id = key_id(object_id)
    if object_type is None:
        return f"{scope}#{object_id}"
    shared = object_type.chosen_ids or object_type.name not in catalog.TYPES
    return f"{scope}#{object_type.name}/{object_id}" if shared else f"{scope}#{object_id}"


def partition_key_of(scope: str, type_name: str, object_id: str) -> str:
    """The partition key of an object by the name of its type, which may be outside the catalog."""
    path = object_id if object_id.startswith("/") and type_name not in catalog.TYPES else "{id}"
    return partition_key(scope, catalog.TYPES.get(type_name) or catalog.generic_type(type_name, path), object_id)


def stored_ref(scope: Scope, type_name: str, object_id: str, parent: str | None = None) -> ObjectRef:
    """The ref to an object whose type and id the table holds. Its type may be outside the catalog."""
    path = object_id if object_id.startswith("/") else "{id}"  # as partition_key_of reads an id
    object_type = catalog.TYPES.get(type_name) or catalog.generic_type(type_name, path)
    return ObjectRef(scope, object_type, object_id, parent)


def key_id(object_id: str) -> str:
    """The id as the table's keys hold it: a long one as its digest."""
    if len(object_id) <= MAX_ID_IN_KEY // MAX_BYTES_OF_A_CHARACTER:
        return object_id
    raw = object_id.encode("utf-8", "surrogatepass")
    return object_id if len(raw) <= MAX_ID_IN_KEY else f"sha256:{sha256(raw).hexdigest()}"


def is_digest(text: str) -> bool:
    """Whether it is what :func:`key_id` makes of a long id."""
    return _DIGEST.fullmatch(text) is not None


def fill_template(template: str, **values: str | None) -> str:
    """A URL or query value with its placeholders filled in. Raises :class:`PermanentError` where a value is unknown."""
    for name, value in values.items():
        if value is None and f"{{{name}}}" in template:
            raise PermanentError(f"the {name} of {values.get('id') or 'an object'} is not known")
    return template.format(**{name: quote(value or "", safe="") for name, value in values.items()})


def parse_scope(*, livemode: bool, context: str | None) -> Scope:
    """Raises :class:`PermanentError` for a context that is not a path of account ids."""
    if context and not is_context(context):
        raise PermanentError("the event's context is not a path of account ids")
    return Scope(livemode, context or None)


def is_context(text: str) -> bool:
    """Whether a text is a path of account ids: https://docs.stripe.com/context"""
    return _ACCOUNTS.fullmatch(text) is not None


def ref_to(scope: Scope, type_name: str, object_id: str, parent: str | None = None) -> ObjectRef:
    """The ref to an object of a catalog type; a singleton needs only the parent. Raises :class:`PermanentError`."""
    object_type = catalog.find_type(type_name)
    if object_type is None:
        raise PermanentError(f"{type_name} is not in the catalog")
    may_be_chosen = object_type.parent_is_customer or not object_type.nested
    owner = validate_id(parent, catalog.CUSTOMER if may_be_chosen else None) if parent else None
    if object_type.singleton:
        path = fill_template(object_type.retrieve, parent=owner)
        if len(path) > MAX_PATH:
            raise PermanentError("the id of the owner is too long for a key of the table")
        return ObjectRef(scope, object_type, path, owner)
    return ObjectRef(scope, object_type, validate_id(object_id, object_type), owner)


def validate_id(text: str, object_type: ObjectType | None = None) -> str:
    """``text``, where it can be an id of Stripe's, or one that users choose. Raises :class:`PermanentError`.

    The id becomes one quoted segment of a URL and a part of a key.
    """
    if _ID.fullmatch(text):
        return text  # Stripe's own: neither dots alone nor a digest, which has a colon
    if object_type is None or not object_type.chosen_ids or not _CHOSEN_ID.fullmatch(text):
        raise PermanentError("an id has characters that no Stripe id has")
    if text in _DOTS:
        raise PermanentError("an id is one or two dots: no URL can name it")
    if is_digest(text):
        raise PermanentError("an id has the form of a digest, which stands for a long id")
    return text


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
    if not url.startswith(before) or not slash or _ID.fullmatch(owner):
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
