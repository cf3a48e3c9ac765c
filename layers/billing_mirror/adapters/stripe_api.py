"""Stripe's API, read only."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import requests
import stripe

from billing_mirror.core import json_body
from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import (
    AccessRevoked,
    ConfigurationError,
    FeatureUnavailable,
    FieldsRefused,
    KeyReplaced,
    MirrorError,
    NotFound,
    PermissionDenied,
    RequestRefused,
    TransientError,
    Unauthorized,
)
from billing_mirror.core.metrics import Metric
from billing_mirror.core.stripe_api import optional_fields
from billing_mirror.ports import StripeRequest, StripeResponse

from .metric_counts import MetricCounts

TIMEOUTS = (2.0, 10.0)
"""Seconds to connect, and between two pieces of a response."""

_OF_ORGANIZATION = ("sk_org_", "rk_org_")
"""https://docs.stripe.com/keys/organization-api-keys"""
_KEY = re.compile(r"(?:sk|rk)_(?:org_)?(live|test)_[A-Za-z0-9_]+", re.ASCII)

MAX_PATH_IN_REASON = 300
"""Characters of a path that a reason shows: some ids are longer than a message's attribute may be."""
_FEATURE_TYPES = frozenset({"feature_not_enabled", "capability_not_enabled"})
"""Types of errors by which v2 says that the account lacks a feature: https://docs.stripe.com/api-v2-overview"""
_WORDS = {
    "type": re.compile(r"[a-z_]{1,60}"),
    "code": re.compile(r"\w{1,100}"),
    "param": re.compile(r"[a-z_]{1,60}(\[[a-z0-9_]{0,60}\]|\.[a-z0-9_]{1,60}){0,4}"),
}
"""How an error's words are written; anything else may be data of a person."""

# A file in the home folder and a header on each request that a read-only Lambda has no use for.
stripe.enable_telemetry = False


class StripeKey(Protocol):
    """Where the API key comes from."""

    def current(self) -> str: ...

    def refreshed(self) -> str:
        """The same, read again unless that has just been done."""


def is_live(key: str) -> bool:
    """Whether an API key is a live one. Raises :class:`ConfigurationError` for text that is no API key."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise ConfigurationError(
            "the secret that STRIPE_KEY_ARN names does not hold a Stripe API key (rk_live_..., rk_test_...)"
        )
    return found[1] == "live"


def is_of_organization(key: str) -> bool:
    """Whether an API key is an organization's, which owns no objects itself."""
    return key.startswith(_OF_ORGANIZATION)


class _Headers(dict[str, str]):
    """A response's headers, names in lower case, with the exact text of its body.

    The SDK parses a body, and keeps of what its HTTP client returns nothing but the parsed body and these headers, as
    they are. So they carry the text past it, once and for this response only.
    """

    def __init__(self, headers: Mapping[str, str], text: str) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})
        self.text = text


