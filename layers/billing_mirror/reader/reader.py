"""The reader: what the table holds of one scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..core import catalog, object_ref
from ..core.catalog import Category
from ..views import Entitlements, Invoice
from . import names
from .errors import NotRefreshed, ReaderError, UnknownPast
from .history import Change, PastCustomer, PastObject, PastStates
from .names import Names
from .objects import MirroredObject
from .refresh_request import refresh_message, send_to
from .results import FOREIGN_CURSOR, Page, Results
from .runs import Drift, Run, drift_in, run_in
from .table import ScopedTable, connect
from .unstorable import Unstorable, read_unstorable
from .waiting import Clock, SystemClock, wait

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WITH_CHOSEN_IDS = tuple(object_type for object_type in catalog.TYPES.values() if object_type.chosen_ids)
OPEN = "open"
"""The status of an invoice that waits for its payment: https://docs.stripe.com/invoicing/overview"""
NEWEST_INVOICES = 25
"""Invoices of a customer that are read, whatever the index of open invoices shows: it shows a change a moment late."""
KEYS_FOR_A_BODY = 40
"""Entries of an index whose reading costs as much as that of an invoice: 200 bytes and 8 KB."""
_SCOPE = re.compile(r"(live|test)(/acct_[A-Za-z0-9_]+)*", re.ASCII)


