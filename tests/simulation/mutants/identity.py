"""Mutants of which object is meant, and whose it is."""

from dataclasses import replace

from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.messages import Message, RefreshRequest
from billing_mirror.core.object_ref import ObjectRef, Scope, _is_placeholder, partition_key
from billing_mirror.ports import Ports, Stripe, StripeResponse
from billing_mirror.process.batch import _is_of_other_mode
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
@replaces(_is_placeholder)
def knows_no_placeholder(text: str) -> bool:
    return False


@mutant("a refresh request does not name the parent")
@replaces(refresh_request)
def requests_without_parent(ref: ObjectRef, *, not_before: float = 0.0, unlisted: bool = False) -> RefreshRequest:
    return refresh_request(replace(ref, parent=None), not_before=not_before, unlisted=unlisted)


@mutant("the customer is read from the mirror only")
@replaces(_customer_of)
async def never_fetches_owner(ports: Ports, owner: ObjectRef, named_by: JsonObject, hops: int) -> str | None:
    body = await ports.mirror.body(owner)
    return await _resolve_customer(ports, owner, body, hops) if body is not None else None
