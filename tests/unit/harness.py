"""The flows between doubles."""

from dataclasses import dataclass, field

from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.runs.run import Drift, Job, Run
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.core.table.items import Item
from billing_mirror.ports import Ports
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies
from billing_mirror.process.seen_accounts import SeenAccounts
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.refresh.around_stripe.account import AccountGuard
from billing_mirror.refresh.around_stripe.optional_fields import OptionalFields
from billing_mirror.refresh.around_stripe.previews import ShownPreviews
from tests.doubles.clock import ManualClock
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.runs import drifts, run_now
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe

SUBSCRIPTION = "/v2/billing/rate_card_subscriptions/rcds_1"
CADENCE = "/v2/billing/cadences/bc_1"


@dataclass
class Harness:
    """The ports of process and reconcile, and methods that run both."""

    clock: ManualClock = field(default_factory=ManualClock)
    mirror: MemoryMirror = field(default_factory=MemoryMirror)
    state_store: MemoryStateStore = field(default_factory=MemoryStateStore)
    stripe: MemoryStripe = field(default_factory=MemoryStripe)
    schedule: Schedule = field(default_factory=Schedule)
    clock_skew_margin: float = 5.0
    pause: float = 0.0
    deep_verify_percent: int = 0
    tombstone_days: int = 0
    account: AccountGuard | None = None
    """Before Stripe, where a test has :meth:`guard` put it there."""

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)
        self.missing: list[tuple[str, str]] = []
        """The types and fields of answers that lacked one."""
        self.start_container()

    def start_container(self) -> None:
        """A container remembers which fields Stripe refuses, and which previews it shows."""

        def note(kind: str, name: str) -> None:
            self.missing.append((kind, name))

        self._previews = ShownPreviews()
        self._fields = OptionalFields(self.account or self.stripe, self.clock, note)

    def guard(self) -> list[str]:
        """Starts a container that guards the account; returns the list of its refusals."""
        refusals: list[str] = []
        self.account = AccountGuard(
            self.stripe, self.clock, self.mirror, self.state_store, lambda: refusals.append(self.stripe.key)
        )
        self.start_container()
        return refusals

    @property
    def ports(self) -> Ports:
        return Ports(self.clock, self.mirror, self._fields, self.queue)

    @property
    def reconcile_dependencies(self) -> ReconcileDependencies:
        return ReconcileDependencies(
            self.ports,
            self.state_store,
            self.schedule,
            owner="owner",
            account=self.account,
            deep_verify_percent=self.deep_verify_percent,
            tombstone_days=self.tombstone_days,
        )

    @property
    def process_dependencies(self) -> ProcessDependencies:
        note_accounts = SeenAccounts(self.state_store).note
        return ProcessDependencies(
            self.ports,
            self.clock_skew_margin,
            self.account,
            self._previews,
            note_accounts=note_accounts,
            pause=self.pause,
        )

    async def deliver(self, *bodies: str) -> list[MessageResult]:
        """Sends messages and processes one batch of what is in the queue."""
        for body in bodies:
            await self.queue.send(body, group="test")
        return await self.work()

    async def work(self, *, seconds: float = 50.0, most: int = 50) -> list[MessageResult]:
        batch = self.queue.receive(most)
        results = await process_batch(batch, self.process_dependencies, deadline=self.clock.now() + seconds)
        for ended in results:
            if not ended.retry:
                self.queue.delete(ended.item.received.receipt)
        return results

    async def run_now(self, object_type: ObjectType, *, job: Job = Job.VERIFY, seconds: float = 100.0) -> Run:
        """A new run over a type, or the stopped run resumed."""
        return await run_now(object_type, self.reconcile_dependencies, job=job, seconds=seconds)

    async def drifts(self, run: Run) -> list[Drift]:
        """The evidence of a run."""
        return await drifts(run, self.reconcile_dependencies)

    def item(self, identifier: str, scope: str = "test") -> Item:
        return self.mirror.objects[f"{scope}#{identifier}"]
