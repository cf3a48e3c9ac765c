"""Objects are stored without a field that Stripe refuses to show, and their items say so."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from billing_mirror.core.errors import FieldsRefused
from billing_mirror.core.stripe_api import optional_fields
from billing_mirror.ports import Clock, Stripe, StripeRequest, StripeResponse

from .forwarding import AroundStripe
from .refused_fields import RefusedFields


class OptionalFields(AroundStripe):
    """Implements ``ports.Stripe`` around another one: a request whose fields Stripe refuses is made without them.

    ``on_missing`` is called with the type and the field for each answer that lacks one. A container remembers what
    Stripe refuses of a type, so that it does not cost a request for each object.
    """

    def __init__(self, stripe: Stripe, clock: Clock, on_missing: Callable[[str, str], None]) -> None:
        self._stripe = stripe
        self._clock = clock
        self._on_missing = on_missing
        self._refused = RefusedFields()

    async def get(self, request: StripeRequest) -> StripeResponse:
        names = optional_fields.requested(request.path, request.include)
        if not names:
            return await self._stripe.get(request)
        now = self._clock.now()
        known = frozenset(name for name in names if self._refused.is_left_out(request, name, now))
        try:
            refused, response = known, await self._get_without(known, request)
        except FieldsRefused as error:
            refused, response = await self._get_without_more(known | error.fields, frozenset(names), request)
        for name in refused - known:
            self._refused.add(request, name, now)
        for name in frozenset(names) - refused:
            self._refused.clear(request, name)
        missing = optional_fields.plain(refused)
        for name in missing:
            self._on_missing(request.kind, name)
        return replace(response, missing_fields=missing)

    async def _get_without_more(
        self, refused: frozenset[str], names: frozenset[str], request: StripeRequest
    ) -> tuple[frozenset[str], StripeResponse]:
        """The answer without the refused fields, or without any where Stripe refuses others too."""
        try:
            return refused, await self._get_without(refused, request)
        except FieldsRefused:
            return names, await self._get_without(names, request)

    async def _get_without(self, fields: Collection[str], request: StripeRequest) -> StripeResponse:
        left = tuple(name for name in request.include if name not in fields)
        return await self._stripe.get(
            replace(request, path=optional_fields.without(request.path, fields), include=left)
        )


@dataclass(frozen=True, slots=True)
class NotedFields(AroundStripe):
    """Implements ``ports.Stripe`` around another one, for one fetch: notes which fields the answers lack.

    ``kind`` is the object's type; ``within`` is the path of the list in the object that is read.
    """

    _stripe: Stripe
    kind: str
    within: str = ""
    missing: set[str] = field(default_factory=set)

    async def get(self, request: StripeRequest) -> StripeResponse:
        kind = f"{self.kind}.{self.within}" if self.within else self.kind
        response = await self._stripe.get(replace(request, kind=kind, of_one=True))
        entry = f"{self.within}.data." if self.within else ""
        self.missing.update(f"{entry}{name}" for name in response.missing_fields)
        return response

    def of_list(self, path: str) -> "NotedFields":
        """The same for the requests that read a list in the object."""
        return replace(self, within=path)
