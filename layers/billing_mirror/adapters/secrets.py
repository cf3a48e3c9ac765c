"""The signing secrets and the Stripe key, from Secrets Manager."""

from collections.abc import Sequence
from threading import Lock

from aws_lambda_powertools.utilities.parameters.base import BaseProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.signature import secrets_in
from billing_mirror.ports import Clock

REREAD_AFTER = 300
"""Seconds for which a secret is cached."""
MIN_SECONDS_BETWEEN_FORCED_READS = 60.0
"""Limits forced reads: each forged request would otherwise become a request to Secrets Manager."""


class StoredText:
    """The text of one secret; the last known one while Secrets Manager fails."""

    def __init__(self, provider: BaseProvider, arn: str, clock: Clock) -> None:
        self._provider = provider
        self._arn = arn
        self._clock = clock
        self._last_forced = -MIN_SECONDS_BETWEEN_FORCED_READS
        self._last_text: str | None = None
        self._down_until = 0.0
        self._forcing = Lock()

    def current(self) -> str:
        return self._read(force=False)

    def refreshed(self) -> str:
        # One thread at a time: waiting threads get the new secret.
        with self._forcing:
            now = self._clock.now()
            if now - self._last_forced < MIN_SECONDS_BETWEEN_FORCED_READS:
                return self.current()
            self._last_forced = now
            return self._read(force=True)

    def _read(self, *, force: bool) -> str:
        if self._last_text is not None and self._clock.now() < self._down_until:
            return self._last_text
        try:
            text = self._provider.get(self._arn, max_age=REREAD_AFTER, force_fetch=force)
        except GetParameterError as error:
            if self._last_text is None:
                raise TransientError("Secrets Manager does not return the secret") from error
            self._down_until = self._clock.now() + MIN_SECONDS_BETWEEN_FORCED_READS
            return self._last_text
        self._last_text = text.strip() if isinstance(text, str) else ""
        return self._last_text


class StoredSigningSecrets:
    """Implements ``ports.SigningSecrets`` with a text of secrets.

    Reads block: ingest has nothing else to do meanwhile. Raises ``ConfigurationError`` at any time at which the text is
    none: Stripe sends its events again.
    """

    def __init__(self, text: StoredText) -> None:
        self._text = text
        secrets_in(text.current())

    async def current(self) -> Sequence[str]:
        return secrets_in(self._text.current())

    async def refreshed(self) -> Sequence[str]:
        return secrets_in(self._text.refreshed())
