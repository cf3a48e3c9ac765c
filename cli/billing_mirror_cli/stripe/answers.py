"""What Stripe answers now, asked as process asks: the same URL, version, fields on request and lists."""

from __future__ import annotations

import asyncio
import os
import sys

from botocore.exceptions import ClientError

from billing_mirror.adapters.clock import SystemClock
from billing_mirror.adapters.metric_counts import MetricCounts
from billing_mirror.adapters.stripe_api import StripeApi, is_live
from billing_mirror.core.catalog import PREVIEW_VERSION
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import Observation
from billing_mirror.refresh.fetch import fetch

from ..failures import Failure, usage
from ..prompts import ask_secret
from ..stack.session import Session

KEY_VARIABLE = "STRIPE_API_KEY"
_API_BASE = "https://api.stripe.com"


class _Key:
    """Implements ``stripe_api.StripeKey`` with a key that stays the same."""

    def __init__(self, key: str) -> None:
        self._key = key

    def current(self) -> str:
        return self._key

    def refreshed(self) -> str:
        return self._key


def connect(session: Session) -> StripeApi:
    """Stripe, with the stack's key or the operator's. Raises :class:`Failure` for a key of the other mode."""
    key = stripe_key(session)
    if session.known_mode is not None and is_live(key) is not session.mode.livemode:
        raise usage(
            f"The Stripe key is a {'live' if is_live(key) else 'test'} key, and the scope is {session.scope}",
            "Give --scope, or a key of the other mode",
        )
    return StripeApi(
        _Key(key),
        api_base=api_base(session),
        preview_version=preview_version(session),
        metric_counts=MetricCounts(),
    )


def api_base(session: Session) -> str:
    """The base URL of the Stripe that the stack uses."""
    return session.stack.parameters.get("StripeApiBase") or _API_BASE


def preview_version(session: Session) -> str:
    """The API version that the stack sends with requests for types in a preview."""
    return session.stack.parameters.get("StripePreviewVersion") or PREVIEW_VERSION


def observe(ref: ObjectRef, stripe: StripeApi) -> Observation:
    """What Stripe shows of an object; an observation without a body where it has none."""
    return asyncio.run(fetch(ref, stripe, SystemClock()))


def stripe_key(session: Session) -> str:
    """The key in the stack's secret, else in the environment, else from a prompt. It is never shown."""
    for key in (_stored(session), os.environ.get(KEY_VARIABLE, "")):
        if _is_key(key):
            return key
    if sys.stdin.isatty():
        typed = ask_secret("Stripe key", instead=f"Set {KEY_VARIABLE}")
        if _is_key(typed):
            return typed
        raise usage("That is no Stripe key (rk_live_..., rk_test_...)")
    raise Failure(
        "There is no Stripe key: the stack's secret holds none that you may read",
        f"Set {KEY_VARIABLE}, or allow secretsmanager:GetSecretValue on the secret",
    )


def _stored(session: Session) -> str:
    """The key in the stack's secret; empty where the role may not read it."""
    try:
        answer = session.aws.secrets.get_secret_value(SecretId=session.stack.stripe_key_arn)
    except ClientError as error:
        session.output.note(f"The stack's Stripe key: {error.response.get('Error', {}).get('Code', 'not readable')}")
        return ""
    return answer.get("SecretString", "").strip()


def _is_key(text: str) -> bool:
    try:
        is_live(text)
    except ConfigurationError:
        return False
    return True
