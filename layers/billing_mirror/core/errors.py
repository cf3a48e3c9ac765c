"""What can go wrong, split by what happens next.

    MirrorError
    ├── BadRequest              the sender is wrong: ingest answers 4xx and keeps nothing
    │   └── InvalidSignature        the signature is missing, stale, or made with another secret
    ├── TransientError          retry: the message goes back to the queue, the run resumes at the next tick
    │   ├── ListMoved               a list must be read again from its start
    │   ├── KeyReplaced             the Stripe key was replaced since it was checked
    │   └── WrongAccount            the Stripe key is of another account than the mirror: everything waits
    ├── PermanentError          never retry: the message goes to quarantine with this reason
    │   ├── RequestRefused          Stripe answered 4xx: it refuses the request as it is
    │   │   ├── FieldsRefused           because of fields that it shows on request only
    │   │   └── FeatureUnavailable      in the way that it documents for a feature that the account lacks
    │   ├── ListRefused             Stripe refuses a list
    │   │   └── ListUnavailable         because the account has no such list
    │   ├── UnreadableBody          the table holds a body that cannot be read: a deep verify fetches the object
    │   ├── UnstorableObject        the table cannot hold the object as it is: it is noted
    │   ├── TooManyDeletions        the run would remove too many objects: it fails, until a person confirms it
    │   └── Unauthorized            Stripe does not accept our key: quarantine, and an alarm
    │       └── PermissionDenied        Stripe accepts the key, but the key lacks a permission
    │           └── AccessRevoked           for anything of a connected account
    ├── NotFound                Stripe has no such object: it gets a tombstone, unless Stripe may not show it yet
    ├── RunConflict             another tick works on the same run: this one stops
    ├── InvalidRequest          a request to run jobs is wrong: it is answered with this sentence, and nothing starts
    └── ConfigurationError      the deployment is wrong: the function does not start

A write that lost against a newer one is not here: *superseded* is an outcome, not an error.
"""


class MirrorError(Exception):
    """An error that this package raises on purpose. Its text is one sentence for a person."""


class BadRequest(MirrorError):
    """A request that ingest does not accept.

    ``status`` is the HTTP status of the answer; the text is its reason.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class InvalidSignature(BadRequest):
    """A request that Stripe did not sign, or not recently. Many of them mean that the signing secret is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)


class TransientError(MirrorError):
    """A step that may succeed later: Stripe or AWS is busy, down, or does not show an object yet.

    ``retry_after`` is the least number of seconds to wait, where Stripe or a rule names one.
    ``throttled`` says that Stripe answered 429, ``limited_by`` which limit it names: the value of its header
    ``Stripe-Rate-Limited-Reason``.
    """

    def __init__(
        self, reason: str, *, retry_after: float | None = None, throttled: bool = False, limited_by: str = ""
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.throttled = throttled
        self.limited_by = limited_by


class KeyReplaced(TransientError):
    """The Stripe key is another one than the request names."""


class WrongAccount(TransientError):
    """The Stripe key is of another account than the mirrored objects. Only a person can end that."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retry_after=60.0)


class PermanentError(MirrorError):
    """A message that can never be processed as it is."""


class UnstorableObject(PermanentError):
    """The table cannot hold an object as it is. ``was_noted`` says that a note already says so of this very state.

    ``may_pass`` says that the table has refused the object, by rules that are not ours; else our own limits exclude it.
    """

    def __init__(self, reason: str, *, was_noted: bool = False, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.was_noted = was_noted
        self.may_pass = may_pass


class RequestRefused(PermanentError):
    """Stripe answered 4xx: it refuses the request as it is.

    ``code`` and ``param`` are the error's own, empty where it has none.
    """

    def __init__(self, reason: str, *, code: str = "", param: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.param = param


class FieldsRefused(RequestRefused):
    """Stripe refuses to show fields that the request names. ``fields`` are those, as the request names them."""

    def __init__(self, reason: str, fields: frozenset[str], *, code: str = "", param: str = "") -> None:
        super().__init__(reason, code=code, param=param)
        self.fields = fields


class FeatureUnavailable(RequestRefused):
    """Stripe says, in a way that it documents, that the account lacks the feature or that there is no such URL."""


class ListRefused(PermanentError):
    """Stripe refuses the first page of a list. ``lacks_filter`` says that it wants a filter that was not sent."""

    def __init__(self, reason: str, *, lacks_filter: bool = False) -> None:
        super().__init__(reason)
        self.lacks_filter = lacks_filter


class ListUnavailable(ListRefused):
    """The account has no such list."""


class UnreadableBody(PermanentError):
    """The table holds a body that cannot be read: its text is none, or items that hold it were removed by hand."""


class TooManyDeletions(PermanentError):
    """A run has found so many objects removed that a person has to confirm it."""


class Unauthorized(PermanentError):
    """Stripe answered 401 or 403: the key is wrong, revoked, or may not read this."""


class PermissionDenied(Unauthorized):
    """Stripe answered 403: the key is valid, but may not read this."""


class AccessRevoked(PermissionDenied):
    """Stripe answered that the key has no access to the account of the request: it was disconnected, or never was
    connected."""


class NotFound(MirrorError):
    """Stripe's own 404: the object does not exist, or no longer."""


class RunConflict(MirrorError):
    """Another tick has saved a later state of the same run."""


class ConfigurationError(MirrorError):
    """A setting is missing or malformed. The text names it."""


class InvalidRequest(MirrorError):
    """A request to run jobs is malformed. The text is the answer."""
