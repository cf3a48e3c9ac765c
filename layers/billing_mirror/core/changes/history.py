"""History: what the writes of an object have replaced, beside it, for some days.

Each write leaves an *entry* in the object's partition, ``sk = history#<token of the write>``, that names the write
which it has replaced. So the entries of an object are a chain, and a missing one is seen wherever it is missing. The
entry of a change also holds the state that the change has ended, compressed. Entries have no index columns, so no index
shows them. They hold personal data: where a body is erased, they are emptied.

Beside them, ``<scope>#left:...`` names objects that have left a type or a customer (keys only).
"""

import zlib
from dataclasses import dataclass
from typing import NamedTuple, Self

from .. import catalog, json_body, times
from ..json_body import JsonObject
from ..table.items import MAX_ITEM, ROOM_FOR_KEYS, Item, Value
from ..table.stored import StoredObject
from .change import Change, ChangeKind, is_write, state_digest, token_in

PREFIX = "history#"
"""How the sort keys of all entries begin."""
DAY = 86400.0


class Write(NamedTuple):
    """What identifies a write of an object: its token, and when its fetch started (ISO 8601, UTC)."""

    token: int
    fetched_at: str


def write_of(item: Item) -> Write:
    """The write that has stored an object's item. Raises ``KeyError`` for an item that no write of ours has stored."""
    return Write(token_in(item), str(item["fetched_at"]))


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change, and what it has ended. Moments are in ISO 8601, UTC.

    ``write`` is the one that made the change. ``at`` is the moment of the change, by Stripe's clock where an event
    ``announced`` it, else by our fetch. ``former`` holds the columns and ``data`` of the item before; None before the
    object was mirrored. Then ``created_at`` is when Stripe created it; "" where it does not say so.
    """

    write: Write
    kind: ChangeKind
    at: str
    announced: bool
    event_id: str
    former: Item | None
    created_at: str

    @classmethod
    def of(cls, change: Change) -> Self:
        """What this change has ended."""
        return cls(
            write_of(change.after.columns),
            change.kind,
            change.at,
            announced=change.event is not None,
            event_id=change.event[1] if change.event else "",
            former=_former(change),
            created_at=_created_at(change),
        )

    def to_item(self) -> Item:
        """The columns of an entry that only a change has."""
        return {
            "kind": str(self.kind),
            "at": self.at,
            "announced": self.announced,
            "event_id": self.event_id,
            **({"former_z": _compressed(self.former)} if self.former is not None else {}),
            **({"created_at": self.created_at} if self.created_at else {}),
        }

    @classmethod
    def from_item(cls, write: Write, item: Item) -> Self:
        """Reads what :meth:`to_item` has written. Raises what else makes it raise."""
        compressed = item.get("former_z")
        return cls(
            write,
            kind=ChangeKind(str(item["kind"])),
            at=_moment(item["at"]),
            announced=item["announced"] is True,
            event_id=str(item["event_id"]),
            former=_decompressed(compressed) if isinstance(compressed, bytes) else None,
            created_at=_moment(item["created_at"]) if "created_at" in item else "",
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One write, and the one that it has replaced; None where there was none.

    ``state`` is the digest of the state that the write has stored. ``change`` is None where the write changed nothing.
    """

    write: Write
    replaced: Write | None
    state: str
    change: PastChange | None
    expires_at: int

    @property
    def sort_key(self) -> str:
        return sort_key(self.write.token)

    def to_item(self) -> Item:
        """The columns of the entry."""
        replaced: Item = {}
        if self.replaced is not None:
            replaced = {"replaced_token": self.replaced.token, "replaced_at": self.replaced.fetched_at}
        return {
            "token": self.write.token,
            "fetched_at": self.write.fetched_at,
            **replaced,
            "state": self.state,
            "expires_at": self.expires_at,
            **(self.change.to_item() if self.change is not None else {}),
        }

    @classmethod
    def from_item(cls, item: Item) -> Self | None:
        """Reads what :meth:`to_item` has written; None for an entry that was emptied, or that a hand has damaged."""
        try:
            write = Write(_whole(item["token"]), _moment(item["fetched_at"]))
            replaced = (
                Write(_whole(item["replaced_token"]), _moment(item["replaced_at"])) if "replaced_at" in item else None
            )
            change = PastChange.from_item(write, item) if "kind" in item else None
            found = cls(write, replaced, str(item["state"]), change, _whole(item["expires_at"]))
            is_whole = change is None or change.former is None or write_of(change.former) == replaced
        except (KeyError, TypeError, ValueError, zlib.error):
            return None
        return found if is_whole else None


def entry(before: StoredObject | None, after: StoredObject, change: Change | None, *, days: int) -> Entry | None:
    """The entry of a write, kept for so many days; None for what is no write of ours. ``change`` is what it changed.

    Raises ``KeyError`` and ``ValueError`` for items that no write of ours has stored.
    """
    if not is_write(before, after):
        return None
    write = write_of(after.columns)
    return Entry(
        write=write,
        replaced=write_of(before.columns) if before is not None else None,
        state=state_digest(after),
        change=PastChange.of(change) if change is not None else None,
        expires_at=int(times.seconds(write.fetched_at) + days * DAY),
    )


def sort_key(token: int) -> str:
    """The sort key of the entry of a write; in the order of tokens."""
    return f"{PREFIX}{token:020}"


def _created_at(change: Change) -> str:
    """The creation of an object that the mirror holds for the first time, by Stripe's word.

    The ``created`` of an hour of usage is the hour: the mirror holds it later.
    """
    created = change.after.columns.get("created")
    says_so = change.kind is ChangeKind.CREATED and change.type != catalog.USAGE.name and created != times.UNKNOWN
    return str(created) if says_so and created else ""


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


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("no whole number")
    return value


def _moment(value: Value) -> str:
    """The text of a moment as the table writes it. Raises ValueError for other values."""
    text = str(value)
    if times.iso(times.seconds(text)) != text:
        raise ValueError("no moment")
    return text
