"""Notes which connected accounts send events.

Reconcile erases in all of them what it must not keep, and compares with Stripe those that the parameter Contexts names.
"""

from collections.abc import Iterable
from contextlib import suppress

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.messages import Notification
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.connected import PARTITION, ConnectedAccount
from billing_mirror.ports import StateStore

from .messages import WorkItem


class SeenAccounts:
    """What a container has noted: each account costs one write for as long as the container lives."""

    def __init__(self, state_store: StateStore) -> None:
        self._state_store = state_store
        self._noted: set[Scope] = set()

    async def note(self, items: Iterable[WorkItem]) -> None:
        """Stores the accounts of events that are not stored yet. A busy table is no error: the next event tries again.

        Only accounts of verified events with a usable object: anything else has no scope.
        """
        scopes = {item.scope for item in items if isinstance(item.message, Notification)}
        for scope in scopes - self._noted:
            if scope is None or scope.context is None:
                continue
            account = ConnectedAccount(scope.context)
            with suppress(TransientError):
                key_scope = Scope(scope.livemode)
                await self._state_store.write(key_scope, PARTITION, account.context, account.to_item(), if_absent=True)
                self._noted.add(scope)
