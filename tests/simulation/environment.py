"""What all tasks of a schedule share: Stripe, the table, the queue, and the results so far."""

from collections import Counter
from dataclasses import dataclass, field, replace

from billing_mirror.adapters.table.attributes import body_in
from billing_mirror.core import times
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import RECOVER, Schedule
from billing_mirror.core.stripe_api.account import PIN_PARTITION, PIN_SORT_KEY, Pin
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.mirror_state import MAX_CLOCK_SKEW
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.rate_limited import RateLimitedStripe
from tests.doubles.changes import StreamedItems
from tests.doubles.state_store import MemoryStateStore

from .aws import ChunkedMirror, UnreliableMirror, UnreliableQueue, WakingQueue
from .container import EPOCH, MARGIN, Container, Trace
from .faults import Consequence, Dice, Fault
from .request_budget import RequestBudget
from .state_store import UnreliableStateStore
from .stripe import UNSTORABLE, SimulatedStripe, StripeState
from .workload import Workload

TEST = Scope(livemode=False)
READ_EVENTS = Run(RECOVER, Job.RECOVER, EPOCH, EPOCH, EPOCH, Status.COMPLETE, watermark=times.iso(EPOCH))
"""The events of the month before are read already: reading them takes a request for each day."""
RECONCILE_REQUESTS_PER_SECOND = 5.0
FAR_OFF = 600.0
"""Seconds that a clock may be off that is off by more than the margin."""


@dataclass
class Result:
    """The result of a schedule. ``wrong`` are the names of wrong objects, by kind of violation."""

    seed: int
    losing: bool
    wrong: dict[str, list[str]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    steps: int = 0


class Environment:
    """Made inside the schedule's loop. ``clock`` is SQS's own, and Stripe's."""

    def __init__(self, dice: Dice, workload: Workload, result: Result, trace: Trace | None) -> None:
        self.dice = dice
        self.workload = workload
        self.result = result
        self.state = StripeState()
        self.mirror = ChunkedMirror(refuses=_is_unstorable)
        self.state_store = MemoryStateStore(
            partitions={f"{TEST}#run:{RECOVER}": {READ_EVENTS.name: READ_EVENTS.to_item()}}
        )
        if dice.guarded:
            pin = Pin(self.state.account, self.state.key)
            self.state_store.partitions[f"{TEST}#{PIN_PARTITION}"] = {PIN_SORT_KEY: pin.to_item()}
        self.clock = Container(dice, None, "sqs")
        self.mirror.objects = StreamedItems()
        self.queue = WakingQueue(self.clock)
        self.budgets: list[RequestBudget] = []
        self.accepted: set[str] = set()
        """Ids of the events that ingest answered with 200."""
        self.ended: set[str] = set()
        """Ids of the events that have an outcome."""
        self._trace = trace
        self._ticks = 0

    def say(self, what: str) -> None:
        if self._trace is not None:
            self._trace(what)

    def container(self, name: str, *, skew: float = 0.0) -> Container:
        return Container(self.dice, self._trace, name, skew=skew)

    def skew(self) -> float:
        """How far off a machine's clock is."""
        if self.dice.strikes(Fault.SKEWED):
            return self.dice.random.uniform(-MARGIN, MARGIN)
        if self.dice.strikes(Fault.SKEWED_BEYOND):
            most = MAX_CLOCK_SKEW if self.dice.recovering else FAR_OFF
            return self.dice.random.uniform(-most, most)
        return 0.0

    def budget(self, container: Container, *, of_reconcile: bool = False) -> RequestBudget:
        """The part of a container that has just started in the budget that all share."""
        total = self.workload.requests_per_second
        budget = RequestBudget(
            self._state_store_of(container),
            TEST,
            container,
            Limits(total, total, RECONCILE_REQUESTS_PER_SECOND),
            containers=self.workload.workers,
            of_reconcile=of_reconcile,
        )
        self.budgets.append(budget)
        return budget

    def ports(
        self,
        container: Container,
        budget: RequestBudget | None = None,
        account: AccountGuard | None = None,
        *,
        tries_again: bool = False,
    ) -> Ports:
        """The ports as they are in a container, with the guard of :meth:`account` before Stripe."""
        stripe = account or self._stripe_of(container)
        return Ports(
            container,
            UnreliableMirror(self.mirror, self.dice, container.io),
            RateLimitedStripe(stripe, container, budget, tries_again=tries_again) if budget is not None else stripe,
            self.queue_of(container),
        )

    def account(self, container: Container) -> AccountGuard | None:
        """The guard of a container that has just started; None in schedules whose key never changes."""
        if not self.dice.guarded:
            return None
        mirror = UnreliableMirror(self.mirror, self.dice, container.io)
        return AccountGuard(
            self._stripe_of(container), container, mirror, self._state_store_of(container), self._note_refusal
        )

    def _note_refusal(self) -> None:
        self.dice.counts[Consequence.KEY_REFUSED] += 1

    def _stripe_of(self, container: Container) -> SimulatedStripe:
        return SimulatedStripe(self.state, self.dice, self.clock.now, container.io)

    def _state_store_of(self, container: Container) -> UnreliableStateStore:
        return UnreliableStateStore(self.state_store, self.dice, container.io)

    def dependencies(
        self, container: Container, budget: RequestBudget, object_types: tuple[ObjectType, ...] = ()
    ) -> ReconcileDependencies:
        """The dependencies of reconcile in a container."""
        self._ticks += 1
        account = self.account(container)
        return ReconcileDependencies(
            self.ports(container, budget, account),
            self._state_store_of(container),
            Schedule(object_types=object_types),
            owner=f"tick {self._ticks}",
            deep_verify_percent=100,
            account=account,
        )

    def items_at_stripe(self) -> list[Item]:
        """The stored objects that Stripe has, in all accounts: only its list finds a hidden one."""
        existing = (obj for obj in self.state.objects.values() if obj.now is not None)
        at_stripe = {(str(replace(TEST, context=obj.context)), (obj.now or {})["id"]) for obj in existing}
        return [one for one in self.mirror.objects.values() if (one.get("scope"), one.get("id")) in at_stripe]

    def outstanding_note(
        self, scope: Scope, type_name: str, identifier: str, item: Item | None
    ) -> UnstorableNote | None:
        """The note of an object, unless the table holds a later state of it."""
        notes = self.mirror.notes.get(str(scope), {}).values()
        token = item.get("token") if item else None
        found = (note for note in notes if (note.type, note.id) == (type_name, identifier))
        return next((note for note in found if not isinstance(token, int) or token < note.token), None)

    def queue_of(self, container: Container) -> UnreliableQueue:
        return UnreliableQueue(self.queue, self.dice, container.io)


def _is_unstorable(item: Item) -> bool:
    return UNSTORABLE in (body_in(item) or {})
