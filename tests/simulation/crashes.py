"""Runs one scenario many times and kills the worker at another step each time: ``make crash-test``.

The worker is killed before or after one I/O call, restarts, and may be killed a second time. There are no other faults.
"""

import asyncio
import json
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing import Pool
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, partition_key
from billing_mirror.core.runs.run import Drift, Job, Resolution
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.ports import Ports
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies, ReceivedMessage
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.tick import run_on_demand
from tests.doubles.samples import event
from tests.doubles.state_store import MemoryStateStore

from .aws import NO_MAP_HOLDS, ChunkedMirror, UnreliableMirror, UnreliableQueue, WakingQueue
from .container import MARGIN, Container, Trace
from .faults import Dice
from .loop import SimulatedLoop
from .state_store import UnreliableStateStore
from .stripe import SimulatedStripe, StripeObject, StripeState

CARDS = "/v2/billing/rate_cards"
VERSIONS = f"{CARDS}/rcd_1/versions"
RATES = f"{CARDS}/rcd_1/rates"
SUBSCRIPTIONS = "/v2/billing/rate_card_subscriptions"
CADENCES = "/v2/billing/cadences"
PRODUCTS = "/v1/products"
LARGE = (PRODUCTS, SUBSCRIPTIONS)
"""The lists of objects whose bodies take several items."""
PAUSE = 0.075
"""Seconds, as the template has it."""
TYPE = "v2.billing."
RUNS = (
    ("product", Job.BACKFILL),
    (f"{TYPE}rate_card_rate", Job.VERIFY),
    (f"{TYPE}rate_card_subscription", Job.VERIFY),
)
FOUND = {"silver", "rcds_1", "rcdr_1", "rcdv_1"}
"""Ids of differences that no event announces, new objects aside; the version has lost a rate of its list."""
REPORT = Path("build/crashes.json")


class CrashScenario:
    """The scenario: a subscription, a rate card with two rates, a version that lacks one, a product that is deleted.

    Then changes without an event: a product is created, another is deleted, a subscription and a rate are changed.
    Reconcile has to find them, and its worker is killed like any other.

    ``kill_at`` are numbers of steps, the first counted from the beginning, the next from the crash before it.
    """

    def __init__(self, kill_at: Sequence[int] = (), trace: Trace | None = None) -> None:
        self._kill_at = kill_at
        self._trace = trace
        self._dice = Dice(0, losing=False)
        self._dice.stop_faults()
        self._loop = SimulatedLoop(Random(0))  # type: ignore[abstract]
        self.state = StripeState()
        self.mirror = ChunkedMirror()
        self.state_store = MemoryStateStore()
        self.steps = 0
        """I/O steps since the last crash."""
        self.crashes = 0
        self._events = 0

    def run(self) -> list[str]:
        """The objects that differ between the mirror and Stripe."""
        self._loop.run(self._scenario())
        return [*self._differences()]

    async def _scenario(self) -> None:
        self._clock = self._container()
        self._queue = WakingQueue(self._clock)
        await self._make("v1.product", "product", PRODUCTS, "gold")
        await self._make("v1.product", "product", PRODUCTS, "silver")
        await self._make(f"{TYPE}cadence", f"{TYPE}cadence", CADENCES, "bc_1", payer={"customer": "cus_1"})
        await self._make(f"{TYPE}rate_card", f"{TYPE}rate_card", CARDS, "rcd_1", live_version="rcdv_1")
        for rate in ("rcdr_1", "rcdr_2"):
            await self._make(f"{TYPE}rate_card_rate", f"{TYPE}rate_card_rate", RATES, rate, rate_card="rcd_1")
        await self._version("rcdv_1", "rcdr_1", "rcdr_2")
        fields: JsonObject = {"billing_cadence": "bc_1", "servicing_status": "active"}
        await self._make(
            f"{TYPE}rate_card_subscription", f"{TYPE}rate_card_subscription", SUBSCRIPTIONS, "rcds_1", **fields
        )
        await self._work()
        await self._change(f"{RATES}/rcdr_2", None)  # without an event
        await self._change(f"{CARDS}/rcd_1", {"live_version": "rcdv_2"})
        await self._version("rcdv_2", "rcdr_1")
        await self._change(f"{PRODUCTS}/gold", None, "v1.product.deleted")
        canceled: JsonObject = {"servicing_status": "canceled"}
        await self._change(f"{SUBSCRIPTIONS}/rcds_1", canceled, f"{TYPE}rate_card_subscription.servicing_canceled")
        await self._work()
        await self._make("", "product", PRODUCTS, "bronze")
        await self._change(f"{PRODUCTS}/silver", None)
        await self._change(f"{SUBSCRIPTIONS}/rcds_1", {"metadata": {"plan": "gold"}})
        await self._change(f"{RATES}/rcdr_1", {"unit_amount": "2"})
        await self._reconcile()
        await self._work()

    async def _version(self, identifier: str, *rates: str) -> None:
        self.state.rates[None, identifier] = [*rates]
        name = f"{TYPE}rate_card_version"
        await self._make(name, name, VERSIONS, identifier, rate_card_id="rcd_1")

    async def _make(self, resource: str, name: str, list_path: str, identifier: str, **fields: object) -> None:
        path = f"{list_path}/{identifier}"
        self.state.objects[None, path] = StripeObject(path, None, list_path)
        body = {"id": identifier, "object": name, "created": 1_600_000_000, "livemode": False, **fields}
        body |= NO_MAP_HOLDS if list_path in LARGE else {}
        await self._change(path, body, f"{resource}.created" if resource else "")  # type: ignore[arg-type]

    async def _change(self, path: str, fields: JsonObject | None, event_type: str = "") -> None:
        obj = self.state.objects[None, path]
        now = self._clock.now()
        obj.states.append((now, None if fields is None else {**((obj.states and obj.now) or {}), **fields}))
        if event_type:
            self._events += 1
            body = obj.states[0][1] or {}
            text = event(event_type, body, url=path, at=now, identifier=f"evt_{self._events}")
            await self._queue.send(text, group="test")

    # ---- the workers

    async def _work(self) -> None:
        """Processes batches until the queue is empty; a new worker follows a killed one."""
        while self._queue.waiting:
            await asyncio.sleep(1.0)
            batch = self._queue.receive(10)
            if not batch:
                await self._queue.wait()
                continue
            container = self._container()
            ended: list[MessageResult] = []

            async def work(
                batch: list[ReceivedMessage] = batch,
                container: Container = container,
                ended: list[MessageResult] = ended,
            ) -> None:
                dependencies = ProcessDependencies(self._ports(container), MARGIN, pause=PAUSE)
                ended += await process_batch(batch, dependencies, deadline=container.now() + 50.0)
                await self._acknowledge(container, ended)

            await self._ends(container, work())

    async def _reconcile(self) -> None:
        """Runs on demand every hour until one invocation finishes."""
        ended = False
        while not ended:
            await asyncio.sleep(3600.0)
            container = self._container()
            state_store = UnreliableStateStore(self.state_store, self._dice, container.io)
            dependencies = ReconcileDependencies(
                self._ports(container), state_store, Schedule(), owner=f"tick {self.crashes}"
            )
            ended = await self._ends(container, self._run(dependencies, container.now() + 600.0))

    async def _run(self, dependencies: ReconcileDependencies, deadline: float) -> None:
        await run_on_demand(RunRequest(RUNS), dependencies, deadline=deadline)

    async def _ends(self, container: Container, work: Coroutine[object, object, None]) -> bool:
        """Whether the work finishes; otherwise its container was killed."""
        ended = await container.run(work)
        self.steps = self.steps + container.steps if ended else 0
        self.crashes += not ended
        return ended

    async def _acknowledge(self, container: Container, ended: Iterable[MessageResult]) -> None:
        """Lambda deletes finished messages in one request: the worker can be killed before and after it."""
        await container.io("delete")
        for one in ended:
            if not one.retry:
                self._queue.delete(one.item.received.receipt)
        await container.io("delete: done")

    def _container(self) -> Container:
        following = self._kill_at[self.crashes : self.crashes + 1]
        return Container(self._dice, self._trace, "worker", frozenset(step - self.steps for step in following))

    def _ports(self, container: Container) -> Ports:
        return Ports(
            container,
            UnreliableMirror(self.mirror, self._dice, container.io),
            SimulatedStripe(self.state, self._dice, self._clock.now, container.io),
            UnreliableQueue(self._queue, self._dice, container.io),
        )

    # ---- the result

    def evidence(self) -> list[Drift]:
        """The evidence of all runs."""
        partitions = (entries for key, entries in self.state_store.partitions.items() if "#drift:" in key)
        return [Drift.from_item(entry) for entries in partitions for entry in entries.values()]

    def _differences(self) -> Iterator[str]:
        noted = sorted((one.id, one.resolution) for one in self.evidence())
        if noted != [(identifier, Resolution.REPAIRED) for identifier in sorted(FOUND)]:
            yield f"the evidence: {noted}"
        for obj in self.state.objects.values():
            first = obj.states[0][1] or {}
            name = partition_key(str(Scope(livemode=False)), TYPES[str(first["object"])], str(first["id"]))
            item = self.mirror.objects.get(name)
            if item is None or (None if item.get("deleted") is True else self.mirror.body_of(name)) != obj.now:
                yield name
        yield from (f"unreadable at some time: {key}" for key in sorted(self.mirror.unreadable))


