"""Connected accounts: which of them reconcile compares with Stripe, and what it knows of each.

https://docs.stripe.com/context
"""

from dataclasses import dataclass, replace
from typing import Self

from .. import times
from ..errors import ConfigurationError
from ..object_ref import is_context
from ..table.items import Item

PARTITION = "connected"
"""The partition of the accounts in the state store, in the scope of the key's own account."""
NONE, SEEN = "none", "seen"
RETRY_REVOKED = 24 * 3600.0
"""Seconds until the next request to an account that has revoked its access."""


@dataclass(frozen=True, slots=True)
class ConnectedAccounts:
    """The accounts to compare: ``listed`` ones, or all that events have named."""

    seen: bool = False
    listed: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``none``, ``seen``, or contexts between commas. Raises :class:`ConfigurationError`."""
        if text == NONE:
            return cls()
        if text == SEEN:
            return cls(seen=True)
        listed = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for context in listed:
            if not is_context(context):
                known = f"write {NONE}, {SEEN}, or ids such as acct_1,acct_2"
                raise ConfigurationError(f"{context!r} is no connected account: {known}")
        return cls(listed=listed)

    def __bool__(self) -> bool:
        return self.seen or bool(self.listed)


NO_ACCOUNTS = ConnectedAccounts()


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """What reconcile knows of an account. Times are in seconds since 1970."""

    context: str
    due_at: float = 0.0
    """When a tick next works on it."""
    revoked_at: float = 0.0
    """Since when Stripe refuses the key; 0 where it does not."""

    def after(self, now: float, *, due_at: float) -> Self:
        """After a tick to which Stripe has answered."""
        return replace(self, due_at=max(due_at, now), revoked_at=0.0)

    def after_refusal(self, now: float) -> Self:
        """After a tick that Stripe has refused."""
        return replace(self, due_at=now + RETRY_REVOKED, revoked_at=self.revoked_at or now)

    def to_item(self) -> Item:
        return {
            "context": self.context,
            "due_at": times.iso(self.due_at) if self.due_at else None,
            "revoked_at": times.iso(self.revoked_at) if self.revoked_at else None,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Reads what :meth:`to_item` has written."""
        return cls(str(item["context"]), _seconds(item, "due_at"), _seconds(item, "revoked_at"))


def _seconds(item: Item, name: str) -> float:
    value = item.get(name)
    return times.seconds(value) if isinstance(value, str) else 0.0
