"""The stack's signing secrets, in Secrets Manager. They are never shown."""

from __future__ import annotations

from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.events.signature import secrets_in

from .session import Session


def stored(session: Session) -> tuple[str, ...]:
    """The signing secrets that the functions accept; none where the text is no secret, such as a new stack's."""
    answer = session.aws.secrets.get_secret_value(SecretId=session.stack.signing_secret_arn)
    try:
        return secrets_in(answer.get("SecretString", ""))
    except ConfigurationError:
        return ()


def store_beside(session: Session, secret: str, before: tuple[str, ...]) -> None:
    """Stores a secret before those that are there: what was signed with them is still on its way."""
    kept = [one for one in before if one != secret]
    session.aws.secrets.put_secret_value(
        SecretId=session.stack.signing_secret_arn, SecretString=" ".join([secret, *kept])
    )
