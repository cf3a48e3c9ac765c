"""Which fields a container does not request for now, because Stripe has refused to show them.

A refusal may be about one object. So it says something of a type only where a list was refused, or two different
objects in a row: without an answer between them that had the field.
"""

from dataclasses import dataclass, field

from billing_mirror.ports import StripeRequest

ASKED_AGAIN_AFTER = 3600.0
"""Seconds after which a refused field is requested again."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The last refusal. ``at`` is in seconds since 1970; ``path`` is what was requested."""

    path: str
    at: float
    is_of_type: bool


@dataclass(frozen=True, slots=True)
class RefusedFields:
    """The refusals that a container has met, by type, account and field. Times are in seconds since 1970."""

    _refusals: dict[tuple[str, str | None, str], _Refusal] = field(default_factory=dict)

    def is_left_out(self, request: StripeRequest, name: str, now: float) -> bool:
        """Whether Stripe has refused a field of the type within the hour."""
        return any(refusal.is_of_type for refusal in self._recent(request, name, now))

    def add(self, request: StripeRequest, name: str, now: float) -> None:
        """Stripe has refused a field."""
        path = _path(request)
        follows_another = any(refusal.path != path for refusal in self._recent(request, name, now))
        self._refusals[_key(request, name)] = _Refusal(path, now, not request.of_one or follows_another)

    def clear(self, request: StripeRequest, name: str) -> None:
        """Stripe has answered a request that names a field."""
        self._refusals.pop(_key(request, name), None)

    def _recent(self, request: StripeRequest, name: str, now: float) -> list[_Refusal]:
        refusal = self._refusals.get(_key(request, name))
        return [refusal] if refusal is not None and now - refusal.at < ASKED_AGAIN_AFTER else []


def _path(request: StripeRequest) -> str:
    return request.path.partition("?")[0]


def _key(request: StripeRequest, name: str) -> tuple[str, str | None, str]:
    return request.kind or _path(request), request.context, name
