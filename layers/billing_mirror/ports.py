"""What the flows need from outside. Adapters implement these ports, and so do doubles that pass the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.table.mirror_state import NO_EVENTS, Claim, Head, LastEvents

if TYPE_CHECKING:  # ingest needs none of them, and each cold start would import all
    from billing_mirror.core.changes.history import Entry
    from billing_mirror.core.runs.forgetting import FoundPage, RemovalNote
    from billing_mirror.core.table.items import Item
    from billing_mirror.core.table.stored import StoredObject
    from billing_mirror.core.table.unstorable import UnstorableNote


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """A message in quarantine. ``body`` is the text as the quarantine holds it."""

    body: str
    reason: str
    receipt: str


class Queue(Protocol):
    """The queue between the functions, and the quarantine beside it.

    Every method raises :class:`~billing_mirror.core.errors.TransientError` when the service fails.
    """

    async def send(self, body: str, *, group: str, delay: int = 0) -> None:
        """Each ``group`` gets a fair share of the queue: many messages in one group do not hold up another.

        ``delay`` is in seconds; before that, the message is not received.
        """

    async def quarantine(self, body: str, *, reason: str) -> None: ...

    async def postpone(self, receipt: str, seconds: int) -> None:
        """Hides a received message for some seconds."""

    def quarantined_messages(self) -> AsyncIterator[QuarantinedMessage]:
        """The messages in quarantine, each once. Other receivers do not see them for some minutes."""

    async def drop(self, receipt: str) -> None:
        """Deletes a message from quarantine."""


class SigningSecrets(Protocol):
    async def current(self) -> Sequence[str]:
        """The valid secrets, from a cache."""

    async def refreshed(self) -> Sequence[str]:
        """The valid secrets, read again unless that has just been done."""


class Verifier(Protocol):
    def __call__(self, text: str, header: str, secret: str) -> bool:
        """Whether the header signs the text with this secret."""


@dataclass(frozen=True, slots=True)
class StripeRequest:
    """A GET request. ``path`` may have a query.

    ``include`` names the members that Stripe shows on request only: ``expand`` in v1, ``include`` in v2.
    ``event_id`` is the event that caused the request; Stripe logs it. ``key_digest`` is of the only key that may be
    used. ``may_be_refused`` says that the key need not have the permission. ``work`` numbers the work that it is
    part of: where requests have to wait, those of lower numbers go first.
    """

    path: str
    api: ApiChannel
    context: str | None
    include: tuple[str, ...] = ()
    event_id: str | None = None
    key_digest: str | None = None
    may_be_refused: bool = False
    kind: str = ""
    """The type of what is requested, or the type and the path of a list in it."""
    of_one: bool = False
    """Whether a single object is requested, or a list in it, and not a list of the type."""
    work: int = 0


@dataclass(frozen=True, slots=True)
class StripeResponse:
    """Stripe's response to a GET: the body parsed and as exact text, and the version that it has.

    ``next_at`` is when the next request may start (seconds since 1970): until then, the caller has time.
    ``missing_fields`` are fields that the request names and Stripe refuses to show.
    """

    body: JsonObject
    text: str
    stripe_version: str
    request_id: str
    next_at: float = 0.0
    missing_fields: tuple[str, ...] = ()


class Stripe(Protocol):
    @property
    def livemode(self) -> bool:
        """Whether the key is a live one."""

    def version(self, api: ApiChannel) -> str:
        """The ``Stripe-Version`` header of a request."""

    async def get(self, request: StripeRequest) -> StripeResponse:
        """Raises ``NotFound``, ``TransientError``, ``Unauthorized`` or ``PermanentError`` (see ``core.errors``)."""


class KeyedStripe(Stripe, Protocol):
    """Stripe, with a key that may be replaced at any time.

    ``get`` raises ``KeyReplaced`` where the request names the digest of another key.
    """

    @property
    def has_own_account(self) -> bool:
        """Whether requests without a context are answered: not to a key of an organization."""

    async def key_digest(self) -> str:
        """The SHA-256 of the key that the next request uses."""


class IndexEntry(NamedTuple):
    """An object in an index of the mirror. Entries compare in the order of the index.

    ``created`` is in ISO 8601, UTC.
    """

    created: str
    id: str


class UnstorableNotes(Protocol):
    """The notes of objects that the table cannot hold; an object has one at most.

    Every method raises ``TransientError`` when DynamoDB is busy or down.
    """

    async def note_unstorable(self, scope: Scope, note: UnstorableNote) -> bool:
        """Stores a note, unless the stored one is of a later fetch. The time of the object's first note stays.

        True where a note with this digest, or one of a later fetch, was already there.
        """

    def unstorable(self, scope: Scope, type_name: str = "") -> AsyncIterator[UnstorableNote]:
        """The notes of a type, or of all types, in the order of their sort keys."""

    async def remove_note(self, scope: Scope, note: UnstorableNote) -> None:
        """Removes a note, unless it was replaced since it was read."""


class Erasure(Protocol):
    """Removes what the mirror keeps of removed objects and of forgotten customers, and never an item with a token.

    Every method raises ``TransientError`` when DynamoDB is busy or down.
    """

    async def objects_of(self, scope: Scope, customers: Sequence[str], cursor: str = "") -> FoundPage:
        """A part of the whole table: the objects of these customers in it, removed and generic ones included."""

    async def erase(self, ref: ObjectRef, token: int, customer: str | None, now: float) -> bool:
        """Removes the body from the object's item, if it still has this token. The token and the claim stay."""

    async def empty_beside(self, ref: ObjectRef, token: int, kept: str | None, now: float) -> None:
        """Empties all other items of the object's partition: former states, and chunks that no item can name.

        ``kept`` are the chunks that the object's item names under ``token``; chunks of later tokens stay, too.
        """

    async def note_removal(self, scope: Scope, note: RemovalNote) -> None: ...

    def removals(self, scope: Scope, until: float) -> AsyncIterator[RemovalNote]:
        """The notes that are due by then (seconds since 1970), the oldest first."""

    async def drop_removal(self, scope: Scope, note: RemovalNote) -> None: ...


