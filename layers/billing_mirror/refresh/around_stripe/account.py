"""The guard before Stripe: no answer to a key of another account is used.

Otherwise one wrong key makes every mirrored object "not found", and mixes the objects of two accounts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from billing_mirror.core import json_body
from billing_mirror.core.catalog import RECONCILED_TYPES, ApiChannel
from billing_mirror.core.errors import (
    KeyReplaced,
    NotFound,
    PermanentError,
    PermissionDenied,
    TransientError,
    Unauthorized,
    WrongAccount,
)
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.stripe_api.account import (
    ORGANIZATION,
    PIN_PARTITION,
    PIN_SORT_KEY,
    SAMPLE_SIZE,
    SENTENCE,
    AccountMatch,
    Pin,
    judge_by_id,
    judge_by_sample,
)
from billing_mirror.ports import Clock, KeyedStripe, Mirror, StateStore, StripeRequest, StripeResponse

from .forwarding import AroundStripe

OWN_ACCOUNT = "/v1/account"
REFUSED_FOR = 60.0
"""Seconds for which a refused key is not asked again."""
TRIES = 3
"""Tries to store the pin, where other containers store it too."""


class AccountGuard(AroundStripe):
    """Implements ``ports.Stripe`` around another one. ``on_refusal`` is called whenever a key is refused."""

    def __init__(
        self,
        stripe: KeyedStripe,
        clock: Clock,
        mirror: Mirror,
        state_store: StateStore,
        on_refusal: Callable[[], None],
    ) -> None:
        self._stripe: KeyedStripe = stripe
        self._clock = clock
        self._mirror = mirror
        self._state_store = state_store
        self._on_refusal = on_refusal
        self._checking = asyncio.Lock()
        self._confirmed = ""
        self._refused = ""
        self._refused_at = 0.0

    @property
    def has_own_account(self) -> bool:
        """False where the key is an organization's, which owns no objects."""
        return self._stripe.has_own_account

    async def get(self, request: StripeRequest) -> StripeResponse:
        """Also raises ``WrongAccount``. A key that is replaced meanwhile is checked before it is used."""
        try:
            return await self._stripe.get(replace(request, key_digest=await self.confirm()))
        except KeyReplaced:
            return await self._stripe.get(replace(request, key_digest=await self.confirm()))

    async def confirm(self) -> str:
        """The digest of the key.

        Raises ``WrongAccount`` where the key is of another account than the mirror, and ``Unauthorized`` where Stripe
        does not accept it: perhaps only for a moment, so it is not known whose key it is.

        Costs a read of the table once in a container, and requests to Stripe only when the key has changed.
        """
        digest = await self._stripe.key_digest()
        if digest == self._confirmed:
            return digest
        async with self._checking:
            if digest == self._confirmed:
                return digest
            if digest != self._refused or self._clock.now() - self._refused_at >= REFUSED_FOR:
                await self._check(digest)
                return digest
        self._on_refusal()
        raise WrongAccount(SENTENCE)

    async def _check(self, digest: str) -> None:
        scope = Scope(self.livemode)
        for _ in range(TRIES):
            stored = await self._state_store.last(scope, PIN_PARTITION, PIN_SORT_KEY)
            pin = Pin.from_item(stored) if stored is not None else None
            if pin is not None and pin.is_of(digest):
                self._confirmed = digest
                return
            account = await self._own_account(digest)
            verdict = judge_by_id(pin, account)
            if verdict is AccountMatch.UNKNOWN:
                verdict = await self._judge_by_sample(digest)
            if verdict is AccountMatch.OTHER:
                self._refused, self._refused_at = digest, self._clock.now()
                self._on_refusal()
                raise WrongAccount(SENTENCE)
            if verdict is AccountMatch.UNKNOWN:
                return  # nothing mirrored can be read with this key: it is checked again at the next request
            new = Pin(account or (pin.account if pin else ""), digest)
            expected = pin.to_item() if pin is not None else None
            if await self._state_store.write(
                scope, PIN_PARTITION, PIN_SORT_KEY, new.to_item(), if_absent=pin is None, expected=expected
            ):
                self._confirmed = digest
                return
        raise TransientError("the account of the Stripe key could not be stored")

    async def _own_account(self, digest: str) -> str:
        """The id of the key's account; empty where the key may not ask."""
        if not self.has_own_account:
            return ORGANIZATION
        request = StripeRequest(OWN_ACCOUNT, ApiChannel.GA, context=None, key_digest=digest, may_be_refused=True)
        try:
            answer = await self._stripe.get(request)
        except (NotFound, PermissionDenied):
            return ""
        except Unauthorized:
            raise
        except PermanentError:
            return ""
        return json_body.text_at(answer.body, "id") or ""

    async def _judge_by_sample(self, digest: str) -> AccountMatch:
        sample = await self._sample()
        found = missing = 0
        for ref in sample:
            request = StripeRequest(ref.path, ref.object_type.api, None, key_digest=digest, may_be_refused=True)
            try:
                await self._stripe.get(request)
            except NotFound:
                missing += 1
            except PermanentError:
                continue  # says nothing about the object
            else:
                found += 1
                break
        return judge_by_sample(len(sample), found, missing)

    async def _sample(self) -> list[ObjectRef]:
        """The oldest mirrored objects: of as many types as possible, because a whole type may be gone."""
        scope = Scope(self.livemode)
        oldest = []
        for object_type in RECONCILED_TYPES:
            if object_type.nested or object_type.singleton or not object_type.listings:
                continue
            refs = []
            async for entry in self._mirror.ids(scope, object_type.name):
                refs.append(ObjectRef(scope, object_type, entry.id))
                if len(refs) == SAMPLE_SIZE:
                    break
            oldest.append(refs)
        ranked = (refs[rank] for rank in range(SAMPLE_SIZE) for refs in oldest if len(refs) > rank)
        return [*islice(ranked, SAMPLE_SIZE)]
