"""Who may see a page, and who may ask for a change: the browser that was given the console's address, no other.

Every program and every user of a machine reaches its loopback, and so does every web site through a browser. So the
address that the command prints has a key; a page names no other host than its own; and a form has a token that only
the pages know. docs/decisions/0096-the-console-is-for-one-browser.md
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus

from ..failures import Failure

HOSTS = ("127.0.0.1", "localhost")
"""The names by which a browser reaches loopback. Any other is a web site's that points here (DNS rebinding)."""
KEY, TOKEN = "key", "token"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Without any referrer, a browser would name no origin with a form either.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The headers of every answer: no script, nothing from elsewhere, nothing kept."""


class Forbidden(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: HTTPStatus, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.failure = Failure(sentence, remedy)


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Guard:
    """What one process requires of requests. Its key and its token end with it."""

    port: int
    key: str = field(default_factory=_secret, repr=False)
    token: str = field(default_factory=_secret, repr=False)

    @property
    def address(self) -> str:
        """The address to open, with the key."""
        return f"http://{HOSTS[0]}:{self.port}/?{KEY}={self.key}"

    @property
    def cookie(self) -> str:
        """The name of the cookie that has the key: browsers share cookies between the ports of a host."""
        return f"billing_mirror_{self.port}"

    def check_host(self, host: str) -> None:
        """Raises :class:`Forbidden` for a request that was sent to another name than loopback's own."""
        if host not in self._hosts:
            raise Forbidden(
                HTTPStatus.MISDIRECTED_REQUEST,
                "The console answers under its own address only",
                f"Open http://{HOSTS[0]}:{self.port}",
            )

    def check_key(self, shown: str) -> None:
        """Raises :class:`Forbidden` for a browser that does not know the key."""
        if not hmac.compare_digest(shown.encode(), self.key.encode()):
            raise Forbidden(
                HTTPStatus.FORBIDDEN,
                "This browser does not have the console's key",
                "Open the whole address that billing-mirror console has printed",
            )

    def check_form(self, origin: str, token: str) -> None:
        """Raises :class:`Forbidden` for a form that did not come from a page of this process."""
        same_origin = origin in {f"http://{host}" for host in self._hosts}
        if not same_origin or not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Forbidden(
                HTTPStatus.FORBIDDEN,
                "The form did not come from a page of this console",
                "Open the page again: a console that was started anew knows no forms of the one before",
            )

    @property
    def _hosts(self) -> frozenset[str]:
        return frozenset(f"{host}:{self.port}" for host in HOSTS)