class Mirror(UnstorableNotes, Erasure, Protocol):
    """The table. Every method raises ``TransientError`` when DynamoDB is busy or down."""

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        """The objects' heads, by key; objects that the mirror has never seen are left out.

        What is not ``consistent`` costs half, and may lack writes of the last seconds.
        """

    async def claims(self, refs: Iterable[ObjectRef]) -> Mapping[str, Claim]:
        """The objects' counters, by key."""

    async def claim(
        self, ref: ObjectRef, now: float, events: LastEvents = NO_EVENTS, *, unless_since: float = inf
    ) -> tuple[int, LastEvents]:
        """Takes the next number of the object's counter: the fencing token of the fetch that follows.

        The counter keeps the ``events`` that were received before, of the last five claims that had any. Returns with
        the number the newest that it kept: the fetch follows them, too, even where no write of theirs is stored.

        Raises ``AlreadyClaimed`` where the last claim was taken after ``unless_since``, by its worker's clock, and a
        kept one follows the ``events``; see ``mirror_state.follows_events``. Then no number is taken.
        """

    async def raise_counter(self, ref: ObjectRef, least: int) -> None:
        """Sets the object's counter to a number, unless it is that high already. The claim's time stays."""

    async def release_claim(self, ref: ObjectRef, token: int) -> None:
        """Sets the claim's time to 0, if it is the last one: nothing will be written under it."""

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        """Replaces the object's item, unless the item has this token or a later one. False where it has.

        Raises ``UnstorableObject`` where the table cannot hold the item.
        """

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        """Stores objects that the table has no item of, many for one request, under ``UNCLAIMED_TOKEN``.

        Returns those that it has stored. Of the rest it says nothing: a ``put`` under that token tells. Where it raises
        ``TransientError``, some may be stored, too.
        """

    async def put_tombstone(self, ref: ObjectRef, token: int, tombstone: Item) -> bool:
        """Makes the object's item a tombstone under the same condition; the last known body stays.

        Before that, it notes the removal, so that what stays is considered later, and what the object leaves.
        """

    async def note_left(self, ref: ObjectRef, *, customer: str | None, removed: bool = False) -> None:
        """Notes that an object is about to leave a customer, or is about to be ``removed``.

        No index shows it there any more; questions about the past find it by the note.
        """

    def children(self, scope: Scope, parent: str, type_name: str) -> AsyncIterator[str]:
        """The ids of a parent's live children of one type."""

    def ids_of_customer(self, scope: Scope, customer: str, type_name: str) -> AsyncIterator[str]:
        """The ids of a customer's live objects of one type."""

    def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        """All live objects of a type, oldest first; or those with a status, or created ``since`` (ISO 8601, UTC)."""

    async def body(self, ref: ObjectRef) -> JsonObject | None:
        """The last known body; None where the mirror has never seen the object, or holds a body that cannot be read.

        Then the next write replaces it, and a deep verify finds it.
        """

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        """All that the table holds of an object, read consistently; None where the mirror has never seen the object."""


class StateStore(Protocol):
    """Reconcile's own state, in the table beside the mirror: partitions of entries, and a lease.

    Entries of a partition are ordered by their sort keys. Every method raises ``TransientError`` when
    DynamoDB is busy or down.
    """

    async def lease(self, scope: Scope, owner: str, *, now: float, until: float) -> bool:
        """Takes the lease of a scope, or prolongs it, ``until`` then; False while another owner holds it.

        Times are in seconds since 1970. A lease that has run out by ``now`` is free.
        """

    async def release(self, scope: Scope, owner: str) -> None:
        """Releases the lease, where the owner still holds it."""

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
        at most one of them. A write that is repeated because its answer was lost is refused, too: then the stored
        entry equals the given one.
        """

    async def last(self, scope: Scope, partition: str, start: str = "") -> Item | None:
        """The last entry of a partition whose sort key begins with ``start``."""

    def entries(self, scope: Scope, partition: str, start: str = "") -> AsyncIterator[Item]:
        """The entries of a partition whose sort keys begin with ``start``, in order."""

    def after(self, scope: Scope, partition: str, sort_key: str) -> AsyncIterator[Item]:
        """The entries of a partition after this sort key, in order; after ``""`` all of them."""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """A change as it goes to the event bus: its detail type, and its detail as JSON."""

    detail_type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes, as EventBridge counts them, rounded up.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevents-entry-size
        """
        return 64 + len(self.detail_type.encode("utf-8")) + len(self.detail.encode("utf-8"))


class EventBus(Protocol):
    async def put(self, events: Sequence[BusEvent]) -> Sequence[str]:
        """Puts at most ten events. Why each was not taken; ``""`` where it was.

        Raises ``TransientError`` where none was taken.
        """


class DeadLetters(Protocol):
    async def quarantine(self, body: str, *, reason: str) -> None:
        """Raises ``TransientError`` when the service fails."""


class HistoryStore(Protocol):
    """Former states, beside the objects. Every method raises ``TransientError`` when DynamoDB is busy or down."""

    async def keep(self, key: str, entry: Entry) -> None:
        """Writes an entry, or the same again."""

    async def empty(self, key: str, now: float) -> bool:
        """Empties entries of an object that are not empty yet, some hundreds at most. Whether none is left."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What process and reconcile need to refresh an object."""

    clock: Clock
    mirror: Mirror
    stripe: Stripe
    queue: Queue