def single_crashes() -> Iterator[tuple[int, ...]]:
    """One crash at each step of the undisturbed scenario."""
    return ((step,) for step in range(1, _steps() + 1))


def crash_pairs(most: int | None = None, every: int = 1) -> Iterator[tuple[int, ...]]:
    """Each pair of crashes; the second is one of the first ``most`` steps after the first, or any of them."""
    for (first,) in islice(single_crashes(), None, None, every):
        left = _steps(first)
        yield from ((first, second) for second in range(1, 1 + (left if most is None else min(left, most))))


def _steps(*kill_at: int) -> int:
    scenario = CrashScenario(kill_at)
    scenario.run()
    return scenario.steps


def recovers(point: tuple[int, ...]) -> bool:
    """Whether the mirror ends equal to Stripe and the worker was killed at every given step."""
    scenario = CrashScenario(point)
    return scenario.run() == [] and scenario.crashes == len(point)


def main() -> int:
    console = Console()
    started = time.monotonic()
    points = {"one crash": [*single_crashes()], "two crashes": [*crash_pairs()]}
    table = Table("kills", "scenarios", "recovered", title=f"Crashes at each of {len(points['one crash'])} steps")
    report: dict[str, object] = {}
    lost: list[tuple[int, ...]] = []
    with Pool() as pool:
        for name, given in points.items():
            ends = pool.imap(recovers, given, chunksize=100)
            shown = track(zip(given, ends, strict=True), "Scenarios", total=len(given), console=console)
            failed = [point for point, recovered in shown if not recovered]
            table.add_row(name, f"{len(given):,}", f"{len(given) - len(failed):,}")
            report[name] = {"scenarios": len(given), "recovered": len(given) - len(failed)}
            lost += failed
    seconds = round(time.monotonic() - started, 1)
    console.print(table)
    console.print(
        f"In {seconds:.0f} s.", *(f"Not recovered: CrashScenario({point}, print).run()" for point in lost[:5]), sep="\n"
    )
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({**report, "not_recovered": lost, "seconds": seconds}, indent=2))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
