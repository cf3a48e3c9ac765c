"""A run over a long list, which is read in parts: killed, it resumes, and counts what it would have counted."""

from dataclasses import replace

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import NotFound
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.ranges import MOST
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.table.items import Item
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from tests.doubles.crashing import CallLimit, Killed, crashing
from tests.doubles.runs import run_now
from tests.doubles.samples import sample
from tests.unit.harness import Harness

PRODUCT = TYPES["product"]
LIST = "/v1/products"
MANY = 40
JANUARY = 1_695_000_000
KILLED = pytest.mark.parametrize(
    ("calls", "before"), [(calls, before) for calls in (150, 211, 331) for before in (True, False)]
)


def stock(harness: Harness) -> list[JsonObject]:
    """Products, the newest first, one on each page."""
    made = [sample("product", id=f"prod_{number}", created=JANUARY - 60 * number) for number in range(MANY)]
    harness.stripe.page_size = 1
    harness.stripe.objects |= {f"{LIST}/{one['id']}": one for one in made}
    harness.stripe.lists = {LIST: made}
    return made


def item(harness: Harness, body: JsonObject) -> Item:
    return harness.item(f"product/{body['id']}")


def dying(harness: Harness, life: CallLimit) -> ReconcileDependencies:
    own = harness.reconcile_dependencies
    ports = replace(own.ports, mirror=crashing(own.ports.mirror, life), stripe=crashing(own.ports.stripe, life))
    return replace(own, ports=ports, state_store=crashing(own.state_store, life))


async def run_over_kills(harness: Harness, job: Job, calls: int, *, before: bool) -> Run:
    """A run that is killed after so many calls, and again, until it ends."""
    for _ in range(10_000):
        try:
            run = await run_now(PRODUCT, dying(harness, CallLimit(calls, before=before)), job=job, seconds=100)
        except Killed:
            harness.clock.advance(400)  # the lease of a killed tick expires
            continue
        if run.status is not Status.RUNNING:
            return run
    raise AssertionError("the run does not end")


def parts_at_once(harness: Harness) -> int:
    """The largest number of parts in a checkpoint."""
    entries = harness.state_store.partitions["test#pages:product"].values()
    checkpoints = [ListCheckpoint.from_item(entry["checkpoint"]) for entry in entries]
    return max(len(checkpoint.parts) for checkpoint in checkpoints)


async def test_it_is_read_in_several_parts_and_each_object_once(harness: Harness) -> None:
    made = stock(harness)
    run = await harness.run_now(PRODUCT, job=Job.BACKFILL)
    assert (run.complete, run.counts.inserted, run.counts.compared) == (True, MANY, MANY)
    assert 3 <= parts_at_once(harness) <= MOST
    assert {item(harness, one)["token"] for one in made} == {0}
    assert run.counts.pages <= MANY + 2


@KILLED
async def test_a_backfill_that_is_killed_inserts_and_counts_each_object_once(
    harness: Harness, calls: int, before: bool
) -> None:
    made = stock(harness)
    run = await run_over_kills(harness, Job.BACKFILL, calls, before=before)
    assert (run.status, run.counts.compared, run.counts.inserted) == (Status.COMPLETE, MANY, MANY)
    assert {item(harness, one)["token"] for one in made} == {0}
    assert run.counts.found == run.counts.false_alarms == 0


@KILLED
async def test_a_verify_run_that_is_killed_finds_what_it_would_have_found(
    harness: Harness, calls: int, before: bool
) -> None:
    made = stock(harness)
    await harness.run_now(PRODUCT, job=Job.BACKFILL)
    harness.clock.advance(1000)
    for number in (0, 7, 25, MANY - 1):
        made[number]["name"] = "changed"
    deleted = made.pop(30)
    del harness.stripe.objects[f"{LIST}/{deleted['id']}"]
    run = await run_over_kills(harness, Job.VERIFY, calls, before=before)
    assert (run.status, run.counts.compared) == (Status.COMPLETE, MANY - 1)
    assert (run.counts.different, run.counts.not_listed, run.counts.repaired) == (4, 1, 5)
    assert (run.counts.unresolved, run.counts.false_alarms) == (0, 0)
    assert item(harness, deleted)["deleted"] is True


@pytest.mark.parametrize("number", [2, 9, 20, 33])
async def test_an_object_that_is_deleted_at_the_end_of_a_page_restarts_its_part_alone(
    harness: Harness, number: int
) -> None:
    made = stock(harness)
    await harness.run_now(PRODUCT, job=Job.BACKFILL)
    harness.clock.advance(1000)
    first_pages = len(harness.stripe.requests)

    async def delete(url: str) -> None:
        if f"starting_after=prod_{number}" in url and f"{LIST}/prod_{number}" in harness.stripe.objects:
            del harness.stripe.objects[f"{LIST}/prod_{number}"]
            made.remove(next(one for one in made if one["id"] == f"prod_{number}"))
            raise NotFound(f"no such product: prod_{number}")

    harness.stripe.before_answer = delete
    run = await harness.run_now(PRODUCT)
    assert (run.status, run.counts.restarts, run.counts.found) == (Status.COMPLETE, 1, 0)
    assert {drift.id for drift in await harness.drifts(run)} == set()
    assert len(harness.stripe.requests) - first_pages < 1.6 * MANY
