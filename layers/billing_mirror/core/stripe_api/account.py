"""Whether a Stripe key is of the account whose objects are mirrored.

A key belongs to one account for good. So the first key is pinned by its digest, with the id of its account where the
key may ask for it; another key is compared by that id, or else by objects that it must know.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ..table.items import Item

PIN_PARTITION = "account"
"""The partition of a mode's pin in the state store."""
PIN_SORT_KEY = "pin"
SAMPLE_SIZE = 5
"""Mirrored objects that a key of the same account must know at least one of."""
ORGANIZATION = "organization"
"""What is pinned for a key of an organization, whose objects are all in contexts: Stripe does not say which it is."""
SENTENCE = (
    "the Stripe key belongs to another account than the mirrored objects; nothing is done until the secret holds a key "
    "of the same account"
)
"""Why a key of another account is refused."""


class AccountMatch(StrEnum):
    """Whose key it is."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Pin:
    """The account whose key filled the mirror, and the SHA-256 of its last key. ``account`` is empty if not known."""

    account: str
    key_digest: str

    def to_item(self) -> Item:
        return {"account": self.account, "key_digest": self.key_digest}

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        return cls(str(item.get("account", "")), str(item.get("key_digest", "")))

    def is_of(self, key_digest: str) -> bool:
        """Whether it is the pinned key itself."""
        return self.key_digest == key_digest


def judge_by_id(pin: Pin | None, account: str) -> AccountMatch:
    """Compares the accounts; ``account`` is empty where the key may not ask. The first account is taken as it is."""
    if pin is None:
        return AccountMatch.SAME
    if not (account and pin.account):
        return AccountMatch.UNKNOWN
    return AccountMatch.SAME if account == pin.account else AccountMatch.OTHER


def judge_by_sample(sampled: int, found: int, missing: int) -> AccountMatch:
    """Judges by mirrored objects. A key that may read none of them, or an object that is just gone, proves little."""
    if found or not sampled:
        return AccountMatch.SAME
    return AccountMatch.OTHER if missing else AccountMatch.UNKNOWN
