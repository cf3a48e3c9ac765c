"""A run that is killed at any call, and gone on with by somebody else, ends as one that nobody has killed."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import pytest

from billing_mirror.core.catalog import TYPES, USAGE, ObjectType
from billing_mirror.core.run import Drift, Job, Run, Status
from billing_mirror.reconcile.dependencies import Watch
from billing_mirror.reconcile.recover import recover
from billing_mirror.reconcile.runs.lifecycle import begun, last_run
from billing_mirror.reconcile.usage.pairs import PAIRS
from billing_mirror.reconcile.usage.sweep import sweep_usage
from billing_mirror.reconcile.verify import reconcile
from billing_mirror.refresh.apply import World
from tests.doubles.crashing import Killed, Life, mortal
from tests.unit.harness import House
from tests.unit.reconcile.scenarios import ROW, drifted, empty, of_owners, used, with_lost_events

STARTED_AT = 1_700_000_000.0


@dataclass(frozen=True)
class Scene:
    """A house, and a job that is to be done in it."""

    house: Callable[[], Awaitable[House]]
    job: Job
    row: ObjectType = ROW
    named: str = ""
    pause: float = 1.0
    """Seconds until somebody goes on."""

    @property
    def name(self) -> str:
        return self.named or self.row.name

    async def worked(self, watch: Watch) -> Run:
        """The run, begun or gone on with."""
        run = await last_run(self.name, watch)
        if run is None or run.started_at < STARTED_AT:
            run = await begun(self.name, self.job, run, watch)
        if run.finished_at:
            return run
        until = watch.world.clock.now() + 100
        match self.job:
            case Job.EVENTS:
                return await recover(run, watch, until=until)
            case Job.USAGE:
                return await sweep_usage(run, watch, until=until)
            case Job.OBJECTS | Job.BACKFILL:
                return await reconcile(self.row, run, watch, until=until)

    async def killed(self, house: House, life: Life) -> None:
        world = World(house.clock, mortal(house.mirror, life), mortal(house.stripe, life), mortal(house.queue, life))
        with suppress(Killed):
            await self.worked(replace(house.watch, world=world, journal=mortal(house.journal, life)))

    async def end(self, house: House) -> "End":
        run = await self.worked(house.watch)
        counts = asdict(run.counts)
        for spent in ("milliseconds", "stripe_calls", "queued", "written"):
            del counts[spent]  # of a tick that was killed nobody knows
        held = [(key, item.get("data"), "deleted" in item) for key, item in sorted(house.mirror.objects.items())]
        queued = {message.body for message in house.queue.waiting}
        begun = {book for book in house.journal.books if book.startswith("test#run:")}
        pairs = set(house.journal.books.get(f"test#{PAIRS}", {}))
        return End(run.status, run.watermark, counts, await house.drifts(run), held, queued, begun, pairs)


@dataclass
class End:
    """How a run has ended: what it has counted, its evidence, and what is mirrored, queued, begun and billed."""

    status: Status
    watermark: str
    counts: dict[str, int]
    drifts: list[Drift]
    held: Sequence[tuple[str, object, bool]]
    queued: set[str]
    begun: set[str]
    pairs: set[str]


SCENES = {
    "objects": Scene(drifted, Job.OBJECTS),
    "backfill": Scene(empty, Job.BACKFILL),
    "backfill of what each owner lists": Scene(of_owners, Job.BACKFILL, TYPES["v2.billing.rate_card_rate"]),
    "events": Scene(with_lost_events, Job.EVENTS, named="events", pause=0.0),
    "usage": Scene(used, Job.USAGE, named=USAGE.name),
}


@pytest.mark.parametrize("before", [True, False], ids=["before it is made", "before it is answered"])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
async def test_a_run_that_is_killed_at_any_call_ends_like_one_that_is_not(scene: Scene, before: bool) -> None:
    expected = await scene.end(await scene.house())
    assert expected.status is Status.COMPLETE
    for nth in itertools.count(1):
        house, life = await scene.house(), Life(nth, before)
        await scene.killed(house, life)
        house.clock.advance(scene.pause)
        assert await scene.end(house) == expected, f"killed at call {nth}"
        if not life.over():
            break


async def test_the_scenes_have_every_kind_of_end() -> None:
    found = (await SCENES["objects"].end(await drifted())).counts
    names = ("equal", "missing", "different", "not_listed", "repaired", "false_alarms", "unresolved")
    assert all(found[name] for name in names)
    assert (await SCENES["backfill"].end(await empty())).counts["inserted"] == 6
    usage = await SCENES["usage"].end(await used())
    assert usage.pairs == {"mtr_1/cus_1", "mtr_1/cus_2", "mtr_1/cus_ended", "mtr_1/cus_long_ended"}
    assert (usage.counts["compared"], usage.counts["unresolved"]) == (4, 1)
