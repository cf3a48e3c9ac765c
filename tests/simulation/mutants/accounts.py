"""Mutants of the guard that refuses a key of another account."""

from billing_mirror.core.account import AccountMatch, Pin, judge_by_id
from billing_mirror.ports import StripeRequest, StripeResponse
from billing_mirror.refresh.account import AccountGuard

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
