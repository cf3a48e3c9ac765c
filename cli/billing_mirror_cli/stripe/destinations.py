"""Stripe's calls about event destinations: all that the command ever changes at Stripe.

https://docs.stripe.com/api/v2/core/event_destinations
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Final

import requests

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.stripe_api.paging import entries

from ..failures import Failure

PATH: Final = "/v2/core/event_destinations"
URL, SECRET = "webhook_endpoint.url", "webhook_endpoint.signing_secret"
"""What Stripe shows only where a request includes it; the secret to the call that creates the destination only."""
NO_SUCH_PERMISSION = "Give a key that may write event destinations: https://docs.stripe.com/keys/restricted-api-keys"
_TIMEOUTS = (5.0, 30.0)


class RefusedParameters(Failure):
    """Stripe refuses the parameters of a request."""


class _Bearer(requests.auth.AuthBase):
    """The key as a header. Without it, requests would read a password from a file of the user's."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class StripeDestinations:
    """The event destinations that a key sees. Each method raises :class:`Failure`.

    The SDK is not used: at ``STRIPE_LOG=debug`` it writes bodies, and one of these holds the signing secret.
    """

    def __init__(self, key: str, *, api_base: str, version: str) -> None:
        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        self._api_base = api_base
        self._version = version

    def every(self) -> list[JsonObject]:
        """All destinations, with their URLs."""
        found: list[JsonObject] = []
        path: str | None = f"{PATH}?include[0]={URL}&limit=100"
        while path:
            page = self._send("GET", path)
            found += entries(page)
            following = page.get("next_page_url")
            path = following if isinstance(following, str) and following.startswith("/") else None
        return found

    def create(self, given: JsonObject) -> JsonObject:
        """A new destination; the only answer with its signing secret."""
        return self._send("POST", PATH, given)

    def change(self, identifier: str, given: JsonObject) -> None:
        self._send("POST", f"{PATH}/{identifier}", given)

    def enable(self, identifier: str) -> None:
        self._send("POST", f"{PATH}/{identifier}/enable", {})

    def delete(self, identifier: str) -> None:
        self._send("DELETE", f"{PATH}/{identifier}")

    def ping(self, identifier: str) -> str:
        """Has Stripe send a ping; its event id."""
        return text_at(self._send("POST", f"{PATH}/{identifier}/ping", {}), "id") or ""

    def account(self) -> str | None:
        """The id of the key's account; None where the key may not read it."""
        response = self._request("GET", "/v1/account", None)
        return text_at(_parsed(response), "id") if response.status_code == HTTPStatus.OK else None

    def _send(self, method: str, path: str, given: JsonObject | None = None) -> JsonObject:
        response = self._request(method, path, given)
        if response.status_code == HTTPStatus.OK:
            return _parsed(response)
        raise _failure(response, method, path.partition("?")[0])

    def _request(self, method: str, path: str, given: JsonObject | None) -> requests.Response:
        headers = {"Stripe-Version": self._version}
        if given is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        body = None if given is None else json_body.write(given).encode()
        try:
            return self._session.request(
                method, self._api_base + path, data=body, headers=headers, timeout=_TIMEOUTS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Failure(f"Stripe cannot be reached ({type(error).__name__})", "Is the network up?") from error


def _parsed(response: requests.Response) -> JsonObject:
    try:
        return json_body.parse(response.content.decode("utf-8"))
    except (UnicodeDecodeError, json_body.Malformed) as error:
        raise Failure("The answer is not one of Stripe's", "Repeat the command: it continues where it ended") from error


def _failure(response: requests.Response, method: str, path: str) -> Failure:
    """Stripe's error as a sentence. Its own text stays out of those that may quote the key."""
    status, where = response.status_code, f"at {method} {path}"
    if status == HTTPStatus.UNAUTHORIZED:
        return Failure("Stripe does not know this key", "Is it revoked, or of another sandbox?")
    if status == HTTPStatus.FORBIDDEN:
        return Failure(f"The key lacks the permission {where}", NO_SUCH_PERMISSION)
    if status == HTTPStatus.BAD_REQUEST:
        said = text_at(_parsed(response), "error.message") or "400"
        return RefusedParameters(f"Stripe refuses the request {where}: {said}".rstrip("."))
    return Failure(f"Stripe answered {status} {where}", "Repeat the command: it continues where it ended")
