"""History: the former states of an object, beside it, for some days.

Each change leaves an *entry* in the object's partition, ``sk = history#<token of the change>``: the state that the
change has ended, compressed, and since when that state is known. Entries have no index columns, so no index shows them.
They hold personal data: where a body is erased, they are emptied.

Beside them, ``<scope>#left:...`` names objects that have left a type or a customer (keys only), and
``<scope>#history`` holds, for each stream that the table has had, since when the history is complete.
"""

import zlib
from dataclasses import dataclass
from typing import Self

from .. import json_body, times
from ..json_body import JsonObject
from ..table.items import MAX_ITEM, ROOM_FOR_KEYS, Item
from .change import Change, ChangeKind, is_erased, state_digest, token_in

PREFIX = "history#"
"""How the sort keys of all entries begin."""
PARTITION = "history"
"""The partition of what is known about the history of a scope."""
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """From when to when the history of a scope is complete, in one stream of the table, and for how long it is kept.

    A stream that is switched off and on is another one. ``since`` and ``until`` are in ISO 8601, UTC.
    """

    stream: str
    since: str
    until: str
    days: int

    def to_item(self) -> Item:
        return {"since": self.since, "until": self.until, "days": self.days}

    @classmethod
    def from_item(cls, stream: str, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        days = item["days"]
        return cls(stream, str(item["since"]), str(item["until"]), days if isinstance(days, int) else 0)

    def holds(self, entry: "Entry") -> bool:
        """Whether the history is complete from this entry on."""
        return entry.stream == self.stream and entry.at >= self.since

    def reaches_back_to(self, now: float) -> str:
        """Since when an object without entries is known to be unchanged (ISO 8601, UTC).

        A day less than entries are kept: records of the stream may be as late.
        """
        return max(self.since, times.iso(now - (self.days - 1) * DAY))


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, and the state that it has ended. Moments are in ISO 8601, UTC.

    ``at`` is the moment of the change, by Stripe's clock where an event ``announced`` it, else by our fetch.
    ``former_since`` is since when the ended state is known: the moment of the entry before, the beginning of the
    stream, or its last fetch. ``gap``: the entry before has left another state than this change has found, so that at
    least one change between them is missing. ``state`` is the digest of the state that the change has made.
    """

    token: int
    kind: ChangeKind
    at: str
    announced: bool
    event_id: str
    fetched_at: str
    stream: str
    state: str
    former: Item | None
    """The columns and ``data`` of the item before; None before the object was mirrored."""
    former_since: str
    gap: bool
    expires_at: int

    @property
    def sort_key(self) -> str:
        return sort_key(self.token)

    def to_item(self) -> Item:
        """The columns of the entry."""
        return {
            "token": self.token,
            "kind": str(self.kind),
            "at": self.at,
            "announced": self.announced,
            "event_id": self.event_id,
            "fetched_at": self.fetched_at,
            "stream": self.stream,
            "state": self.state,
            "former_since": self.former_since,
            "gap": self.gap,
            "expires_at": self.expires_at,
            **({"former_z": _compressed(self.former)} if self.former is not None else {}),
        }

    @classmethod
    def from_item(cls, item: Item) -> Self | None:
        """Reads what :meth:`to_item` has written; None where the entry was emptied."""
        if "kind" not in item:
            return None
        compressed, expires_at = item.get("former_z"), item.get("expires_at")
        return cls(
            token=token_in(item),
            kind=ChangeKind(str(item["kind"])),
            at=str(item["at"]),
            announced=item["announced"] is True,
            event_id=str(item["event_id"]),
            fetched_at=str(item["fetched_at"]),
            stream=str(item["stream"]),
            state=str(item["state"]),
            former=_decompressed(compressed) if isinstance(compressed, bytes) else None,
            former_since=str(item["former_since"]),
            gap=item["gap"] is True,
            expires_at=expires_at if isinstance(expires_at, int) else 0,
        )


def entry(change: Change, previous: Entry | None, coverage: Coverage, *, written_at: float) -> Entry:
    """The entry of a change that was written then. ``previous`` is the one before it, of whatever stream."""
    columns = change.after.columns
    gap = previous is not None and previous.state != state_digest(change.before)
    if gap or (change.before is not None and is_erased(change.before)):
        unchanged_since = None
    elif previous is not None and coverage.holds(previous):
        unchanged_since = previous.at
    else:
        unchanged_since = coverage.reaches_back_to(written_at)
    # From its fetch to this change the mirror has held the state before, whatever is missing before that.
    fetched_at = str(change.before.columns["fetched_at"]) if change.before is not None else unchanged_since
    return Entry(
        token=change.token,
        kind=change.kind,
        at=change.at,
        announced=change.event is not None,
        event_id=change.event[1] if change.event else "",
        fetched_at=str(columns["fetched_at"]),
        stream=coverage.stream,
        state=state_digest(change.after),
        former=_former(change),
        former_since=min(filter(None, (unchanged_since, fetched_at)), default=change.at),
        gap=gap,
        expires_at=int(times.seconds(str(columns["fetched_at"])) + coverage.days * DAY),
    )


def sort_key(token: int) -> str:
    """The sort key of the entry of a change; in the order of tokens."""
    return f"{PREFIX}{token:020}"


def left_partitions(change: Change) -> list[str]:
    """The partitions, within the scope, that note that the object has left a type or a customer with this change.

    What an index no longer shows is found there, for questions about the past.
    """
    if change.before is None:
        return []
    customer = change.before.columns.get("customer")
    left_customer = isinstance(customer, str) and customer != change.after.columns.get("customer")
    return [
        *([left_type(change.type)] if change.kind is ChangeKind.REMOVED else []),
        *([left_customer_of(str(customer))] if left_customer else []),
    ]


def left_type(name: str) -> str:
    """The partition of the objects of a type that were removed."""
    return f"left:type:{name}"


def left_customer_of(customer: str) -> str:
    """The partition of the objects that a customer no longer has."""
    return f"left:customer:{customer}"


def coverage_now(noted: Coverage | None, stream: str, *, written_at: float, now: float, days: int) -> Coverage:
    """What is to be noted of a stream when a record is read that was written then (seconds since 1970).

    Where nothing was read for as long as a stream keeps records, some may have expired unread. Where the days grow,
    what has expired before stays unknown.
    """
    if noted is None:
        return Coverage(stream, times.iso(written_at), times.iso(written_at), days)
    since = noted.since
    if times.seconds(noted.until) < now - DAY:
        since = times.iso(written_at)
    elif noted.days < days:
        since = max(since, times.iso(written_at - noted.days * DAY))
    return Coverage(stream, since, noted.until, days)


def _former(change: Change) -> Item | None:
    if change.before is None:
        return None
    columns = change.before.columns
    if change.before.body is None:
        return columns
    whole: Item = {**columns, "data": change.before.body}
    return whole if len(_compressed(whole)) <= MAX_ITEM - 2 * ROOM_FOR_KEYS else columns


def _compressed(former: Item) -> bytes:
    plain: JsonObject = {name: value for name, value in former.items() if not isinstance(value, bytes)}
    return zlib.compress(json_body.write(plain).encode("ascii"), level=9)


def _decompressed(compressed: bytes) -> Item:
    return {**json_body.parse(zlib.decompress(compressed).decode("ascii"))}
