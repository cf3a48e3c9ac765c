"""What the flows need from outside. Adapters implement it; so do doubles that pass the same contract."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.items import Item
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import Claim, Head
from billing_mirror.core.object_ref import ObjectRef, Scope


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None: ...


class Queue(Protocol):
    """The queue between the functions, and the quarantine beside it.

    Every method raises :class:`~billing_mirror.core.errors.Retryable` when the service does not take it.
    """

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        """``group`` shares the queue fairly: a crowd in one group does not hold up another.

        ``delay`` is in seconds: for so long nobody receives it.
        """

    async def quarantine(self, body: str, *, reason: str) -> None: ...

    async def postpone(self, receipt: str, seconds: int) -> None:
        """Hides a received message for so long."""


class SigningSecrets(Protocol):
    async def current(self) -> Sequence[str]:
        """The secrets that are valid as far as is known."""

    async def refreshed(self) -> Sequence[str]:
        """The same, asked anew when the last time is long enough ago."""


class Verifier(Protocol):
    def __call__(self, text: str, header: str, secret: str) -> bool:
        """Whether the header signs the text with this secret."""


@dataclass(frozen=True, slots=True)
class StripeRequest:
    """A GET request. ``path`` may have a query.

    ``include`` names the members that Stripe shows on request only: ``expand`` in v1, ``include`` in v2.
    ``event_id`` is the event that caused the request; Stripe logs it.
    """

    path: str
    api: ApiChannel
    context: str | None
    include: tuple[str, ...] = ()
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class StripeResponse:
    """What Stripe answered to a GET: the body parsed and as it came, and under which version.

    ``next_at`` says when the next request may start (seconds since 1970): until then, whoever asks has time.
    """

    body: JsonObject
    text: str
    stripe_version: str
    request_id: str
    next_at: float = 0.0


class Stripe(Protocol):
    @property
    def livemode(self) -> bool:
        """Whether the key is a live one."""

    def version(self, api: ApiChannel) -> str:
        """The ``Stripe-Version`` that is sent."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        """Raises ``NotFound``, ``TransientError``, ``Unauthorized`` or ``PermanentError`` (see ``core.errors``)."""


class IndexEntry(NamedTuple):
    """An object as an index of the mirror shows it; the order of these is the order of the index.

    ``created`` is in ISO 8601, UTC.
    """

    created: str
    id: str


class Mirror(Protocol):
    """The table. Every method raises ``Retryable`` when DynamoDB is busy or down."""

    async def heads(self, refs: Iterable[ObjectRef]) -> Mapping[str, Head]:
        """What is known of the subjects, by subject key; those never seen are left out."""

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        """The subjects' counters, by subject key."""

    async def claim(self, ref: ObjectRef, now: float) -> int:
        """Takes the next number of the subject's counter: the token of the fetch that follows."""

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        """Replaces the object's item, unless it has this token or a later one. False when it has."""

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        """Makes the object's item a tombstone under the same condition; the last known body stays."""

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        """The ids of a parent's live children of one type."""

    def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        """All live objects of a type, oldest first; those with a status, or created since then (ISO 8601, UTC)."""

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        """The last known body, or None where the object was never seen."""


class StateStore(Protocol):
    """What reconcile keeps for itself, in the table beside the mirror: books of entries, and a lease.

    Entries of a book are in the order of their places, which are texts. Every method raises ``Retryable`` when
    DynamoDB is busy or down.
    """

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        """Takes the lease of a scope until then, or prolongs it; False while somebody else holds it.

        Times are in seconds since 1970; one that has run out by ``now`` is free.
        """

    async def release(self, scope: Scope, owner: str) -> None:
        """Gives the lease back, where it is still the owner's."""

    async def write(
        self,
        scope: Scope,
        partition: str,
        sort_key: str,
        entry: Item,
        *,
        if_absent: bool = False,
        expected: Item | None = None,
    ) -> bool:
        """Stores an entry under its sort key and replaces what is there; False where the condition does not hold.

        ``if_absent`` writes only where nothing is stored, ``expected`` only over an entry that has these columns; give
        at most one of them. A write that is sent again because its answer was lost is refused, too: what is stored
        then equals the entry.
        """

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        """The last entry of a book of those whose places begin so."""

    def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        """The entries of a book whose places begin so, in order."""

    def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        """The entries of a book whose places come after this one, in order; after ``""`` all of them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What process and reconcile need to refresh an object."""

    clock: Clock
    mirror: Mirror
    stripe: Stripe
    queue: Queue
