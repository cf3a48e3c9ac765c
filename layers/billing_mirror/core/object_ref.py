"""What a message is about: the one object to fetch, where it lives at Stripe, and whose it is."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from . import catalog
from .catalog import ObjectType
from .errors import Refused
from .messages import Notification, RelatedObject, Suspicion

_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]{1,255}", re.ASCII)
# Such as "25% OFF" or "Pro plan $699/month": https://docs.stripe.com/upgrades#2018-05-21 ended that for new ones.
_CHOSEN_ID = re.compile(
    r"(?!\.$|/|.*(?:\.\.|//|\\|%(?:00|2e|2f|5c)))[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}", re.IGNORECASE
)
_ACCOUNTS = re.compile(r"acct_[A-Za-z0-9_]+(/acct_[A-Za-z0-9_]+)*", re.ASCII)
_PLAIN_URL = re.compile(r"/v[12](/[A-Za-z0-9_-]+)*/(?P<id>[^/]+)", re.ASCII)
_PLAIN_SINGLETON = re.compile(r"/v[12](/[A-Za-z0-9_-]+)+", re.ASCII)
_PLACEHOLDER = re.compile(r":[a-z_]+", re.ASCII)

_KNOWN_URLS = (
    *(url for row in catalog.TYPES.values() for url in (row.retrieve, *row.also_at)),
    *(url for part in catalog.PARTS.values() for url in part.urls),
)

LONGEST_PATH = 900
"""Characters of a path that is taken for an id: it has to fit into keys of the table."""


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
class Subject:
    """One object in one scope. ``parent`` is there where its URL needs one and it is known.

    The ``id`` of a singleton is its path.
    """

    scope: Scope
    row: ObjectType
    id: str
    parent: str | None = None

    @property
    def key(self) -> str:
        """The partition key of everything the table holds about it."""
        return key(str(self.scope), self.row, self.id)

    @property
    def type(self) -> str:
        return self.row.name

    @property
    def needs_parent(self) -> bool:
        return self.row.nested and self.parent is None

    @property
    def path(self) -> str:
        """Where to GET it."""
        return fill(self.row.retrieve, id=self.id, parent=self.parent)

    def beside(self, type_name: str, object_id: str, parent: str | None = None) -> "Subject":
        """Another object of the same scope."""
        return named(self.scope, type_name, object_id, parent)


@dataclass(frozen=True, slots=True)
class Untold:
    """What an event is about that does not say whose it is: the fetched event's data does, at ``owner``.

    An object of type ``row``: the owner itself, or its singleton.
    """

    scope: Scope
    row: ObjectType
    owner: str

    def owned_by(self, owner: str) -> Subject:
        """The subject, once the owner is known. Raises :class:`Refused`."""
        return named(self.scope, self.row.name, owner, owner if self.row.singleton else None)


def key(scope: str, row: ObjectType | None, object_id: str) -> str:
    """The partition key of an object. Where people choose ids (a plan "gold" of a product "gold") the type is in it."""
    return f"{scope}#{row.name}/{object_id}" if row and row.chosen_ids else f"{scope}#{object_id}"


def fill(template: str, **values: str | None) -> str:
    """A row's URL or query value with its placeholders filled in. Raises :class:`Refused` where one is not known."""
    for name, value in values.items():
        if value is None and f"{{{name}}}" in template:
            raise Refused(f"the {name} of {values.get('id') or 'an object'} is not known")
    return template.format(**{name: quote(value or "", safe="") for name, value in values.items()})


def scope_of(*, livemode: bool, context: str | None) -> Scope:
    """Raises :class:`Refused` for a context that is not a path of account ids."""
    if context and not _ACCOUNTS.fullmatch(context):
        raise Refused("the event's context is not a path of account ids")
    return Scope(livemode, context or None)


def named(scope: Scope, type_name: str, object_id: str, parent: str | None = None) -> Subject:
    """An object of a type of the catalog; of a singleton only the parent counts. Raises :class:`Refused`."""
    row = catalog.named(type_name)
    if row is None:
        raise Refused(f"{type_name} is not in the catalog")
    owner = checked_id(parent, catalog.CUSTOMER if row.of_customer else None) if parent else None
    if row.singleton:
        return Subject(scope, row, fill(row.retrieve, parent=owner), owner)
    return Subject(scope, row, checked_id(object_id, row), owner)


def checked_id(text: str, row: ObjectType | None = None) -> str:
    """``text``, when it can be an id of Stripe's, or one that people have chosen. Raises :class:`Refused`.

    Strict, because it becomes a segment of a URL and a part of a key.
    """
    if not (_CHOSEN_ID if row and row.chosen_ids else _ID).fullmatch(text):
        raise Refused("an id has characters that no Stripe id has")
    return text


def suspected(suspicion: Suspicion) -> Subject:
    """The object that a suspicion is about."""
    scope = scope_of(livemode=suspicion.livemode, context=suspicion.context)
    return named(scope, suspicion.type, suspicion.id, suspicion.parent)