class Reader:
    """Reads one scope of the table: ``live``, ``test``, or either followed by ``/`` and a connected account.

    Raises :class:`ReaderError`, a ``ValueError``, for any other scope, for names that the table does not know, and
    where the table holds nothing in this scope, but something in the other mode. It needs ``dynamodb:BatchGetItem``
    on the table, and ``dynamodb:Query`` on the table and its indexes.
    """

    def __init__(
        self,
        table: str,
        *,
        scope: str = "live",
        client: DynamoDBClient | None = None,
        refresh: str | Callable[[str], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``refresh`` lets :meth:`wait_for` ask for a fetch: the URL of the stack's queue, or what sends a message."""
        if _SCOPE.fullmatch(scope) is None:
            raise ReaderError(f"the scope {scope!r} is neither 'live' nor 'test', alone or followed by '/acct_...'")
        self._table = ScopedTable(client or connect(), table, scope)
        self._names = Names(self._table)
        self._refresh = send_to(refresh, scope) if isinstance(refresh, str) else refresh
        self._clock = clock or SystemClock()
        self._past = PastStates(self._table, self._clock.now)

    def get(self, object_id: str, type_name: str | None = None) -> MirroredObject | None:
        """The object with this id, deleted or not; None where the mirror has never seen it.

        An object without an id, such as a customer's cash balance, is found by its path. Users may choose the ids of
        customers, products, prices, plans and coupons, so two objects can have the same id: ``type_name`` tells them
        apart. An object of a type outside the catalog is found by its id and its type.
        """
        found = self._get(object_id, names.canonical(type_name) if type_name else None)
        if found is None:
            self._check(type_name)
        return found

    def wait_for(
        self, object_id: str, type_name: str | None = None, *, since: datetime | None = None, timeout: float = 30.0
    ) -> MirroredObject:
        """The object, once the mirror has a fetch of it that started after ``since``, by default after this call.

        Use it after a change at Stripe. ``since`` must be no earlier than Stripe's answer to the change. Without an
        event of the change within two seconds, it asks the stack for a fetch, where the reader was given ``refresh``.
        ``since`` is by this machine's clock; a fetch within five seconds after it does not count, because clocks
        differ, unless it was claimed after the call. Reads consistently.

        Raises :class:`NotRefreshed` after ``timeout`` seconds, and :class:`ReaderError` where the id does not say
        its type and ``type_name`` is missing.
        """
        if since is not None and since.tzinfo is None:
            raise ReaderError("since has no time zone, as in datetime.now(UTC)")
        kind = self._type_of(object_id, type_name)
        partition = object_ref.partition_key_of(self._table.scope, kind, object_id)
        if not wait(
            lambda: self._table.seen(partition),
            lambda seen: self._ask(kind, object_id, seen.parent),
            since=since.timestamp() if since is not None else self._clock.now(),
            timeout=timeout,
            clock=self._clock,
        ):
            self._check(kind)
            raise NotRefreshed(
                f"{object_id} was not fetched within {timeout:g} s: the stack is behind, or Stripe has no such object"
            )
        (found,) = self._table.objects([partition], consistent=True)
        return found

    def by_category(self, category: Category) -> Results[MirroredObject]:
        """All objects of a category, type by type. Objects of types outside the catalog have no category."""
        known = [object_type.name for object_type in catalog.TYPES.values() if object_type.category is category]
        return Results(lambda limit, cursor: self._of_types(known, limit, cursor), self._check)

    def by_type(self, type_name: str) -> Results[MirroredObject]:
        """All objects of a type, without deleted objects."""
        return self._results("by-type", type_name)

    def by_customer(self, customer: str, type_name: str | None = None) -> Results[MirroredObject]:
        """All objects of a customer, grouped by type; or those of one type."""
        return self._results("by-customer", type_name, customer=customer)

    def children(self, parent: str, type_name: str | None = None) -> Results[MirroredObject]:
        """All objects below a parent (a rate card's rates, versions, subscriptions); or those of one type."""
        return self._results("by-parent", type_name, parent=parent)

    def by_status(self, type_name: str, status: str) -> Results[MirroredObject]:
        """Objects of a type by status; for v2 subscriptions that is the servicing status."""
        return self._results(
            "by-status", type_name, lambda: names.check_status(names.canonical(type_name), status), status=status
        )

    def by_collection_status(self, type_name: str, status: str) -> Results[MirroredObject]:
        """Subscriptions of a type by collection status, such as ``past_due``."""
        return self._results(
            "by-collection-status",
            type_name,
            lambda: names.check_status(names.canonical(type_name), status, collection=True),
            collection_status=status,
        )

    def members(self, object_id: str, type_name: str) -> list[MirroredObject]:
        """The objects on a list that belongs to another object: the rates of a rate card version.

        Objects that Stripe has deleted since are included, with ``deleted`` set: a subscription that is pinned to an
        older version is still billed by them.
        """
        type_name = names.canonical(type_name)
        owner, object_type = self._get(object_id, None), catalog.TYPES.get(type_name)
        members = owner.members.get(type_name, []) if owner else []
        if not members:
            self._check(type_name)
        keys = [object_ref.partition_key(self._table.scope, object_type, identifier) for identifier in members]
        return self._table.objects(keys)

    def entitled(self, customer: str, lookup_key: str) -> bool:
        """Whether a customer may use the feature with this lookup key, by Stripe's own list of active entitlements.

        False where the mirror has never seen such a list of the customer. Reads one key.
        """
        path = object_ref.fill_template(Entitlements.OBJECT_TYPE.retrieve, parent=customer)
        found = self.get(path, Entitlements.OBJECT_TYPE.name)
        return found is not None and not found.deleted and lookup_key in Entitlements.of(found).lookup_keys

    def open_invoices(self, customer: str) -> list[Invoice]:
        """A customer's invoices that are finalized and not yet paid, newest first.

        One query finds the keys of all invoices. The newest ones are read, and the older ones that the index of the
        account's open invoices shows.
        """
        keys = list(self._table.keys_indexed("by-customer", type=Invoice.OBJECT_TYPE.name, customer=customer))
        if not keys:
            self._check()
        newest, older = keys[:NEWEST_INVOICES], keys[NEWEST_INVOICES:]
        found = map(Invoice.of, self._table.objects([*newest, *self._likely_open(older)]))
        return [invoice for invoice in found if not invoice.deleted and invoice.status == OPEN]

    def runs(self, type_name: str) -> Results[Run]:
        """The runs of reconcile over a type, or over ``"recover"``, newest first.

        A run is ``complete`` when it has read every list to its end and verified every difference. :class:`Counts`
        holds its counts: list entries were ``compared``, confirmed differences were ``found`` and then ``repaired`` or
        left ``unresolved``; for ``false_alarms`` a fetch showed that the mirror was right.
        """

        def read(limit: int, cursor: str | None) -> Page[Run]:
            items, following = self._table.entries(f"run:{names.canonical(type_name)}", "", limit, cursor)
            return Page([run_in(item) for item in items], following)

        return Results(read, lambda: self._check_runs(type_name))

    def drifts(self, type_name: str, *, run: Run | None = None) -> Results[Drift]:
        """The differences that the runs over a type have found, newest run first; or those of one run."""
        start = f"{run.started_at}#" if run is not None else ""

        def read(limit: int, cursor: str | None) -> Page[Drift]:
            items, following = self._table.entries(f"drift:{names.canonical(type_name)}", start, limit, cursor)
            return Page([drift_in(item) for item in items], following)

        return Results(read, lambda: self._check_runs(type_name))

    def unstorable(self, type_name: str) -> Results[Unstorable]:
        """The objects of a type that the table cannot hold, by id, descending.

        None of them is tried again before Stripe shows another state of it. An object that was stored or removed since
        is left out.
        """
        name = names.canonical(type_name)
        return Results(
            lambda limit, cursor: read_unstorable(self._table, name, limit, cursor), lambda: self._check(type_name)
        )

    def history(self, object_id: str, type_name: str | None = None) -> Results[Change]:
        """The changes of an object, newest first, each with the state that it has ended; as far as they are kept.

        :attr:`Change.gap` and :attr:`Change.gap_after` say where changes may be missing. An empty list means that no
        change is kept, and not that the object has not changed: :attr:`PastObject.since` of the present state says
        since when it has not.
        """
        partition = self._partition_of(object_id, type_name)
        return Results(
            lambda limit, cursor: self._past.changes(partition, limit, cursor), lambda: self._check(type_name)
        )

    def as_of(self, object_id: str, moment: datetime, type_name: str | None = None) -> PastObject:
        """What an object was at a moment, by the moments of its changes; see :class:`Change`.

        Raises :class:`UnknownPast` where the history does not know it. Where the stack keeps none, the present state
        is known from its fetch on.
        """
        return self._past.object_at(self._partition_of(object_id, type_name), self._past.moment(moment))

    def customer_as_of(self, customer: str, moment: datetime) -> PastCustomer:
        """All objects that a customer had at a moment, as they were, without deleted ones, and what ended each state.

        Reads the history of every object that the customer has, or has had since it is mirrored. Of what is not known
        any more, ``unknown`` says why.
        """
        at, past = self._past.moment(moment), PastCustomer([], {})
        for partition in self._past.partitions_of_customer(customer):
            try:
                found = self._past.object_at(partition, at)
            except UnknownPast as error:
                past.unknown[partition.partition("#")[2]] = str(error)
            else:
                held = found.object
                if held is not None and not held.deleted and held.customer == customer:
                    past.objects.append(found)
        return past

    def _partition_of(self, object_id: str, type_name: str | None) -> str:
        kind = self._type_of(object_id, type_name)
        return object_ref.partition_key_of(self._table.scope, kind, object_id)

    def _get(self, object_id: str, type_name: str | None) -> MirroredObject | None:
        if type_name:
            found = self._table.objects([object_ref.partition_key_of(self._table.scope, type_name, object_id)])
            return next((one for one in found if one.type == type_name), None)
        guess = catalog.find_type_of_id(object_id)
        possible = [
            object_ref.partition_key(self._table.scope, object_type, object_id)
            for object_type in (None, *_WITH_CHOSEN_IDS)
        ]
        likely = object_ref.partition_key(self._table.scope, guess, object_id) if guess else possible[0]
        # Most ids say by their prefix which key it is. Only where that one holds nothing are the others read.
        found = self._table.objects([likely]) if guess or object_id.startswith("/") else []
        return next(iter(found or self._table.objects(possible)), None)

    def _type_of(self, object_id: str, type_name: str | None) -> str:
        if type_name:
            return names.canonical(type_name)
        found = self._get(object_id, None)
        if found is not None:
            return found.type
        guess = catalog.find_type_of_id(object_id)
        if guess is None or sum(one.prefix == guess.prefix for one in catalog.TYPES.values()) > 1:
            raise ReaderError(f"the id {object_id!r} does not say its type: it is needed as second argument")
        return guess.name

    def _likely_open(self, invoices: list[str]) -> list[str]:
        """Of these, the invoices that the index shows as open; all, where reading them costs less than the index."""
        if not invoices:
            return []
        enough = KEYS_FOR_A_BODY * len(invoices)
        listed = set(self._table.keys_indexed("by-status", limit=enough, type=Invoice.OBJECT_TYPE.name, status=OPEN))
        return [key for key in invoices if key in listed] if len(listed) < enough else invoices

    def _ask(self, type_name: str, object_id: str, parent: str | None) -> None:
        """Asks for a fetch, where the mirror can say from which URL."""
        object_type = catalog.TYPES.get(type_name)
        if self._refresh is None or object_type is None or (object_type.nested and parent is None):
            return  # its event alone can tell process where it is
        self._refresh(refresh_message(self._table.scope, type_name, object_id, parent if object_type.nested else None))

    def _results(
        self, index: str, type_name: str | None, check: Callable[[], None] | None = None, **columns: str
    ) -> Results[MirroredObject]:
        kind = {"type": names.canonical(type_name)} if type_name else {}

        def check_names() -> None:
            self._check(type_name)
            if check is not None:
                check()

        return Results(
            lambda limit, cursor: self._table.indexed(index, limit, cursor, {**kind, **columns}), check_names
        )

    def _of_types(self, known: list[str], limit: int, cursor: str | None) -> Page[MirroredObject]:
        type_name, _, inner = cursor.partition(" ") if cursor else (known[0], "", "")
        if type_name not in known:
            raise ReaderError(FOREIGN_CURSOR)
        later = known[known.index(type_name) + 1 :]
        page = self._table.indexed("by-type", limit, inner or None, {"type": type_name})
        while not page.items and page.cursor is None and later:
            type_name = later.pop(0)
            page = self._table.indexed("by-type", limit, None, {"type": type_name})
        following = f"{type_name} {page.cursor}" if page.cursor else f"{later[0]} " if later else None
        return Page(page.items, following)

    def _check(self, type_name: str | None = None) -> None:
        """Raises :class:`ReaderError` where a result is empty because of a name that the table does not know."""
        self._names.check_scope()
        if type_name:
            self._names.check_type(names.canonical(type_name))

    def _check_runs(self, name: str) -> None:
        self._names.check_scope()
        names.check_run_name(names.canonical(name))
