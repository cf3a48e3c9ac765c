"""What `doctor` asks AWS: credentials, stack, secrets, and whether the functions are driven."""

from __future__ import annotations

from typing import Protocol

from botocore.exceptions import ClientError

from billing_mirror.adapters.stripe_api import is_live
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.signature import secrets_in

from .. import __version__
from ..stack.aws_failures import explain
from ..stack.session import Session
from .facts import read_facts
from .findings import Finding, Level
from .verdict import State, problems


class _Sts(Protocol):
    def get_caller_identity(self) -> dict[str, str]: ...


def credentials(session: Session) -> Finding:
    """Who asks. Credentials that are wrong end the command, because nothing else can be checked."""
    client: _Sts = session.aws.client("sts")
    return Finding("credentials", Level.OK, client.get_caller_identity()["Arn"])


def versions(session: Session) -> Finding:
    """Whether the stack and the command are of one version."""
    stack = session.stack
    deployed = stack.version or "not stated"
    if deployed == __version__:
        return Finding("stack", Level.OK, f"{stack.name} in {session.aws.region}, version {deployed}")
    return Finding(
        "stack",
        Level.FAIL,
        f"{stack.name} has version {deployed}, the command {__version__}",
        "Deploy this version, or install the command of that one",
    )


def stripe_key(session: Session) -> Finding:
    """Whether the secret holds a key, of the mode that filled the table. The key itself is never shown."""
    name, text = "Stripe key", _secret(session, session.stack.stripe_key_arn)
    if isinstance(text, Finding):
        return text
    try:
        mode = "live" if is_live(text) else "test"
    except ConfigurationError:
        return Finding(name, Level.FAIL, "the secret holds no Stripe key", "docs/deploy.md#2-store-the-stripe-key")
    kind = "restricted" if text.startswith("rk_") else "secret"
    if session.account and mode != session.scope.partition("/")[0]:
        return Finding(
            name, Level.FAIL, f"a {mode} key, and the table is {session.scope}", "Store a key of the right mode"
        )
    if kind == "secret":
        return Finding(name, Level.FAIL, f"a {mode} secret key: it may write", "Store a restricted, read-only key")
    return Finding(name, Level.OK, f"{kind}, {mode}" + (f", account {session.account}" if session.account else ""))


def signing_secret(session: Session) -> Finding:
    """Whether the secret holds what can be a signing secret. Only an event shows that it is the right one."""
    name, text = "signing secret", _secret(session, session.stack.signing_secret_arn)
    if isinstance(text, Finding):
        return text
    try:
        found = secrets_in(text)
    except ConfigurationError:
        return Finding(
            name,
            Level.FAIL,
            "the secret holds no signing secret",
            "docs/deploy.md#3-add-the-webhook-destination; not needed with EventBridge alone",
        )
    return Finding(name, Level.OK, "stored" if len(found) == 1 else f"{len(found)} stored")


def deliveries(session: Session) -> Finding:
    """Whether Lambda reads the queue."""
    name = "queue"
    answer = session.aws.functions.list_event_source_mappings(FunctionName=session.stack.process_function)
    states = [mapping.get("State", "?") for mapping in answer["EventSourceMappings"]]
    if states == ["Enabled"]:
        return Finding(name, Level.OK, "the process function reads it")
    found = ", ".join(states) or "missing"
    return Finding(name, Level.FAIL, f"its event source mapping is {found}", "Enable it in the process function")


def health(session: Session) -> list[Finding]:
    """What `status` finds wrong; a mirror that is still being filled is not."""
    found = [one for one in problems(read_facts(session)) if one.state is not State.FILLING]
    if not found:
        return [Finding("reconcile", Level.OK, "works, and nothing is overdue")]
    return [Finding("status", Level.FAIL, one.sentence, one.remedy) for one in found]


def _secret(session: Session, arn: str) -> str | Finding:
    """The text of a secret, or that it could not be read."""
    try:
        return session.aws.secrets.get_secret_value(SecretId=arn).get("SecretString", "").strip()
    except ClientError as error:
        failure = explain(error)
        return Finding("secret", Level.UNKNOWN, failure.sentence, failure.remedy)
