"""One run of reconcile over a crowd that the mirror holds, but for some objects of each kind of difference."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from billing_mirror.adapters.clock import SystemClock
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.drift import Difference, digest
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.run import Drift, Job, Resolution, Run
from billing_mirror.core.schedule import Schedule
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring import runner
from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.ports import FileJournal, NoQueue, stripe_api
from dev.benchmarks.seed import SCOPE, stored
from dev.benchmarks.synthetic_data import CADENCE, CADENCES, ROW, body_of, cadence, id_of, number_of
from dev.benchmarks.synthetic_server import counts
from tests.doubles.mirror import MemoryMirror

HOUR = 3600.0
PLANTED = (Difference.MISSING, Difference.DIFFERENT, Difference.NOT_LISTED)


def main() -> None:
    given = fresh.given()
    objects, planted = given["objects"], given["planted"]
    plan = planned(objects, planted)
    mirror = seeded(objects, plan)
    with tempfile.TemporaryDirectory() as folder, runner() as loop:
        ports = Ports(SystemClock(), mirror, stripe_api(given["api_base"]), NoQueue())
        dependencies = ReconcileDependencies(
            ports, FileJournal(Path(folder) / "journal"), Schedule(), owner="benchmark"
        )
        run, found = loop.run(_run(dependencies))
    told: dict[str, int] = counts(given["api_base"])["gets"]
    fresh.tell(
        status=run.status,
        reason=run.reason,
        kinds={kind: _judged(plan[kind], kind, found) for kind in PLANTED},
        false_alarms=run.counts.false_alarms,
        repaired=run.counts.repaired,
        unresolved=run.counts.unresolved,
        fetches=sum(told.values()),
        fetched_twice=sum(count > 1 for count in told.values()),
        wrong_afterwards=sum(_is_wrong(mirror, number, objects) for number in range(objects + planted)),
    )


def planned(objects: int, planted: int) -> dict[Difference, set[int]]:
    """Which numbers differ, spread over the whole list; what no list shows comes after its end."""
    step = objects // planted
    return {
        Difference.MISSING: set(range(0, planted * step, step)),
        Difference.DIFFERENT: set(range(step // 2, planted * step, step)),
        Difference.NOT_LISTED: set(range(objects, objects + planted)),
    }


def seeded(objects: int, plan: dict[Difference, set[int]]) -> MemoryMirror:
    """A mirror of the crowd, but for what is planned."""
    mirror = MemoryMirror()
    for number in range(CADENCES):
        _keep(mirror, CADENCE, cadence(number))
    for number in range(objects + len(plan[Difference.NOT_LISTED])):
        if number in plan[Difference.DIFFERENT]:
            _keep(mirror, ROW, {**body_of(number), "collection_status": "unpaid"})
        elif number not in plan[Difference.MISSING]:
            _keep(mirror, ROW, body_of(number))
    return mirror


def _keep(mirror: MemoryMirror, object_type: ObjectType, body: JsonObject) -> None:
    ref, item = stored(object_type, body)
    mirror.objects[ref.key] = {**item, "token": UNCLAIMED_TOKEN}


async def _run(dependencies: ReconcileDependencies) -> tuple[Run, list[Drift]]:
    run = await start_run(ROW.name, Job.VERIFY, None, dependencies)
    run = await execute_job(run, dependencies, until=dependencies.ports.clock.now() + HOUR)
    entries = dependencies.state_store.entries(SCOPE, f"drift:{ROW.name}", run.name)
    return run, [Drift.from_item(entry) async for entry in entries]


def _judged(numbers: set[int], kind: Difference, found: Iterable[Drift]) -> tuple[int, int]:
    """How many of them were found and repaired, and how many reports of the kind are of something else."""
    told = Counter(number_of(one.id) for one in found if one.difference is kind)
    ended = {number_of(one.id) for one in found if one.difference is kind and one.resolution is Resolution.REPAIRED}
    return len(numbers & ended), sum(told.values()) - len(numbers & told.keys())


def _is_wrong(mirror: MemoryMirror, number: int, objects: int) -> bool:
    item = mirror.objects.get(ObjectRef(SCOPE, ROW, id_of(number)).key)
    if number >= objects:
        return item is None or item.get("deleted") is not True
    return item is None or item.get("digest") != digest(ROW, body_of(number))


if __name__ == "__main__":
    main()
