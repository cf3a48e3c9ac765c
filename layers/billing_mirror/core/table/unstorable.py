"""Objects that the table cannot hold: a note of each, beside the mirror.

Such an object is noted with its reason. Where our own limits exclude it, it is not tried again until Stripe shows
another state of it; where the table has refused it, each run tries once. A note carries the token of the fetch that was
not stored, so the write rule says when the note is over: once a later fetch is stored.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from .. import times
from ..object_ref import ObjectRef, Scope, key_id, stored_ref
from .items import Item, id_columns, id_in
from .mirror_state import MAX_CLOCK_SKEW, UNCLAIMED_TOKEN, Head

PARTITION = "unstorable"
"""The partition of all notes of a scope."""
KEPT_FOR = 400 * 86400
"""Seconds until a note expires. An object that still cannot be stored is then tried once more, and noted again."""
MAX_SHOWN = 200
"""Characters of an id without a key that are shown whole; of a longer one, the first ``SHOWN``."""
SHOWN = 100
RULES = 2
"""Which objects the table can hold, as a number. Raise it where a release can store more: what was noted under a lower
number is tried again.
"""


@dataclass(frozen=True, slots=True)
class UnstorableNote:
    """One object that the table cannot hold in the state with this ``digest``, and why.

    ``token`` is that of the fetch; ``UNCLAIMED_TOKEN`` where only a list has shown the object. ``fetched_at`` is when
    the last fetch started that was not stored, ``noticed_at`` when the first was noted, both in seconds since 1970.
    ``may_pass``: the table has refused it, for a reason that may pass. Not ``has_key``: neither the table's keys nor a
    URL can hold the id, which is then :func:`writable`.
    """

    type: str
    id: str
    reason: str
    digest: str
    stripe_version: str = ""
    token: int = UNCLAIMED_TOKEN
    noticed_at: float = 0.0
    parent: str | None = None
    has_key: bool = True
    rules: int = RULES
    fetched_at: float = 0.0
    may_pass: bool = False

    @property
    def sort_key(self) -> str:
        """The sort key of the note; :func:`sort_keys_of` begins those of all notes of a type."""
        return f"{sort_keys_of(self.type)}{key_id(self.id) if self.has_key else _hash(self.id)}"

    def is_outstanding(self, head: Head | None) -> bool:
        """Whether the object is still not stored; ``head`` is what the mirror holds.

        With a head, the mirror holds an older state: the object is stale.
        """
        return head is None or not self.is_followed_by(head.token, head.fetched_at)

    def is_followed_by(self, token: int, fetched_at: float) -> bool:
        """Whether a fetch came after the noted one: by its token or, where the counter was lost, by any two clocks."""
        return token >= self.token or fetched_at > self.fetched_at + 2 * MAX_CLOCK_SKEW

    def is_of(self, digest: str, stripe_version: str) -> bool:
        """Whether another try would meet the same state under the same conditions, as far as Stripe shows."""
        return (self.digest, self.stripe_version, self.rules) == (digest, stripe_version, RULES)

    def is_due(self, since: float) -> bool:
        """Whether to try the same state again: the table has refused it, and not since then (seconds since 1970)."""
        return self.may_pass and self.fetched_at < since

    def ref(self, scope: Scope) -> ObjectRef | None:
        """The object; None where the table has no key for it."""
        return stored_ref(scope, self.type, self.id, self.parent) if self.has_key else None

    def to_item(self) -> Item:
        """The columns of the note."""
        return {
            "type": self.type,
            **id_columns(self.id),
            "reason": self.reason,
            "digest": self.digest,
            "stripe_version": self.stripe_version,
            "token": self.token,
            "noticed_at": times.iso(self.noticed_at),
            "fetched_at": times.iso(self.fetched_at),
            "may_pass": self.may_pass,
            **({"parent": self.parent} if self.parent else {}),  # an index refuses a null
            "has_key": self.has_key,
            "rules": self.rules,
            "expires_at": int(self.noticed_at) + KEPT_FOR,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        token, rules, parent = item.get("token"), item.get("rules"), item.get("parent")
        noticed_at = str(item["noticed_at"])
        return cls(
            type=str(item["type"]),
            id=id_in(item),
            reason=str(item["reason"]),
            digest=str(item["digest"]),
            stripe_version=str(item.get("stripe_version", "")),
            token=token if isinstance(token, int) else UNCLAIMED_TOKEN,
            noticed_at=times.seconds(noticed_at),
            parent=parent if isinstance(parent, str) else None,
            has_key=item.get("has_key") is True,
            rules=rules if isinstance(rules, int) else 0,
            fetched_at=times.seconds(str(item.get("fetched_at", noticed_at))),
            may_pass=item.get("may_pass") is True,
        )


def sort_keys_of(type_name: str) -> str:
    """What the sort keys of all notes of a type begin with; all of them do with ``""``."""
    return f"{type_name}#" if type_name else ""


def writable(text: str) -> str:
    """An id that is no Stripe id, as the table can hold it: half surrogate pairs spelled out, a long text cut."""
    if len(text) <= MAX_SHOWN and text.isascii():
        return text  # nearly every id
    spelled = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return spelled if len(spelled) <= MAX_SHOWN else f"{spelled[:SHOWN]}... {_hash(spelled)}"


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()
