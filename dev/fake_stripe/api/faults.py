"""Which faults can a test inject, and which undocumented behaviour can it choose?"""

import random
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dev.fake_stripe.types.object_types import Body

from .protocol import ApiError

DEFAULTS: Mapping[str, Any] = {
    "seed": 0,
    "drop": None,
    "duplicate": None,
    "delay": None,
    "reorder": None,
    "lost_answer": None,
    "delivery_tries": 10,
    "placeholder_urls": True,
    "null_fields": "null",
    "extra_fields": {},
    "api": [],
    "stale_reads": None,
    "stale_lists": None,
    "removed_rates": "not_found",
    "plain_list_hides_canceled": True,
    "tax_id_urls": "customer",
    "entitlement_data": "customer",
    "sublist_size": 10,
    "refused_fields": None,
    "refused_event_types": None,
    "rate_limit": None,
    "event_retention_seconds": 30 * 86400,
}

LATER_PAGE = re.compile(r"[?&](page|starting_after)=")
DELIVERY_FAULTS = ("drop", "duplicate", "delay", "reorder", "lost_answer")


@dataclass
class Chance:
    """How often a fault strikes: with a probability, for the next `count` times, or always."""

    probability: float = 1.0
    count: int | None = None

    def strikes(self, rng: random.Random) -> bool:
        if self.count == 0 or rng.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True

    @classmethod
    def of(cls, setting: Body) -> "Chance":
        return cls(setting.get("probability", 1.0), setting.get("count"))


@dataclass
class DeliveryFault:
    chance: Chance
    types: frozenset[str] | None
    """The event types with the fault; None: all."""
    seconds: tuple[float, float]
    copies: int
    window: int
    """How many events are held back and sent in another order."""

    @classmethod
    def of(cls, setting: Body) -> "DeliveryFault":
        types = setting.get("types")
        low, high = setting.get("seconds", (0.1, 0.5))
        return cls(
            Chance.of(setting),
            None if types is None else frozenset(types),
            (low, high),
            setting.get("copies", 2),
            setting.get("window", 2),
        )

    def hits(self, event_type: str, rng: random.Random) -> bool:
        return (self.types is None or event_type in self.types) and self.chance.strikes(rng)


@dataclass
class ApiFault:
    """One way in which API calls fail."""

    kind: str
    """The name in the counts, such as `429` or `reset`."""
    chance: Chance
    pattern: re.Pattern[str]
    status: int | None
    html: bool
    code: str
    headers: dict[str, str]
    slow: float
    """Seconds before the answer."""
    drip: float
    """Seconds over which the body is spread."""
    body: str
    """truncated, cut_json, garbled, foreign, reset, or repeated (the list's first page); empty for a whole body."""
    param: str = ""
    error_type: str = ""
    later_pages: bool = False
    """Whether it strikes only pages after a list's first."""

    @classmethod
    def of(cls, setting: Body) -> "ApiFault":
        status = setting.get("status")
        prefix = re.escape(setting.get("path_prefix", "/"))
        reason, retry_after = setting.get("reason", ""), setting.get("retry_after")
        should_retry = setting.get("should_retry")
        headers = {"Stripe-Rate-Limited-Reason": reason} if reason and reason != "lock_timeout" else {}
        headers |= {} if retry_after is None else {"Retry-After": str(retry_after)}
        headers |= {} if should_retry is None else {"Stripe-Should-Retry": str(should_retry).lower()}
        return cls(
            kind=_kind(setting),
            chance=Chance.of(setting),
            pattern=re.compile(setting.get("path_regex") or prefix),
            status=None if status is None else int(str(status).removesuffix("html")),
            html=str(status).endswith("html"),
            code=setting.get("code", "lock_timeout" if reason == "lock_timeout" else ""),
            headers=headers,
            slow=setting.get("slow", 0.0),
            drip=setting.get("drip", 0.0),
            body=setting.get("body", ""),
            param=setting.get("param", ""),
            error_type=setting.get("type", ""),
            later_pages=setting.get("later_pages", False),
        )

    def matches(self, target: str) -> bool:
        """Whether it may strike a request for a path with its query."""
        return bool(self.pattern.match(target)) and (not self.later_pages or bool(LATER_PAGE.search(target)))

    def error(self) -> ApiError | None:
        if self.status is None:
            return None
        code, kind, message = ERRORS.get(self.status, ("", "", "An injected error."))
        kind = self.error_type or ("" if self.code else kind)
        code = self.code or code
        return ApiError(self.status, message, code=code, kind=kind, param=self.param, headers=self.headers)


