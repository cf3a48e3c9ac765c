"""Reading the mirror from your own code.

    from billing_mirror.reader import Reader

    reader = Reader("the table's name", scope="live")
    subscription = reader.get("rcds_...")
    for subscription in reader.by_customer("cus_..."): ...
    for run in reader.runs("invoice"): ...

Lists come in pages of whole objects; pass a page's ``cursor`` to the same method for the next page. Lists leave out
objects that Stripe has deleted; :meth:`Reader.get` still returns them, with ``deleted`` set and the last known body.
A ``limit`` above 100 means 100. :class:`IncompleteBody` is raised where items of a large body were removed from the
table by hand. The reader needs ``dynamodb:BatchGetItem`` and ``Query`` on the table and its indexes.

:meth:`Reader.runs` and :meth:`Reader.drifts` show what reconcile has compared with Stripe, and what differed. Both are
kept for 400 days.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import boto3

from .adapters.attributes import Attributes, body_in, from_attributes, to_attributes
from .adapters.batch_get import MAX_KEYS, batch_get
from .adapters.chunks import with_whole_body
from .adapters.indexes import query
from .core import catalog, json_body, object_ref, times
from .core.catalog import Category
from .core.drift import Difference
from .core.errors import IncompleteBody
from .core.items import OBJECT, Item, id_in, missing_fields_in
from .core.json_body import JsonObject
from .core.run import Counts, Job, Resolution, Status
from .core.run import Drift as DriftRecord
from .core.run import Run as RunRecord
from .core.unstorable import PARTITION as UNSTORABLE
from .core.unstorable import UnstorableNote, sort_keys_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

__all__ = [
    "Category",
    "Counts",
    "Difference",
    "Drift",
    "IncompleteBody",
    "Job",
    "MirroredObject",
    "Page",
    "Reader",
    "Resolution",
    "Run",
    "Status",
    "Unstorable",
]

T = TypeVar("T")

MAX_PAGE = MAX_KEYS
"""Objects of a page."""
DEFAULT_RUNS = 10
"""Runs of a page by default."""
_WITH_CHOSEN_IDS = tuple(object_type for object_type in catalog.TYPES.values() if object_type.chosen_ids)
_SCOPE = re.compile(r"(live|test)(/acct_[A-Za-z0-9_]+)*", re.ASCII)
_FOREIGN_CURSOR = "the cursor does not come from this reader"
BATCH_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each try of a batch."""


@dataclass(frozen=True, slots=True)
class MirroredObject:
    """An object as Stripe showed it at ``fetched_at`` (ISO 8601, UTC).

    Numbers of ``body`` are ``int`` or ``Decimal``, exact. ``token`` grows with each write of this object.
    ``customer`` is the id of the customer, also where the body does not name one. ``members`` holds the ids on the
    lists that belong to the object, by type (a rate card version's rates). ``missing_fields`` names fields that
    ``body`` lacks because Stripe refused to show them: they may exist.
    """

    id: str
    type: str
    body: JsonObject
    deleted: bool
    fetched_at: str
    stripe_version: str
    token: int
    customer: str | None
    members: dict[str, list[str]]
    missing_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run of reconcile over one type, or over the events. Times are in ISO 8601, UTC.

    A ``running`` run resumes at the next tick; ``reason`` is its latest problem, and ``updated_at`` the end of its
    latest tick. All events before ``watermark`` are read (recover runs only).
    """

    type: str
    job: Job
    status: Status
    reason: str
    started_at: str
    updated_at: str
    finished_at: str | None
    watermark: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference that a run found, and its resolution: ``repaired``, ``false_alarm`` or ``unresolved``.

    ``fields`` are the top-level members of the body that differed, where both sides had a body. ``reason`` says why a
    drift is unresolved. ``token`` is that of the repairing write: the :class:`MirroredObject` has the same token until
    its next write. ``run`` is the ``started_at`` of the run.
    """

    type: str
    id: str
    difference: Difference
    resolution: Resolution
    fields: tuple[str, ...]
    reason: str
    token: int
    run: str
    noticed_at: str


