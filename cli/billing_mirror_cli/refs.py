"""Which object an operator means, and what the mirror knows of it without its body."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core import catalog
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.object_ref import ObjectRef, ref_to
from billing_mirror.core.table.mirror_state import Claim, Head, is_in_flight
from billing_mirror.reader import MirroredObject

from . import mirror
from .failures import Failure, usage
from .stack.session import Session


@dataclass(frozen=True, slots=True)
class Known:
    """An object's head and its claim."""

    head: Head | None
    claim: Claim | None

    def in_flight(self, now: float) -> bool:
        """Whether a refresh is on its way."""
        return is_in_flight(self.head, self.claim, now=now)


def ref_of(session: Session, found: MirroredObject) -> ObjectRef:
    """The ref of a mirrored object. Raises :class:`Failure` for a type outside the catalog."""
    object_type = catalog.TYPES.get(found.type)
    if object_type is None:
        raise Failure(
            f"{found.id} is of the type {found.type}, which is mirrored by its events only",
            "Its next event refreshes it",
        )
    ref = _ref(session, object_type, found.id, _parent(object_type, found))
    if ref.needs_parent and (head := known(session, [ref])[ref].head) is not None:
        return _ref(session, object_type, found.id, head.parent)
    return ref


def known(session: Session, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, Known]:
    """What the mirror knows of objects."""
    table = DynamoMirror(session.aws.dynamodb, session.stack.table)
    heads, claims = asyncio.run(table.heads(refs)), asyncio.run(table.claims(refs))
    return {ref: Known(heads.get(ref.key), claims.get(ref.key)) for ref in refs}


def _ref(session: Session, object_type: ObjectType, object_id: str, parent: str | None) -> ObjectRef:
    try:
        return ref_to(session.own_scope, object_type.name, object_id, parent)
    except PermanentError as error:
        raise usage(f"{object_id} cannot be requested from Stripe: {error}") from error


def _parent(object_type: ObjectType, found: MirroredObject) -> str | None:
    """The parent in the object's URL: the customer, or what the body names."""
    if not object_type.nested:
        return None
    if object_type.parent_is_customer:
        return found.customer
    value = mirror.value_at(found.body, object_type.parent) if object_type.parent else None
    return value if isinstance(value, str) else None
