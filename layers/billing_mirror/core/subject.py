"""What a message is about: the one object to fetch, where it lives at Stripe, and whose it is."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from . import catalog
from .catalog import ObjectType
from .errors import Refused
from .notification import Notification, RelatedObject, Suspicion

_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]{1,255}", re.ASCII)
_ACCOUNTS = re.compile(r"acct_[A-Za-z0-9_]+(/acct_[A-Za-z0-9_]+)*", re.ASCII)
_PLAIN_URL = re.compile(r"/v[12](/[A-Za-z0-9_-]+)*/(?P<id>[^/]+)", re.ASCII)
_PLACEHOLDER = re.compile(r":[a-z_]+", re.ASCII)


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
    """One object in one scope. ``parent`` is there where its URL needs one and it is known."""

    scope: Scope
    row: ObjectType
    id: str
    parent: str | None = None

    @property
    def key(self) -> str:
        """The partition key of everything the table holds about it."""
        return f"{self.scope}#{self.id}"

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

    def beside(self, type_name: str, object_id: str) -> "Subject":
        """Another object of the same scope, one that has no parent in its URL."""
        return named(self.scope, type_name, object_id)


def fill(template: str, *, id: str, parent: str | None) -> str:  # noqa: A002 - the placeholder's own name
    """A row's URL or query value with its placeholders filled in."""
    if "{parent}" in template and parent is None:
        raise Refused(f"the parent of {id} is not known")
    return template.format(id=quote(id, safe=""), parent=quote(parent or "", safe=""))


def scope_of(*, livemode: bool, context: str | None) -> Scope:
    """Raises :class:`Refused` for a context that is not a path of account ids."""
    if context and not _ACCOUNTS.fullmatch(context):
        raise Refused("the event's context is not a path of account ids")
    return Scope(livemode, context or None)


def named(scope: Scope, type_name: str, object_id: str, parent: str | None = None) -> Subject:
    """An object of a type of the catalog. Raises :class:`Refused` for anything else."""
    if type_name not in catalog.TYPES:
        raise Refused(f"{type_name} is not in the catalog")
    row = catalog.TYPES[type_name]
    return Subject(scope, row, checked_id(object_id), checked_id(parent) if parent else None)


def checked_id(text: str) -> str:
    """``text``, when it can be an id of Stripe's. Raises :class:`Refused`.

    Strict, because it becomes a segment of a URL and a part of a key.
    """
    if not _ID.fullmatch(text):
        raise Refused("an id has characters that no Stripe id has")
    return text


def suspected(suspicion: Suspicion) -> Subject:
    """The object that a suspicion is about."""
    scope = scope_of(livemode=suspicion.livemode, context=suspicion.context)
    return named(scope, suspicion.type, suspicion.id, suspicion.parent)


def notified(notification: Notification) -> Subject | None:
    """The object that an event is about, or None where it is about none that can be fetched.

    The event's URL is never used as it comes: for a type of the catalog the URL is built from the row, and
    the event's must agree with it; for another type it must be plain and end with the object's own id.
    Raises :class:`Refused`.
    """
    related = notification.related_object
    if notification.type in catalog.IGNORED_EVENTS or related is None or related.id is None:
        return None
    scope = scope_of(livemode=notification.livemode, context=notification.context)
    object_id = checked_id(related.id)
    if related.type in catalog.TYPES:
        return Subject(scope, catalog.TYPES[related.type], object_id, _parent_in_url(related))
    plain = _PLAIN_URL.fullmatch(related.url)
    if plain is None or plain["id"] != object_id:
        raise Refused("the related object's URL is outside the allowed shapes")
    return Subject(scope, catalog.row(related.type, related.url), object_id)


def _parent_in_url(related: RelatedObject) -> str | None:
    """The parent's id in the URL of a known type; None where the URL has none, or Stripe's placeholder."""
    row = catalog.TYPES[related.type]
    shape = re.escape(row.retrieve)
    shape = shape.replace(r"\{id\}", "(?P<id>[^/]+)").replace(r"\{parent\}", "(?P<parent>[^/]+)")
    found = re.fullmatch(shape, related.url)
    if found is None or found["id"] != related.id:
        raise Refused("the related object's URL is not the URL of its type and id")
    parent = found.groupdict().get("parent")
    if parent is None or _PLACEHOLDER.fullmatch(parent):
        return None
    return checked_id(parent)
