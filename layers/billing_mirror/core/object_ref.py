"""Object refs: one object, in which scope it is, where to GET it, and by which key the table holds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from . import catalog
from .catalog import ObjectType
from .errors import PermanentError

_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]{1,255}", re.ASCII)
# Such as "25% OFF" or "Pro plan $699/month": https://docs.stripe.com/upgrades#2018-05-21 ended that for new ones.
_CHOSEN_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,5000}")
_DOTS = frozenset({".", ".."})
"""Segments that every HTTP client resolves, percent-encoded or not."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ACCOUNTS = re.compile(r"acct_[A-Za-z0-9_]+(/acct_[A-Za-z0-9_]+)*", re.ASCII)

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
    if is_plain_id(text):
        return text  # Stripe's own: neither dots alone nor a digest, which has a colon
    if object_type is None or not object_type.chosen_ids or not _CHOSEN_ID.fullmatch(text):
        raise PermanentError("an id has characters that no Stripe id has")
    if text in _DOTS:
        raise PermanentError("an id is one or two dots: no URL can name it")
    if is_digest(text):
        raise PermanentError("an id has the form of a digest, which stands for a long id")
    return text


def is_plain_id(text: str) -> bool:
    """Whether a text has the form of the ids that Stripe makes."""
    return _ID.fullmatch(text) is not None