def notified(notification: Notification) -> Subject | Untold | None:
    """The object that an event is about, or None where it is about none that decides a bill.

    The event's URL is never used as it comes: for a type of the catalog the URL is built from the row, and
    the event's must agree with it; for another type it must be plain and end with the object's own id.
    Raises :class:`Refused`.
    """
    if catalog.IGNORED & {notification.type, notification.resource}:
        return None
    scope = scope_of(livemode=notification.livemode, context=notification.context)
    if notification.type in catalog.EVENTS:
        if notification.related_object is not None:
            _related(scope, notification.resource, notification.related_object)
        return Subject(scope, catalog.EVENTS[notification.type], notification.id)
    if notification.related_object is None:
        return _unrelated(scope, catalog.RESOURCES.get(notification.resource, ""))
    return _related(scope, notification.resource, notification.related_object)


def _unrelated(scope: Scope, type_name: str) -> Untold | None:
    part, row = catalog.PARTS.get(type_name), catalog.TYPES.get(type_name)
    if part:
        return Untold(scope, catalog.TYPES[part.of], part.owner)
    if row is None:
        return None
    if row.singleton and row.owner_in_event:
        return Untold(scope, row, row.owner_in_event)
    raise Refused("the event does not say which object it is about")


def _related(scope: Scope, resource: str, related: RelatedObject) -> Subject | None:
    part, row = catalog.PARTS.get(related.type), catalog.named(related.type)
    if part is None and row is None and related.url is None:
        return None  # a snapshot of something outside the catalog: where it lives is not told
    told = part.name if part else row.name if row else related.type
    if catalog.RESOURCES.get(resource, told) != told:
        raise Refused("the related object is of another type than the event says")
    if part:
        shape, owner = _owner(related, tuple(part.urls), "id")
        return named(scope, part.urls.get(shape, part.of), owner)
    if row is None:
        return _generic(scope, related)
    if row.singleton:
        return named(scope, row.name, "", _owner(related, (row.retrieve,), "parent")[1])
    if related.id is None:
        raise Refused("the related object has no id")
    return named(scope, row.name, related.id, _parent_in_url(row, related))


def _generic(scope: Scope, related: RelatedObject) -> Subject:
    """An object of a type outside the catalog, at the URL that the event names."""
    url = related.url or ""
    if len(url) > LONGEST_PATH:
        raise Refused("the related object's URL is too long")
    if any(_found(url, known) for known in _KNOWN_URLS):
        raise Refused("the related object's URL is that of another type")
    if related.id is None and _PLAIN_SINGLETON.fullmatch(url):
        return Subject(scope, catalog.generic(related.type, url), url)
    plain = _PLAIN_URL.fullmatch(url)
    if plain is None or related.id is None or plain["id"] != checked_id(related.id):
        raise Refused("the related object's URL is outside the allowed shapes")
    return Subject(scope, catalog.generic(related.type, url.removesuffix(related.id) + "{id}"), related.id)


def _owner(related: RelatedObject, shapes: tuple[str, ...], placeholder: str) -> tuple[str, str]:
    """Whose part or singleton it is, and in which shape the URL says so; a snapshot says it without one."""
    if related.url is None:
        if related.customer is None:
            raise Refused("the event does not say whose object it is about")
        return "", related.customer
    shape, found = _matched(related.url, shapes)
    owner = unquote(found[placeholder])
    if quote(owner, safe="") != found[placeholder]:  # nothing else vouches for the id
        raise Refused("the related object's URL is not the URL of its type and id")
    return shape, owner


def _parent_in_url(row: ObjectType, related: RelatedObject) -> str | None:
    """The parent's id in the URL of a known type; None where the URL has none, or Stripe's placeholder."""
    if related.url is None:
        return None
    _, found = _matched(related.url, (row.retrieve, *row.also_at))
    if found["id"] not in (related.id, quote(related.id or "", safe="")):
        raise Refused("the related object's URL is not the URL of its type and id")
    parent = found.get("parent")
    if parent is None or _is_placeholder(parent):
        return None
    checked_id(parent)
    return parent if row.nested else None


def _is_placeholder(text: str) -> bool:
    """Whether Stripe has left a name in a URL instead of the id, as ``:rate_card_id``."""
    return _PLACEHOLDER.fullmatch(text) is not None


def _matched(url: str, shapes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The shape that a URL has, and what is in its places."""
    for shape in shapes:
        if found := _found(url, shape):
            return shape, found.groupdict()
    raise Refused("the related object's URL is not the URL of its type and id")


def _found(url: str, shape: str) -> re.Match[str] | None:
    pattern = re.escape(shape)
    for name in ("id", "parent"):
        pattern = pattern.replace(rf"\{{{name}\}}", f"(?P<{name}>[^/]+)")
    return re.fullmatch(pattern, url)
