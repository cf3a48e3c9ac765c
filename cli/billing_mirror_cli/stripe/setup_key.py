"""The key for one call of `setup`: from the environment, a prompt or standard input; never stored, never shown."""

from __future__ import annotations

import os

from botocore.exceptions import ClientError

from billing_mirror.adapters.stripe_api import is_live
from billing_mirror.core.errors import ConfigurationError

from ..failures import usage
from ..prompts import read_secret
from ..stack.session import Session
from .destinations import NO_SUCH_PERMISSION

VARIABLE = "STRIPE_SETUP_KEY"


def setup_key(session: Session) -> str:
    """The key. Raises :class:`Failure` for none, and for one of another mode than the stack's."""
    instead = f"Pipe the key in, or set {VARIABLE}"
    key = offered_key() or read_secret("Stripe key that may write event destinations", instead=instead)
    if not key:
        raise usage("There is no Stripe key", f"Type it at the prompt, pipe it in, or set {VARIABLE}")
    mode = _mode(key)
    if mode is None:
        raise usage("That is no Stripe key (rk_live_..., rk_test_...)", NO_SUCH_PERMISSION)
    stack_mode = session.known_mode or stored_key_mode(session)
    if stack_mode is not None and mode != stack_mode:
        raise usage(
            f"The key is a {mode} key, and the stack {session.stack.name} mirrors {stack_mode} mode",
            f"Give a {stack_mode} key, or name another stack: a stack serves one mode",
        )
    return key


def offered_key() -> str:
    """The key in the environment; empty where there is none."""
    return os.environ.get(VARIABLE, "").strip()


def stored_key_mode(session: Session) -> str | None:
    """The mode of the key that the functions use; None where there is none yet, or the role may not read it."""
    try:
        answer = session.aws.secrets.get_secret_value(SecretId=session.stack.stripe_key_arn)
    except ClientError:
        return None
    return _mode(answer.get("SecretString", "").strip())


def _mode(key: str) -> str | None:
    try:
        return "live" if is_live(key) else "test"
    except ConfigurationError:
        return None