def _kind(setting: Body) -> str:
    waits = [f"{name} {setting[name]:g} s" for name in ("slow", "drip") if setting.get(name)]
    return ", ".join([str(setting[name]) for name in ("status", "body") if setting.get(name)] + waits)


ERRORS: Mapping[int, tuple[str, str, str]] = {
    401: ("unauthenticated", "", "Invalid API Key provided."),
    403: ("forbidden", "", "The provided key does not have the required permissions for this endpoint."),
    409: ("product_catalog_too_many_concurrent_requests", "", "The resource is being changed; try again."),
    429: ("rate_limit", "rate_limit", "Request rate limit exceeded."),
    500: ("internal_error", "", "An unknown error occurred."),
}


class Faults:
    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        """How often each fault has struck, including faults cleared since."""
        self.clear()

    def clear(self) -> None:
        self.settings: Body = {}
        self.delivery: dict[str, DeliveryFault | None] = {}
        self.api: list[ApiFault] = []
        self.rng = random.Random(0)  # noqa: S311 - repeatable faults, nothing secret
        self.set(dict(DEFAULTS))

    def set(self, changes: Body) -> None:
        """Replace the settings named; the others stay, with the rest of their counts."""
        unknown = changes.keys() - DEFAULTS.keys()
        if unknown:
            raise ApiError(400, f"Unknown settings: {', '.join(sorted(unknown))}", code="parameter_unknown")
        self.settings = self.settings | changes
        for name in changes.keys() & set(DELIVERY_FAULTS):
            self.delivery[name] = None if changes[name] is None else DeliveryFault.of(changes[name])
        if "api" in changes:
            self.api = [ApiFault.of(setting) for setting in changes["api"]]
        if "seed" in changes:
            self.rng.seed(changes["seed"])

    def delivery_fault(self, name: str, event_type: str) -> DeliveryFault | None:
        fault = self.delivery[name]
        if fault is None or not fault.hits(event_type, self.rng):
            return None
        self.struck[name] += 1
        return fault

    def api_fault(self, target: str) -> ApiFault | None:
        """The first fault in the list that matches the path and strikes."""
        matching = (fault for fault in self.api if fault.matches(target))
        striking = next((fault for fault in matching if fault.chance.strikes(self.rng)), None)
        if striking is not None:
            self.struck[striking.kind] += 1
        return striking

    def stale(self, name: str, path: str) -> Body | None:
        setting: Body | None = self.settings[name]
        return setting if setting and path.startswith(setting.get("path_prefix", "/")) else None


def refuse_fields(setting: Body | None, target: str, requested: list[str], *, v1: bool) -> None:
    """Raises the 400 with which Stripe refuses a field that a request expands or includes."""
    fields = (setting or {}).get("fields", [])
    refused = next((name for name in requested if name.removeprefix("data.") in fields), None)
    if refused is None or setting is None or not re.match(setting.get("path_regex", ""), target):
        return
    named = "" if setting.get("unnamed") else f" ({refused})"
    if not v1:
        raise ApiError(400, f"Invalid include{named}.", code="invalid_parameter")
    param = "" if setting.get("no_param") else "expand"
    raise ApiError(400, f"This property cannot be expanded{named}.", param=param)


@dataclass
class RateLimiter:
    """Requests of the last second, as docs.stripe.com/rate-limits counts them: globally and per endpoint."""

    recent: dict[str, deque[float]] = field(default_factory=dict)

    def check(self, account: str, operation: str, limits: Body | None, now: float) -> None:
        """`limits`: requests per second, `{"global": 25, "endpoint": 25}`; refused ones are not counted."""
        if not limits:
            return
        counters = (("global", f"{account}:"), ("endpoint", f"{account}:{operation}"))
        for scope, key in counters:
            instants = self.recent.setdefault(key, deque())
            while instants and instants[0] <= now - 1:
                instants.popleft()
            if len(instants) >= limits.get(scope, len(instants) + 1):
                headers = {"Stripe-Rate-Limited-Reason": f"{scope}-rate"}
                code, kind, message = ERRORS[429]
                raise ApiError(429, message, code=code, kind=kind, headers=headers)
        for _, key in counters:
            self.recent[key].append(now)
