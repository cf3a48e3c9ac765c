"""The generated requests kill mutants of ingest: each mutant is a small change of its behaviour."""

import base64
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import stripe

from billing_mirror.core.errors import InvalidSignature
from billing_mirror.core.events import messages, signature
from billing_mirror.core.events.signature import is_signed
from billing_mirror.ingest import accept
from billing_mirror.ports import Verifier

from .check import require_expected
from .harness import IngestHarness
from .mutations import generated

MAX_REQUESTS = 3000
"""Generated requests of which one has to kill the mutant."""

Patch = Callable[[pytest.MonkeyPatch, IngestHarness], None]


def _judged_by(check: Verifier) -> Patch:
    def patch(_: pytest.MonkeyPatch, harness: IngestHarness) -> None:
        handler: Any = harness.handler
        handler.dependencies = accept.IngestDependencies(harness.clock, harness.queue, harness.secrets, check)

    return patch


def _by_header(check: Callable[[str | None, float], str]) -> Patch:
    return lambda monkeypatch, _: monkeypatch.setattr(signature, "require_fresh", check)


def _without_a_time_limit(header: str | None, _: float) -> str:
    return _first_time(header, lambda _: True)


def _only_the_past(header: str | None, now: float) -> str:
    return _first_time(header, lambda at: now - at <= 300)


def _up_to_299(header: str | None, now: float) -> str:
    return _first_time(header, lambda at: abs(now - at) < 300)


def _first_time(header: str | None, is_fresh: Callable[[int], bool]) -> str:
    found = re.search("t=([0-9]{1,12})", header or "")
    if not header or not found or not header.isascii() or not is_fresh(int(found[1])):
        raise InvalidSignature("no")
    return header


def _whatever_it_says(text: str, header: str, secret: str) -> bool:
    return "v1=" in header and bool(text or secret)


def _without_regard_to_case(text: str, header: str, secret: str) -> bool:
    return is_signed(text, header.lower(), secret)


def _without_white_space(text: str, header: str, secret: str) -> bool:
    return is_signed(text, header, secret) or is_signed(text.strip(), header, secret)


def _by_the_start(text: str, header: str, secret: str) -> bool:
    good = stripe.WebhookSignature.generate_signature_header(text, secret, int(header.partition(",")[0][2:] or 0))
    return is_signed(text, header, secret) or (header[:40] == good[:40] and len(header) > 40)


def _test_scheme_too(text: str, header: str, secret: str) -> bool:
    return is_signed(text, header, secret) or is_signed(text, header.replace("v0=", "v1="), secret)


def _fails(text: str, header: str, secret: str) -> bool:
    return bool(stripe.WebhookSignature.verify_header(text, header, secret))


def _one_secret_only(text: str, header: str, secret: str) -> bool:
    return "previous" not in secret and is_signed(text, header, secret)


def _without_a_limit(monkeypatch: pytest.MonkeyPatch, _: IngestHarness) -> None:
    monkeypatch.setattr(accept, "MAX_BODY", 10**9)


def _forgiving_base64(_: pytest.MonkeyPatch, harness: IngestHarness) -> None:
    handler: Any = harness.handler
    handler.base64 = SimpleNamespace(b64decode=lambda text, **_: base64.b64decode(text))


def _reads_anything(monkeypatch: pytest.MonkeyPatch, _: IngestHarness) -> None:
    monkeypatch.setattr(accept, "parse_scope", lambda **_: "test")


def _lax(monkeypatch: pytest.MonkeyPatch, _: IngestHarness) -> None:
    def read(text: str) -> messages.Notification:
        value = json.loads(text)
        if value.get("object") == "event":
            return messages.read_notification(text)
        return messages.Notification.model_validate(value, strict=False)

    monkeypatch.setattr(accept, "read_notification", read)


MUTANTS: dict[str, Patch] = {
    "no time limit": _by_header(_without_a_time_limit),
    "times in the future": _by_header(_only_the_past),
    "the last second": _by_header(_up_to_299),
    "any signature will do": _judged_by(_whatever_it_says),
    "capitals will do": _judged_by(_without_regard_to_case),
    "white space is not signed": _judged_by(_without_white_space),
    "the first digits will do": _judged_by(_by_the_start),
    "the test scheme will do": _judged_by(_test_scheme_too),
    "the library's error is not caught": _judged_by(_fails),
    "the secret before is not tried": _judged_by(_one_secret_only),
    "no limit for a body": _without_a_limit,
    "base64 with anything in it": _forgiving_base64,
    "any context": _reads_anything,
    "lax reading": _lax,
}


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_killed(harness: IngestHarness, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    MUTANTS[name](monkeypatch, harness)
    assert any(_is_killed(harness, number) for number in range(MAX_REQUESTS))


def _is_killed(harness: IngestHarness, number: int) -> bool:
    try:
        require_expected(harness, generated(number))
    except Exception:  # noqa: BLE001 - an uncaught error kills the mutant as well
        return True
    return False
