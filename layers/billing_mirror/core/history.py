"""History: the former states of an object, beside it, for some days.

Each change leaves an *entry* in the object's partition, ``sk = state#<token of the change>``: the state that the change
has ended, compressed, and what tells since when it was known. Entries have no index columns, so no index shows them.
They hold personal data, in the column ``former_z``: whoever removes a customer's data removes them with the body.

Beside them, ``<scope>#left:...`` names objects that have left a type or a customer (keys only), and
``<scope>#history`` says since when the history is kept.
"""

import zlib
from dataclasses import dataclass
from typing import Self

from . import json_body, times
from .change import Change, ChangeKind, state_digest, token_in
from .items import MAX_ITEM, ROOM_FOR_KEYS, Item
from .json_body import JsonObject

PREFIX = "state#"
"""How the sort keys of all entries begin."""
PARTITION = "history"
"""The partition of what is known about the history of a scope."""
STREAM = "stream#"
"""How the sort keys in it begin, one for each stream that the table has had."""
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, and the state that it has ended. Moments are in ISO 8601, UTC.

    ``at`` is the moment of the change, by Stripe's clock where an event ``announced`` it, else by our fetch.
    ``former_since`` is since when the ended state was known: the moment of the entry before or, without one, the
    beginning of the history. ``gap``: the entry before has left another state than this change has found, so that at
    least one change between them is missing. ``state`` is the digest of the state that the change has made.
    """

    token: int
    kind: ChangeKind
    at: str
    announced: bool
    event_id: str
    fetched_at: str
    state: str
    former: Item | None
    """The columns and ``data`` of the item before; None before the object was mirrored."""
    former_confirmed_at: str | None
    """When Stripe last showed the former state."""
    former_since: str | None
    has_body: bool
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
            "state": self.state,
            "former_confirmed_at": self.former_confirmed_at,
            "former_since": self.former_since,
            "has_body": self.has_body,
            "gap": self.gap,
            "expires_at": self.expires_at,
            **({"former_z": _compressed(self.former)} if self.former is not None else {}),
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        compressed, expires_at = item.get("former_z"), item.get("expires_at")
        return cls(
            token=token_in(item),
            kind=ChangeKind(str(item["kind"])),
            at=str(item["at"]),
            announced=item["announced"] is True,
            event_id=str(item["event_id"]),
            fetched_at=str(item["fetched_at"]),
            state=str(item["state"]),
            former=_decompressed(compressed) if isinstance(compressed, bytes) else None,
            former_confirmed_at=_optional(item.get("former_confirmed_at")),
            former_since=_optional(item.get("former_since")),
            has_body=item["has_body"] is True,
            gap=item["gap"] is True,
            expires_at=expires_at if isinstance(expires_at, int) else 0,
        )


def entry(change: Change, previous: Entry | None, *, began_at: str, days: int) -> Entry:
    """The entry of a change. ``previous`` is the one before it; the history of the scope began at ``began_at``."""
    before = change.before
    gap = previous is not None and previous.state != state_digest(before)
    since = (previous.at if not gap else None) if previous is not None else began_at
    former = _former(change)
    return Entry(
        token=change.token,
        kind=change.kind,
        at=change.at,
        announced=change.event is not None,
        event_id=change.event[1] if change.event else "",
        fetched_at=str(change.after.columns["fetched_at"]),
        state=state_digest(change.after),
        former=former,
        former_confirmed_at=str(before.columns["fetched_at"]) if before is not None else None,
        former_since=since,
        has_body=former is not None and "data" in former,
        gap=gap,
        expires_at=int(times.seconds(str(change.after.columns["fetched_at"])) + days * DAY),
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


def beginning(held: Item | None, *, first_seen: str, days: int) -> Item:
    """What is noted of a stream: since when entries are kept, and for how long.

    Where the days grow, what had expired before stays unknown.
    """
    if held is None:
        return {"began_at": first_seen, "days": days}
    began_at, kept_for = str(held["began_at"]), held["days"]
    if isinstance(kept_for, int) and kept_for < days:
        began_at = max(began_at, times.iso(times.seconds(first_seen) - kept_for * DAY))
    return {"began_at": began_at, "days": days}


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


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None
