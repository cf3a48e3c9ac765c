"""The console as a web application: which address shows what, to whom, and with which headers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import TypeAlias

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, redirect, render_template, request, url_for
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from billing_mirror.core import times
from billing_mirror.core.errors import MirrorError
from billing_mirror.views import money

from .. import mirror
from ..failures import Failure
from ..stack.aws_failures import explain
from ..stack.session import Session
from ..words import age, count, moment, since
from . import charts, links, price_steps
from .guard import HEADERS, KEY, TOKEN, Forbidden, Guard
from .history import History
from .pages import NotMirrored, Pages
from .verdict_badge import Judged, VerdictBadge

MOST_BYTES = 16 * 1024
"""The largest form: an id and a token."""
_ASSETS = {"style": "text/css", "icon": "image/svg+xml"}
"""What needs no key: it shows nothing of the stack."""
Page: TypeAlias = str | Answer | tuple[str, int]
_ExceptionInfo: TypeAlias = tuple[type, BaseException, TracebackType | None] | tuple[None, None, None]


def _mood(status: str) -> str:
    """How a status is coloured: what needs a person, what is well, and what is over or has not started."""
    words = {word.strip() for word in status.split(",")}
    return "bad" if words & _LATE else "good" if words <= _WELL else ""


_LATE = frozenset({"past_due", "unpaid", "incomplete", "uncollectible", "awaiting_action", "paused"})
_WELL = frozenset({"active", "current", "trialing", "paid"})
_FILTERS: dict[str, Callable[..., object]] = {
    "age": age,
    "at": lambda seconds: moment(times.iso(seconds)),
    "iso": times.iso,
    "moment": moment,
    "mood": _mood,
    "number": "{:,}".format,
    "other_customer": mirror.other_customer,
    "pieces": links.in_text,
    "quantity": money.quantity,
    "size": lambda amount: money.words(abs(amount.amount), amount.currency),
    "status": mirror.status_of,
    "utc": "{:%Y-%m-%d %H:%M} UTC".format,
}
_GLOBALS: dict[str, object] = {
    "charts": charts,
    "price_steps": price_steps,
    "count": count,
}


class _Application(Flask):
    """Flask, whose log has no traces: their texts may quote a body."""

    def log_exception(self, exc_info: _ExceptionInfo) -> None:
        kind = exc_info[0].__name__ if exc_info[0] else "error"
        self.logger.error("%s on the page %s", kind, request.endpoint)


def create_app(session: Session, guard: Guard, *, history: History) -> Flask:
    """The application of one stack."""
    app = _Application(__name__, static_folder=None)
    app.logger.setLevel(logging.ERROR)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= _FILTERS | {"with_options": session.output.with_options}
    app.jinja_env.globals |= _GLOBALS
    badge = VerdictBadge(session)
    pages = Pages(session, badge, history=history)
    _protect(app, guard)
    _explain_failures(app)
    _describe(app, session, guard, badge)
    _route(app, pages)
    return app


def _route(app: Flask, pages: Pages) -> None:
    views: dict[str, tuple[str, Callable[[], Page]]] = {
        "/": ("home", pages.home),
        "/search": ("search", pages.search),
        "/customer": ("billing", pages.customer),
        "/object": ("object", pages.object),
        "/list": ("listing", pages.listing),
        "/health": ("health", pages.health),
        "/drift": ("drift", pages.drift),
        "/quarantine": ("quarantine", pages.quarantine),
    }
    for path, (name, view) in views.items():
        app.add_url_rule(path, name, view, methods=["GET"])
    app.add_url_rule("/quarantine/retry", "retry", pages.retry, methods=["POST"])
    app.add_url_rule("/refresh", "refresh", pages.refresh, methods=["POST"])
    app.add_url_rule("/style.css", "style", lambda: _asset("style.css"), methods=["GET"])
    app.add_url_rule("/icon.svg", "icon", lambda: _asset("icon.svg"), methods=["GET"])


def _asset(name: str) -> Answer:
    return Response(render_template(name), mimetype=_ASSETS[request.endpoint or ""])


def _protect(app: Flask, guard: Guard) -> None:
    @app.before_request
    def check() -> Page | None:
        guard.check_host(request.host)
        if request.endpoint in _ASSETS:
            return None
        if KEY in request.args:
            guard.check_key(request.args[KEY])
            # The key leaves the address bar, the history and what the page links to.
            opened = redirect(url_for("home"), HTTPStatus.SEE_OTHER)
            opened.set_cookie(guard.cookie, guard.key, httponly=True, samesite="Strict")
            return opened
        guard.check_key(request.cookies.get(guard.cookie, ""))
        if request.method == "POST":
            guard.check_form(request.headers.get("Origin", ""), request.form.get(TOKEN, ""))
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response


def _explain_failures(app: Flask) -> None:
    def shown(failure: Failure, status: HTTPStatus, wanted: str = "", *, bare: bool = False) -> Page:
        page = render_template("failure.html", failure=failure, status=status, wanted=wanted, bare=bare)
        return page, status.value

    @app.errorhandler(Forbidden)
    def refused(error: Forbidden) -> Page:
        return shown(error.failure, error.status, bare=True)

    @app.errorhandler(NotMirrored)
    def not_mirrored(error: NotMirrored) -> Page:
        return shown(error.failure, HTTPStatus.NOT_FOUND, error.id)

    @app.errorhandler(Failure)
    def failed(error: Failure) -> Page:
        return shown(error, HTTPStatus.BAD_REQUEST)

    @app.errorhandler(ClientError)
    @app.errorhandler(BotoCoreError)
    @app.errorhandler(MirrorError)
    def aws_failed(error: ClientError | BotoCoreError | MirrorError) -> Page:
        return shown(explain(error), HTTPStatus.BAD_GATEWAY)

    @app.errorhandler(HTTPException)
    def no_page(error: HTTPException) -> Page:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        return shown(Failure(status.description or status.phrase), status)


def _describe(app: Flask, session: Session, guard: Guard, badge: VerdictBadge) -> None:
    """What every page shows of the stack."""

    def judged() -> Judged | None:
        try:
            return badge.read()
        except (ClientError, BotoCoreError, MirrorError, Failure):
            return None  # the page itself may need less

    @app.context_processor
    def stack() -> dict[str, object]:
        now = session.now()
        return {
            "session": session,
            "token": guard.token,
            "judged": judged,
            "now": now,
            "since": lambda written: since(written, now),
        }