@dataclass(frozen=True, slots=True)
class Unstorable:
    """An object that the table cannot hold in the state that Stripe shows, and the reason.

    ``token`` is that of the fetch that was not stored. ``mirrored_token`` is that of the older state that the mirror
    holds: the :class:`MirroredObject` with this id is stale. None where the mirror holds none.
    ``noticed_at`` is in ISO 8601, UTC.
    """

    type: str
    id: str
    reason: str
    token: int
    mirrored_token: int | None
    noticed_at: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries of a list, newest first. ``cursor`` is None on the last page."""

    items: list[T]
    cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


class Reader:
    """Reads one scope of the table: ``live``, ``test``, or either followed by ``/`` and a connected account.

    Raises ``ValueError`` for any other scope: the table has none.
    """

    def __init__(self, table: str, *, scope: str = "live", client: DynamoDBClient | None = None) -> None:
        if _SCOPE.fullmatch(scope) is None:
            raise ValueError(f"the scope {scope!r} is neither 'live' nor 'test', alone or followed by '/acct_...'")
        self._table = table
        self._scope = scope
        self._client: DynamoDBClient = client or boto3.client("dynamodb")

    def get(self, object_id: str, type_name: str | None = None) -> MirroredObject | None:
        """The object with this id, deleted or not; None where the mirror has never seen it.

        An object without an id, such as a customer's cash balance, is found by its path. Users may choose the ids of
        customers, products, prices, plans and coupons, so two objects can have the same id: ``type_name`` tells them
        apart. An object of a type outside the catalog is found by its id and its type.
        """
        if type_name:
            found = self._objects([object_ref.partition_key_of(self._scope, type_name, object_id)])
            return next((one for one in found if one.type == type_name), None)
        keys = [
            object_ref.partition_key(self._scope, object_type, object_id) for object_type in (None, *_WITH_CHOSEN_IDS)
        ]
        return next(iter(self._objects(keys)), None)

    def by_category(
        self, category: Category, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[MirroredObject]:
        """All objects of a category, type by type. Objects of types outside the catalog have no category."""
        names = [object_type.name for object_type in catalog.TYPES.values() if object_type.category is category]
        type_name, _, inner = cursor.partition(" ") if cursor else (names[0], "", "")
        if type_name not in names:
            raise ValueError(_FOREIGN_CURSOR)
        later = names[names.index(type_name) + 1 :]
        page = self.by_type(type_name, limit=limit, cursor=inner or None)
        while not page.items and page.cursor is None and later:
            type_name = later.pop(0)
            page = self.by_type(type_name, limit=limit)
        following = f"{type_name} {page.cursor}" if page.cursor else f"{later[0]} " if later else None
        return Page(page.items, following)

    def by_type(self, type_name: str, *, limit: int = MAX_PAGE, cursor: str | None = None) -> Page[MirroredObject]:
        """All objects of a type, newest first, without deleted objects."""
        return self._page("by-type", limit, cursor, type=type_name)

    def by_customer(
        self, customer: str, type_name: str | None = None, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[MirroredObject]:
        """All objects of a customer, grouped by type; or those of one type."""
        kind = {"type": type_name} if type_name else {}
        return self._page("by-customer", limit, cursor, customer=customer, **kind)

    def children(
        self, parent: str, type_name: str | None = None, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[MirroredObject]:
        """All objects below a parent (a rate card's rates, versions, subscriptions); or those of one type."""
        kind = {"type": type_name} if type_name else {}
        return self._page("by-parent", limit, cursor, parent=parent, **kind)

    def by_status(
        self, type_name: str, status: str, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[MirroredObject]:
        """Objects of a type by status; for v2 subscriptions that is the servicing status."""
        return self._page("by-status", limit, cursor, type=type_name, status=status)

    def by_collection_status(
        self, type_name: str, status: str, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[MirroredObject]:
        """Subscriptions of a type by collection status, such as ``past_due``."""
        return self._page("by-collection-status", limit, cursor, type=type_name, collection_status=status)

    def members(self, object_id: str, type_name: str) -> list[MirroredObject]:
        """The objects on a list that belongs to another object: the rates of a rate card version.

        Objects that Stripe has deleted since are included, with ``deleted`` set: a subscription that is pinned to an
        older version is still billed by them.
        """
        owner, object_type = self.get(object_id), catalog.TYPES.get(type_name)
        members = owner.members.get(type_name, []) if owner else []
        return self._objects([object_ref.partition_key(self._scope, object_type, identifier) for identifier in members])

    def runs(self, type_name: str, *, limit: int = DEFAULT_RUNS, cursor: str | None = None) -> Page[Run]:
        """The runs of reconcile over a type, or over ``"recover"``, newest first.

        A run is ``complete`` when it has read every list to its end and verified every difference. :class:`Counts`
        holds its counts: list entries were ``compared``, confirmed differences were ``found`` and then ``repaired`` or
        left ``unresolved``; for ``false_alarms`` a fetch showed that the mirror was right.
        """
        items, following = self._entries(f"run:{type_name}", "", limit, cursor)
        return Page([_run(item) for item in items], following)

    def drifts(
        self, type_name: str, *, run: Run | None = None, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> Page[Drift]:
        """The differences that the runs over a type have found, newest run first; or those of one run."""
        start = f"{run.started_at}#" if run is not None else ""
        items, following = self._entries(f"drift:{type_name}", start, limit, cursor)
        return Page([_drift(item) for item in items], following)

    def unstorable(self, type_name: str, *, limit: int = MAX_PAGE, cursor: str | None = None) -> Page[Unstorable]:
        """The objects of a type that the table cannot hold, by id, descending.

        None of them is tried again before Stripe shows another state of it. An object that was stored or removed since
        is left out, so a page may have fewer entries than its ``limit``.
        """
        items, following = self._entries(UNSTORABLE, sort_keys_of(type_name), limit, cursor)
        notes = [UnstorableNote.from_item(item) for item in items]
        keys = [object_ref.partition_key_of(self._scope, note.type, note.id) for note in notes]
        mirrored = self._tokens([key for note, key in zip(notes, keys, strict=True) if note.has_key])
        found = [_unstorable(note, mirrored.get(key)) for note, key in zip(notes, keys, strict=True)]
        return Page([one for one in found if one.mirrored_token is None or one.mirrored_token < one.token], following)

    def _entries(self, partition: str, start: str, limit: int, cursor: str | None) -> tuple[list[Item], str | None]:
        values = {":pk": f"{self._scope}#{partition}"} | ({":start": start} if start else {})
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :start)" if start else ""),
            "ExpressionAttributeValues": to_attributes(values),
        }
        return self._query(request, limit, cursor)

    def _page(self, index: str, limit: int, cursor: str | None, **values: str) -> Page[MirroredObject]:
        items, following = self._query(query(self._table, index, scope=self._scope, **values), limit, cursor)
        # An index may still show an object that was just deleted.
        live = [one for one in self._objects([str(item["pk"]) for item in items]) if not one.deleted]
        return Page(live, following)

    def _query(self, request: QueryInputTypeDef, limit: int, cursor: str | None) -> tuple[list[Item], str | None]:
        """A page of a query, newest first, and the cursor of the next page."""
        request |= {"ScanIndexForward": False, "Limit": min(limit, MAX_PAGE)}
        if cursor is not None:
            request["ExclusiveStartKey"] = _from_cursor(cursor)
        answer = self._client.query(**request)
        last = answer.get("LastEvaluatedKey")
        return [from_attributes(item) for item in answer["Items"]], _to_cursor(last) if last else None

    def _tokens(self, partitions: Sequence[str]) -> dict[str, int]:
        """The tokens of mirrored objects, deleted or not, by partition key."""
        items = batch_get(self._client, self._table, partitions, OBJECT, pauses=BATCH_PAUSES, columns=("token",))
        return {str(item["pk"]): token for item in items if isinstance(token := item["token"], int)}

    def _objects(self, partitions: Sequence[str]) -> list[MirroredObject]:
        distinct = list(dict.fromkeys(partitions))
        items = batch_get(self._client, self._table, distinct, OBJECT, pauses=BATCH_PAUSES)
        found = {str(item["pk"]): _mirrored(with_whole_body(self._client, self._table, item)) for item in items}
        return [found[partition] for partition in partitions if partition in found]


def _run(item: Item) -> Run:
    read, finished_at = RunRecord.from_item(item), item.get("finished_at")
    return Run(
        type=read.type,
        job=read.job,
        status=read.status,
        reason=read.reason,
        started_at=str(item["started_at"]),
        updated_at=str(item["updated_at"]),
        finished_at=finished_at if isinstance(finished_at, str) else None,
        watermark=read.watermark,
        counts=read.counts,
    )


def _drift(item: Item) -> Drift:
    read = DriftRecord.from_item(item)
    return Drift(
        type=read.type,
        id=read.id,
        difference=read.difference,
        resolution=read.resolution,
        fields=read.fields,
        reason=read.reason,
        token=read.token,
        run=str(item["run"]),
        noticed_at=str(item["noticed_at"]),
    )


def _unstorable(note: UnstorableNote, mirrored_token: int | None) -> Unstorable:
    return Unstorable(note.type, note.id, note.reason, note.token, mirrored_token, times.iso(note.noticed_at))


def _mirrored(item: Item) -> MirroredObject:
    token = item["token"]
    members = item.get("members")
    return MirroredObject(
        id=id_in(item),
        type=str(item["type"]),
        body=body_in(item) or {},
        deleted=item.get("deleted") is True,
        fetched_at=str(item["fetched_at"]),
        stripe_version=str(item["stripe_version"]),
        token=token if isinstance(token, int) else 0,
        customer=str(item["customer"]) if "customer" in item else None,
        members={
            name: [str(identifier) for identifier in identifiers]
            for name, identifiers in (members if isinstance(members, dict) else {}).items()
            if isinstance(identifiers, list)
        },
        missing_fields=missing_fields_in(item),
    )


def _to_cursor(key: Attributes) -> str:
    plain = {name: str(value) for name, value in from_attributes(key).items()}
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()


def _from_cursor(cursor: str) -> Attributes:
    try:
        key = json_body.parse(base64.urlsafe_b64decode(cursor).decode("utf-8"))
    except ValueError as error:  # of base64, UTF-8 or JSON
        raise ValueError(_FOREIGN_CURSOR) from error
    return to_attributes({name: str(value) for name, value in key.items()})
