"""What reconcile depends on."""

from dataclasses import dataclass

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.schedule import Schedule
from billing_mirror.ports import Ports, StateStore
from billing_mirror.refresh.account import AccountGuard


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

    @property
    def scope(self) -> Scope:
        """The account of the Stripe key."""
        return Scope(self.ports.stripe.livemode)

    @property
    def object_types(self) -> list[ObjectType]:
        """The types that exist in the key's mode."""
        return [
            object_type
            for object_type in self.schedule.object_types
            if not (object_type.test_mode_only and self.scope.livemode)
        ]
