"""Which differences does one run of reconcile find, where the mirror lacks or differs in some objects?"""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from billing_mirror.adapters.clock import SystemClock
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.ports import Ports
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.wiring.event_loop import runner
from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.ports import FileStateStore, NoQueue, stripe_api
from dev.benchmarks.reconcile.seed import SCOPE, stored
from dev.benchmarks.reconcile.synthetic_data import CADENCE, CADENCES, SUBSCRIPTION, body_of, cadence, id_of, number_of
from dev.benchmarks.reconcile.synthetic_server import counts
from tests.doubles.mirror import MemoryMirror

HOUR = 3600.0
KINDS = (Difference.MISSING, Difference.DIFFERENT, Difference.NOT_LISTED)


def main() -> None:
    given = isolated_process.given()
    objects, per_kind = given["objects"], given["per_kind"]
    plan = plan_differences(objects, per_kind)
    mirror = seeded(objects, plan)
    with tempfile.TemporaryDirectory() as folder, runner() as loop:
        ports = Ports(SystemClock(), mirror, stripe_api(given["api_base"]), NoQueue())
        dependencies = ReconcileDependencies(
            ports, FileStateStore(Path(folder) / "state"), Schedule(), owner="benchmark"
        )
        run, found = loop.run(_run(dependencies))
    gets: dict[str, int] = counts(given["api_base"])["gets"]
    isolated_process.report(
        status=run.status,
        reason=run.reason,
        kinds={kind: _found_of(plan[kind], kind, found) for kind in KINDS},
        false_alarms=run.counts.false_alarms,
        repaired=run.counts.repaired,
        unresolved=run.counts.unresolved,
        fetches=sum(gets.values()),
        fetched_twice=sum(count > 1 for count in gets.values()),
        wrong_afterwards=sum(_is_wrong(mirror, number, objects) for number in range(objects + per_kind)),
    )


def plan_differences(objects: int, per_kind: int) -> dict[Difference, set[int]]:
    """The numbers of objects with each difference, spread over the list; unlisted objects come after its end."""
    step = objects // per_kind
    return {
        Difference.MISSING: set(range(0, per_kind * step, step)),
        Difference.DIFFERENT: set(range(step // 2, per_kind * step, step)),
        Difference.NOT_LISTED: set(range(objects, objects + per_kind)),
    }


def seeded(objects: int, plan: dict[Difference, set[int]]) -> MemoryMirror:
    """A mirror of the synthetic data, except for the planned differences."""
    mirror = MemoryMirror()
    for number in range(CADENCES):
        _store(mirror, CADENCE, cadence(number))
    for number in range(objects + len(plan[Difference.NOT_LISTED])):
        if number in plan[Difference.DIFFERENT]:
            _store(mirror, SUBSCRIPTION, {**body_of(number), "collection_status": "unpaid"})
        elif number not in plan[Difference.MISSING]:
            _store(mirror, SUBSCRIPTION, body_of(number))
    return mirror


def _store(mirror: MemoryMirror, object_type: ObjectType, body: JsonObject) -> None:
    ref, item = stored(object_type, body)
    mirror.objects[ref.key] = {**item, "token": UNCLAIMED_TOKEN}


async def _run(dependencies: ReconcileDependencies) -> tuple[Run, list[Drift]]:
    run = await start_run(SUBSCRIPTION.name, Job.VERIFY, None, dependencies)
    run = await execute_job(run, dependencies, until=dependencies.ports.clock.now() + HOUR)
    entries = dependencies.state_store.entries(SCOPE, f"drift:{SUBSCRIPTION.name}", run.name)
    return run, [Drift.from_item(entry) async for entry in entries]


def _found_of(numbers: set[int], kind: Difference, found: Iterable[Drift]) -> tuple[int, int]:
    """How many of the numbers were found and repaired, and how many other numbers were reported as this kind."""
    reported = Counter(number_of(one.id) for one in found if one.difference is kind)
    repaired = {number_of(one.id) for one in found if one.difference is kind and one.resolution is Resolution.REPAIRED}
    return len(numbers & repaired), sum(reported.values()) - len(numbers & reported.keys())


def _is_wrong(mirror: MemoryMirror, number: int, objects: int) -> bool:
    item = mirror.objects.get(ObjectRef(SCOPE, SUBSCRIPTION, id_of(number)).key)
    if number >= objects:
        return item is None or item.get("deleted") is not True
    return item is None or item.get("digest") != digest(SUBSCRIPTION, body_of(number))


if __name__ == "__main__":
    main()
