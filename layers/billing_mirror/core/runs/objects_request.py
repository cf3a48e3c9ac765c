"""An on-demand request to fetch single objects now: ``{"job": "refresh", "ids": ["in_1", "cus_1"]}``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .. import catalog
from ..catalog import ObjectType
from ..errors import InvalidRequest, PermanentError
from ..object_ref import ObjectRef, Scope, is_context, ref_to

REFRESH = "refresh"
"""The job of such a request."""
MEMBERS = frozenset({"job", "ids", "context"})
MEMBERS_OF_ONE = frozenset({"id", "type", "parent"})
MAX_OBJECTS = 100
"""Objects of one request."""


@dataclass(frozen=True, slots=True)
class ObjectsRequest:
    """Objects to fetch and store, mirrored or not.

    The beginning of an id tells its type. Where it does not, an entry is ``{"id": ..., "type": ...}``; ``parent`` is
    needed where the object's URL has one and the mirror has never seen the object. A singleton, such as a cash balance,
    has the id of its owner.
    """

    refs: tuple[ObjectRef, ...]

    @classmethod
    def parse(cls, event: Mapping[str, object], *, livemode: bool) -> Self:
        """Reads the request. Raises :class:`InvalidRequest`, whose sentence is the answer."""
        unknown = sorted(event.keys() - MEMBERS)
        if unknown:
            raise InvalidRequest(f"unknown member: {unknown[0]}; members are context, ids, job; nothing was fetched")
        ids = event.get("ids")
        if not (isinstance(ids, list) and 0 < len(ids) <= MAX_OBJECTS):
            raise InvalidRequest(f"ids must be a list of 1 to {MAX_OBJECTS} ids; nothing was fetched")
        scope = Scope(livemode, read_context(event, "fetched"))
        return cls(tuple(dict.fromkeys(_ref(one, scope) for one in ids)))


def read_context(event: Mapping[str, object], done: str) -> str | None:
    """The connected account that a request names. Raises :class:`InvalidRequest`; nothing was ``done``."""
    context = event.get("context")
    if context is None:
        return None
    if not isinstance(context, str) or not is_context(context):
        raise InvalidRequest(f"context must be a connected account, such as acct_1; nothing was {done}")
    return context


def _ref(one: object, scope: Scope) -> ObjectRef:
    named = {"id": one} if isinstance(one, str) else one
    if not isinstance(named, Mapping) or named.keys() - MEMBERS_OF_ONE:
        raise InvalidRequest('ids are texts, or objects such as {"id": "gold", "type": "plan"}; nothing was fetched')

    texts = {name: text for name, text in named.items() if isinstance(text, str)}
    identifier, type_name = texts.get("id", ""), texts.get("type", "")
    if len(texts) != len(named) or not identifier:
        raise InvalidRequest("id, type and parent must be texts; nothing was fetched")
    object_type = catalog.TYPES.get(type_name) if type_name else type_of(identifier)
    if object_type is None:
        what = f"unknown type: {type_name}" if type_name else f"the id {identifier} does not tell its type"
        raise InvalidRequest(f'{what}; write {{"id": "{identifier}", "type": ...}}; nothing was fetched')
    owner = texts.get("parent", identifier if object_type.singleton else None)
    try:
        return ref_to(scope, object_type.name, identifier, owner)
    except PermanentError as error:
        raise InvalidRequest(f"{identifier}: {error}; nothing was fetched") from error


def type_of(identifier: str) -> ObjectType | None:
    """The type whose ids begin like this one; None where no type's do, or those of several."""
    fitting = [one for one in catalog.TYPES.values() if one.prefix and identifier.startswith(one.prefix)]
    longest = max((len(one.prefix) for one in fitting), default=0)
    best = [one for one in fitting if len(one.prefix) == longest]
    return best[0] if len(best) == 1 else None
