"""What can go wrong, split by what happens next.

    MirrorError
    ├── Rejected    the sender is wrong: ingest answers 4xx and keeps nothing
    │   └── Unsigned       the signature is missing, stale or of somebody else
    ├── Retryable   later: the message goes back to the queue and is tried again
    ├── Refused     never: the message goes to quarantine with this reason
    │   └── Unauthorized   Stripe does not accept our key: quarantine, and an alarm
    │       └── NotPermitted   ... or the key lacks a permission
    ├── Gone        Stripe says that there is no such object
    ├── Overtaken   somebody else goes on with the run
    ├── InvalidRequest  a request to run jobs is wrong: it is answered with this sentence, and nothing starts
    └── BadSetting  the deployment is wrong: the function does not start

A write that lost against a newer one is not here: *superseded* is an outcome, not an error.
"""


class MirrorError(Exception):
    """Anything that this package raises on purpose. Its text is one sentence for a person."""


class BadRequest(MirrorError):
    """A request that ingest does not accept.

    ``status`` is the HTTP status of the answer; the text is its reason.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class InvalidSignature(BadRequest):
    """A request that Stripe did not sign, or not lately. Many of them mean a wrong secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)


class TransientError(MirrorError):
    """A step that may work later: Stripe or AWS is busy, down, or not there yet.

    ``retry_after`` is the least number of seconds to wait, when somebody told us one.
    ``throttled`` says that Stripe answered 429.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, throttled: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.throttled = throttled


class PermanentError(MirrorError):
    """A message that can never be processed as it is."""


class ListUnavailable(PermanentError):
    """Stripe does not show a list to this account at all."""


class Unauthorized(PermanentError):
    """Stripe answered 401 or 403: the key is wrong, revoked, or may not read this."""


class PermissionDenied(Unauthorized):
    """Stripe answered 403: the key is a good one, but may not read this."""


class NotFound(MirrorError):
    """Stripe answered 404 in its own words: the object does not exist (any more)."""


class RunConflict(MirrorError):
    """Another tick has kept a later place of the same run: whoever notices stops."""


class ConfigurationError(MirrorError):
    """A setting is missing or malformed. The text names it."""


class InvalidRequest(MirrorError):
    """A request to run jobs is malformed. The text is the answer."""