class _HttpClient(stripe.RequestsClient):
    """Hands the SDK an empty body, because we parse successful bodies ourselves. The headers keep the text."""

    def request(  # type: ignore[override]  # as the SDK's own, which differs from its parent too
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        content, status, received = super().request(method, url, headers, post_data)
        if status != 200:
            return content, status, received
        return b"{}", status, _Headers(received, content.decode("utf-8"))


class _Session(threading.local, requests.Session):
    """A session for each thread. It reads the environment's proxies once, not before each request."""

    def __init__(self, api_base: str) -> None:
        requests.Session.__init__(self)
        self.proxies = requests.utils.get_environ_proxies(api_base)
        self.trust_env = False


class StripeApi:
    """Implements ``ports.Stripe``. ``metric_counts`` counts the requests."""

    def __init__(self, key: StripeKey, *, api_base: str, preview_version: str, metric_counts: MetricCounts) -> None:
        self._key = key
        self._livemode = is_live(key.current())
        self._versions = {ApiChannel.GA: stripe.api_version, ApiChannel.PREVIEW: preview_version}
        self._metric_counts = metric_counts
        self._client = stripe.StripeClient(
            key.current(),
            base_addresses={"api": api_base},
            http_client=_HttpClient(timeout=TIMEOUTS, session=_Session(api_base)),
            max_network_retries=0,  # the SDK would also retry 409 and 5xx, which the queue retries
        )

    @property
    def livemode(self) -> bool:
        return self._livemode

    @property
    def has_own_account(self) -> bool:
        return not is_of_organization(self._key.current())

    def version(self, api: ApiChannel) -> str:
        return self._versions[api]

    async def key_digest(self) -> str:
        return _digest(await asyncio.to_thread(self._key.current))

    async def get(self, request: StripeRequest) -> StripeResponse:
        version = self._versions[request.api]
        try:
            return await asyncio.to_thread(self._get, request, _options(request, version), version)
        except KeyReplaced:
            raise
        except TransientError as error:
            self._metric_counts.add(Metric.STRIPE_THROTTLED if error.throttled else Metric.STRIPE_ERRORS)
            raise
        except PermissionDenied as error:
            # No permission of the key brings an account back that has left.
            if not (request.may_be_refused or isinstance(error, AccessRevoked)):
                self._metric_counts.add(Metric.STRIPE_PERMISSION_FAILURES)
            raise
        except Unauthorized:
            self._metric_counts.add(Metric.STRIPE_AUTH_FAILURES)
            raise

    def _get(self, request: StripeRequest, options: Mapping[str, object], version: str) -> StripeResponse:
        path = request.path
        key = _named_key(self._same_mode(self._key.current()), request)
        try:
            try:
                response = self._request(path, key, options)
            except stripe.AuthenticationError:
                # The key may have been rolled since it was read.
                newer = self._same_mode(self._key.refreshed())
                if newer == key:
                    raise
                response = self._request(path, _named_key(newer, request), options)
        except stripe.StripeError as error:
            raise _mirror_error(error, request) from error
        except (UnicodeDecodeError, AttributeError) as error:
            # The SDK expects UTF-8, and an object in the member "error"; a proxy may answer with neither.
            raise TransientError("the answer is not one of Stripe's") from error
        text = response.headers.text if isinstance(response.headers, _Headers) else response.body
        try:
            body = json_body.parse(text)
        except json_body.Malformed as error:
            raise TransientError(f"Stripe's answer cannot be read: {error}") from error
        return StripeResponse(body, text, version, response.request_id or "")

    def _same_mode(self, key: str) -> str:
        """The key. Raises :class:`TransientError` where it was replaced by a key of the other mode, or by no key."""
        try:
            if is_live(key) == self._livemode:
                return key
        except ConfigurationError as error:
            raise TransientError(str(error)) from error
        raise TransientError("the Stripe key was replaced by one of the other mode; the next container will use it")

    def _request(self, path: str, key: str, options: Mapping[str, object]) -> stripe.StripeResponse:
        self._metric_counts.add(Metric.STRIPE_REQUESTS)
        try:
            return self._send(path, key, options)
        except stripe.APIConnectionError as error:
            if not _is_dropped_connection(error):
                raise
            # Stripe may have closed a kept-alive connection while the container was frozen.
            self._metric_counts.add(Metric.STRIPE_REQUESTS)
            return self._send(path, key, options)

    def _send(self, path: str, key: str, options: Mapping[str, object]) -> stripe.StripeResponse:
        response: stripe.StripeResponse = self._client.raw_request("get", path, api_key=key, **options)
        return response


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _named_key(key: str, request: StripeRequest) -> str:
    """The key. Raises :class:`KeyReplaced` where the request names another one."""
    if request.key_digest not in (None, _digest(key)):
        raise KeyReplaced("the Stripe key was replaced meanwhile")
    return key


def _options(request: StripeRequest, version: str) -> dict[str, object]:
    """The request as keyword arguments of ``raw_request``."""
    options: dict[str, object] = {"stripe_version": version}
    if request.context:
        options["stripe_context"] = request.context
    if request.include:
        options["expand" if request.api is ApiChannel.GA else "include"] = list(request.include)
    if request.event_id:
        options["headers"] = {"Stripe-Request-Trigger": f"event={request.event_id}"}
    return options


def _is_dropped_connection(error: stripe.APIConnectionError) -> bool:
    cause = error.__cause__
    return isinstance(cause, requests.ConnectionError) and not isinstance(cause, requests.Timeout)


def _mirror_error(error: stripe.StripeError, request: StripeRequest) -> MirrorError:
    """Stripe's error as one of ours. Its text stays out: it may quote the key.

    The status decides, and the type where it names a missing feature; the code only for a 404.
    https://docs.stripe.com/api/errors
    """
    status = error.http_status
    if status is None:
        return TransientError(f"Stripe cannot be reached ({type(error.__cause__ or error).__name__})")
    details = _Details.of(error)
    code, path = details.code, request.path.partition("?")[0]
    reason = f"Stripe answered {status}{details} at {path[:MAX_PATH_IN_REASON]}{_request_id(error)}"
    if _may_pass(status, details):
        return TransientError(
            reason,
            retry_after=_retry_after(error),
            throttled=status == HTTPStatus.TOO_MANY_REQUESTS,
            limited_by=_header(error, "stripe-rate-limited-reason"),
        )
    if details.type in _FEATURE_TYPES:
        return FeatureUnavailable(reason, code=code, param=details.param)
    if status == 401:
        return Unauthorized(f"{reason}: the key is wrong")
    if status == 403:
        return _denied(error, request, reason, code)
    if status == 404 and not code:
        return _error_without_code(error, reason)
    # A v1 list answers 400 when its filter or cursor names a missing object.
    if code == "resource_missing" or (status == 404 and (code == "not_found" or code.endswith("_not_found"))):
        return NotFound(reason)
    return _refusal(error, request, reason, details)


def _denied(error: stripe.StripeError, request: StripeRequest, reason: str, code: str) -> PermissionDenied:
    """https://docs.stripe.com/error-codes#account-invalid"""
    if request.context and code == "account_invalid":
        return AccessRevoked(f"{reason}: the key has no access to the account {request.context}")
    return PermissionDenied(f"{reason}: the key lacks {_permission(error)}")


def _refusal(error: stripe.StripeError, request: StripeRequest, reason: str, details: "_Details") -> RequestRefused:
    """That Stripe refuses the request, or only fields that it names. Not every error about such fields has a parameter.

    https://github.com/stripe/stripe-dotnet/issues/3135
    """
    names = optional_fields.requested(request.path, request.include)
    if error.http_status == HTTPStatus.BAD_REQUEST and names:
        fields = optional_fields.refused(names, _member(error, "param"), _member(error, "message"))
        if fields:
            return FieldsRefused(reason, fields, code=details.code, param=details.param)
    return RequestRefused(reason, code=details.code, param=details.param)


def _may_pass(status: int, details: "_Details") -> bool:
    """Whether the same request may succeed later. A URL that is too long (414) never succeeds."""
    if status == HTTPStatus.REQUEST_URI_TOO_LONG:
        return False
    return not details.from_stripe or status in (409, 429) or status >= 500 or status < 400


def _error_without_code(error: stripe.StripeError, reason: str) -> MirrorError:
    """A 404 without a code: of Stripe's, where it has v1's type. Of a path that Stripe has not, it proves nothing.

    https://github.com/stripe/stripe-php/issues/598
    """
    if _Details.of(error).type != "invalid_request_error":
        return TransientError(reason)
    is_unknown_path = _member(error, "message").startswith("Unrecognized request URL")
    if is_unknown_path:
        return FeatureUnavailable(f"{reason}: Stripe has no such path", code="", param="")
    return NotFound(reason)


@dataclass(frozen=True, slots=True)
class _Details:
    """What an error of Stripe names, without its text. Empty where it names nothing, or no plain word."""

    type: str = ""
    code: str = ""
    param: str = ""
    from_stripe: bool = True
    """Whether the body is an error in Stripe's shape at all."""

    @classmethod
    def of(cls, error: stripe.StripeError) -> "_Details":
        body = error.json_body
        inner = body.get("error") if isinstance(body, dict) else None
        if not isinstance(inner, dict):
            return cls(from_stripe=False)
        return cls(_word("type", inner), _word("code", inner), _word("param", inner))

    def __str__(self) -> str:
        named = [f" {self.code}"] if self.code else []
        named += [f" ({self.type})"] if self.type else []
        named += [f" about {self.param}"] if self.param else []
        return "".join(named)


def _word(name: str, error: Mapping[str, object]) -> str:
    value = error.get(name)
    return value if isinstance(value, str) and _WORDS[name].fullmatch(value) else ""


def _member(error: stripe.StripeError, name: str) -> str:
    """A text in the error's body."""
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""


def _permission(error: stripe.StripeError) -> str:
    """The permission that Stripe's text names; nothing else of that text is kept.

    https://docs.stripe.com/keys/restricted-api-keys
    """
    found = re.search(r"\brak_[a-z_]{1,80}\b", str(error.user_message or ""))
    return f"the permission {found[0]}" if found else "a permission, or the account lacks the feature"


def _request_id(error: stripe.StripeError) -> str:
    return f" (request {error.request_id})" if error.request_id else ""


def _header(error: stripe.StripeError, name: str) -> str:
    return {key.lower(): text for key, text in (error.headers or {}).items()}.get(name, "")


def _retry_after(error: stripe.StripeError) -> float | None:
    value = _header(error, "retry-after")
    return float(value) if value.isdecimal() and value.isascii() else None
