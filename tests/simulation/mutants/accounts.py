"""Mutants of the guard that refuses a key of another account, and of work in connected accounts."""

from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.account import AccountMatch, Pin, judge_by_id
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.reconcile.jobs.recover import _in_context
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.in_context import InContext

from .registry import mutant, replaces


@mutant("a key of another account is accepted")
@replaces(judge_by_id)
def accepts_any_account(pin: Pin | None, account: str) -> AccountMatch:
    return AccountMatch.SAME


@mutant("a key that was replaced after its check is used")
@replaces(AccountGuard.get)
async def names_no_key(self: AccountGuard, request: StripeRequest) -> StripeResponse:
    await self.confirm()
    return await self._stripe.get(request)


@mutant("a new key counts as the pinned one")
@replaces(Pin.is_of)
def knows_every_key(self: Pin, key_digest: str) -> bool:
    return True


@mutant("a run of a connected account reads the lists of the key's own account")
@replaces(InContext.get)
async def names_no_account(self: InContext, request: StripeRequest) -> StripeResponse:
    return await self._stripe.get(request)


@mutant("recover leaves out events that do not name their connected account")
@replaces(_in_context)
def keeps_events_as_listed(entry: JsonObject, scope: Scope) -> JsonObject:
    return entry
