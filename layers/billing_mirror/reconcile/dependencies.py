"""What reconcile depends on."""

from dataclasses import dataclass, replace
from typing import Self

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.connected import NO_ACCOUNTS, ConnectedAccounts
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.ports import Ports, StateStore
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.in_context import InContext


@dataclass(frozen=True, slots=True)
class ReconcileDependencies:
    """The ports, the state store for runs, and the schedule: which types are compared, and how often."""

    ports: Ports
    state_store: StateStore
    schedule: Schedule
    owner: str = ""
    """The owner of the lease: one invocation."""
    account: AccountGuard | None = None
    """Refuses a key of another Stripe account."""
    deep_verify_percent: int = 0
    """The share of stored objects that each verify run reads."""
    tombstone_days: int = 0
    """Days for which the last body of a removed object is kept; 0: until it is forgotten."""
    context: str | None = None
    """The connected account that is worked on; None for the key's own account."""
    connected: ConnectedAccounts = NO_ACCOUNTS
    """The connected accounts that ticks compare, too."""
    has_own_account: bool = True
    """False where the key is an organization's: https://docs.stripe.com/keys/organization-api-keys"""

    @property
    def scope(self) -> Scope:
        """The account that is worked on."""
        return Scope(self.ports.stripe.livemode, self.context)

    @property
    def key_scope(self) -> Scope:
        """The account of the Stripe key."""
        return Scope(self.ports.stripe.livemode)

    def within(self, context: str | None) -> Self:
        """The same for a connected account: its records, its evidence and requests in its context."""
        if context is None:
            return self
        ports = replace(self.ports, stripe=InContext(self.ports.stripe, context))
        return replace(self, ports=ports, context=context)

    @property
    def object_types(self) -> list[ObjectType]:
        """The types that exist in the key's mode."""
        return [
            object_type
            for object_type in self.schedule.object_types
            if not (object_type.test_mode_only and self.scope.livemode)
        ]
