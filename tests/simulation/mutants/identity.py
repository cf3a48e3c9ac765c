"""Mutants of which object is meant, and whose it is."""

from collections.abc import Mapping
from dataclasses import replace

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.events.messages import Message, Notification, RefreshRequest
from billing_mirror.core.events.related_object import UnresolvedRef
from billing_mirror.core.events.spelled_ids import is_placeholder
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import MAX_ID_IN_KEY, ObjectRef, Scope, key_id, partition_key
from billing_mirror.ports import IndexEntry, Mirror, Ports, Stripe, StripeResponse
from billing_mirror.process.batch import _is_of_other_mode
from billing_mirror.process.resolve import _enqueue_others
from billing_mirror.reconcile.lists.index_walk import _with_whole_id
from billing_mirror.refresh.apply import _customer_of, _resolve_customer
from billing_mirror.refresh.fetch import _get
from billing_mirror.refresh.related_objects import refresh_request

from .registry import mutant, replaces


@mutant("the key does not contain the account", quick=True)
@replaces(ObjectRef.key)
def key_without_account(self: ObjectRef) -> str:
    return partition_key(str(Scope(self.scope.livemode)), self.object_type, self.id)


@mutant("requests to Stripe do not name the account")
@replaces(_get)
async def fetches_without_context(ref: ObjectRef, stripe: Stripe, *, event: str | None) -> StripeResponse:
    return await _get(replace(ref, scope=Scope(ref.scope.livemode)), stripe, event=event)


@mutant("the event's mode, live or test, is not checked")
@replaces(_is_of_other_mode)
def accepts_either_mode(message: Message, stripe: Stripe) -> bool:
    return False


@mutant("the placeholder in a URL counts as the parent's id", quick=True)
@replaces(is_placeholder)
def knows_no_placeholder(text: str) -> bool:
    return False


@mutant("a refresh request does not name the parent")
@replaces(refresh_request)
def requests_without_parent(ref: ObjectRef, *, unlisted: bool = False, digest: str = "") -> RefreshRequest:
    return refresh_request(replace(ref, parent=None), unlisted=unlisted, digest=digest)


@mutant("the customer is read from the mirror only")
@replaces(_customer_of)
async def never_fetches_owner(ports: Ports, owner: ObjectRef, named_by: JsonObject, hops: int) -> str | None:
    body = await ports.mirror.body(owner)
    return await _resolve_customer(ports, owner, body, hops) if body is not None else None


@mutant("two objects of different types share a key where people chose the same id", quick=True)
@replaces(partition_key)
def key_without_type(scope: str, object_type: ObjectType | None, object_id: str) -> str:
    if object_type is not None and object_type.singleton:
        return partition_key(scope, object_type, object_id)
    return partition_key(scope, None, object_id)


@mutant("a long id is cut off in the key")
@replaces(key_id)
def cuts_long_ids(object_id: str) -> str:
    return object_id[:MAX_ID_IN_KEY]


@mutant("a walk over the index takes a digest for the id")
@replaces(_with_whole_id)
async def walks_over_digests(mirror: Mirror, scope: Scope, type_name: str, entry: IndexEntry) -> IndexEntry:
    return entry


@mutant("an event about a discount refreshes the first of its owners")
@replaces(_enqueue_others)
async def forgets_other_owners(
    event: Notification, unresolved: UnresolvedRef, refs: Mapping[str, ObjectRef], ports: Ports
) -> None:
    return
