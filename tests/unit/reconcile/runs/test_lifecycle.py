"""A run that is killed at any call, and resumed by another tick, ends like an undisturbed run."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import pytest

from billing_mirror.core.catalog import TYPES, USAGE, ObjectType
from billing_mirror.core.runs.run import Drift, Job, Run, Status
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from billing_mirror.reconcile.usage.pairs import PAIRS
from tests.doubles.crashing import CallLimit, Killed, crashing
from tests.unit.harness import Harness
from tests.unit.reconcile.scenarios import OBJECT_TYPE, drifted, empty, of_owners, used, with_lost_events

STARTED_AT = 1_700_000_000.0


@dataclass(frozen=True)
class Scenario:
    """A prepared harness, and a job to run in it."""

    harness: Callable[[], Awaitable[Harness]]
    job: Job
    object_type: ObjectType = OBJECT_TYPE
    named: str = ""
    pause: float = 1.0
    """Seconds until the next tick resumes the run."""

    @property
    def name(self) -> str:
        return self.named or self.object_type.name

    async def worked(self, dependencies: ReconcileDependencies) -> Run:
        """The run, started or resumed."""
        run = await last_run(self.name, dependencies)
        if run is None or run.started_at < STARTED_AT:
            run = await start_run(self.name, self.job, run, dependencies)
        if run.finished_at:
            return run
        until = dependencies.ports.clock.now() + 100
        match self.job:
            case Job.RECOVER:
                return await execute_job(run, dependencies, until=until)
            case Job.USAGE:
                return await execute_job(run, dependencies, until=until)
            case Job.VERIFY | Job.BACKFILL:
                return await execute_job(run, dependencies, until=until)

    async def killed(self, harness: Harness, life: CallLimit) -> None:
        ports = Ports(
            harness.clock, crashing(harness.mirror, life), crashing(harness.stripe, life), crashing(harness.queue, life)
        )
        with suppress(Killed):
            await self.worked(
                replace(harness.reconcile_dependencies, ports=ports, state_store=crashing(harness.state_store, life))
            )

    async def end(self, harness: Harness) -> "End":
        run = await self.worked(harness.reconcile_dependencies)
        counts = asdict(run.counts)
        for spent in ("milliseconds", "stripe_calls", "queued", "written"):
            del counts[spent]  # a killed tick leaves no record of these
        held = [(key, item.get("data"), "deleted" in item) for key, item in sorted(harness.mirror.objects.items())]
        queued = {message.body for message in harness.queue.waiting}
        started = {partition for partition in harness.state_store.partitions if partition.startswith("test#run:")}
        pairs = set(harness.state_store.partitions.get(f"test#{PAIRS}", {}))
        return End(run.status, run.watermark, counts, await harness.drifts(run), held, queued, started, pairs)


@dataclass
class End:
    """The end of a run: its counts and evidence, and what is mirrored, queued, started and metered."""

    status: Status
    watermark: str
    counts: dict[str, int]
    drifts: list[Drift]
    held: Sequence[tuple[str, object, bool]]
    queued: set[str]
    started: set[str]
    pairs: set[str]


SCENARIOS = {
    "verify": Scenario(drifted, Job.VERIFY),
    "backfill": Scenario(empty, Job.BACKFILL),
    "backfill of what each owner lists": Scenario(of_owners, Job.BACKFILL, TYPES["v2.billing.rate_card_rate"]),
    "recover": Scenario(with_lost_events, Job.RECOVER, named="recover", pause=0.0),
    "usage": Scenario(used, Job.USAGE, named=USAGE.name),
}


@pytest.mark.parametrize("before", [True, False], ids=["before it is made", "before it is answered"])
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
async def test_a_run_that_is_killed_at_any_call_ends_like_one_that_is_not(scenario: Scenario, before: bool) -> None:
    expected = await scenario.end(await scenario.harness())
    assert expected.status is Status.COMPLETE
    for nth in itertools.count(1):
        harness, life = await scenario.harness(), CallLimit(nth, before)
        await scenario.killed(harness, life)
        harness.clock.advance(scenario.pause)
        assert await scenario.end(harness) == expected, f"killed at call {nth}"
        if not life.is_reached():
            break


async def test_the_scenarios_have_every_kind_of_end() -> None:
    found = (await SCENARIOS["verify"].end(await drifted())).counts
    names = ("equal", "missing", "different", "not_listed", "repaired", "false_alarms", "unresolved")
    assert all(found[name] for name in names)
    assert (await SCENARIOS["backfill"].end(await empty())).counts["inserted"] == 6
    usage = await SCENARIOS["usage"].end(await used())
    assert usage.pairs == {"mtr_1/cus_1", "mtr_1/cus_2", "mtr_1/cus_ended", "mtr_1/cus_long_ended"}
    assert (usage.counts["compared"], usage.counts["unresolved"]) == (4, 1)
