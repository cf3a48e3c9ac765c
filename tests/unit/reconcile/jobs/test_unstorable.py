"""An object that the table cannot hold: noted once, counted apart from drift, and tried again when it changes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run
from billing_mirror.core.runs.schedule import HOUR, MINUTE, Schedule, next_job
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.unstorable import RULES, UnstorableNote
from billing_mirror.reconcile.jobs.dry_run import dry_run_dependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.crashing import CallLimit, Killed, crashing
from tests.doubles.mirror import MemoryMirror
from tests.doubles.runs import drifts
from tests.doubles.samples import subscription, subscription_event
from tests.unit.harness import Harness

from ..both_sides import thing
from ..ticks import ticked
from .test_verify import LIST, OBJECT_TYPE, mirrored, stock

SCOPE = Scope(livemode=False)
REASON = "the table takes no such item"


def is_odd(item: Item) -> bool:
    """What the double of the table refuses here: no test depends on the size that a table can hold."""
    data = item.get("data")
    return isinstance(data, dict) and "odd" in data


def odd(identifier: str = "rcds_1", **fields: str) -> JsonObject:
    return subscription(identifier, odd=True, **fields)


@pytest.fixture
def harness() -> Harness:
    return Harness(mirror=MemoryMirror(refuses=is_odd, for_good=True), schedule=Schedule(object_types=(OBJECT_TYPE,)))


async def verified(harness: Harness, *, job: Job = Job.VERIFY) -> Run:
    harness.clock.advance(10)
    harness.stripe.requests.clear()
    run = await harness.run_now(OBJECT_TYPE, job=job)
    assert run.complete, run.reason
    return run


async def notes(harness: Harness) -> list[UnstorableNote]:
    return [note async for note in harness.mirror.unstorable(SCOPE)]


def fetched(harness: Harness) -> Sequence[str]:
    """The objects that were fetched since the last run started."""
    return [path for path in harness.stripe.paths if "?" not in path]


async def changed_to_odd(harness: Harness) -> None:
    """Of a mirrored object, a later state cannot be stored, and its event was lost."""
    await mirrored(harness, subscription("rcds_1"), subscription("rcds_2"))
    stock(harness, odd(), subscription("rcds_2"))


# ---- verify


async def test_it_is_noted_with_its_true_reason_and_is_no_drift(harness: Harness) -> None:
    await changed_to_odd(harness)
    run = await verified(harness)
    [drift] = await harness.drifts(run)
    assert drift == Drift("rcds_1", Difference.DIFFERENT, Resolution.UNSTORABLE, ("odd",), REASON)
    assert (run.counts.found, run.counts.unresolved, run.counts.false_alarms, run.counts.unstorable) == (0, 0, 0, 1)
    [note] = await notes(harness)
    assert (note.type, note.id, note.reason, note.token) == (OBJECT_TYPE.name, "rcds_1", REASON, drift.token)


async def test_it_is_stale_where_an_older_state_is_mirrored(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    [note] = await notes(harness)
    ref = note.ref(SCOPE)
    assert ref is not None
    head = (await harness.mirror.heads([ref]))[ref.key]
    assert note.is_outstanding(head)
    assert not head.deleted


@pytest.mark.parametrize("job", [Job.VERIFY, Job.BACKFILL])
@pytest.mark.parametrize("is_mirrored", [True, False])
async def test_it_is_not_tried_again_until_it_changes(harness: Harness, job: Job, *, is_mirrored: bool) -> None:
    await mirrored(harness, *([subscription("rcds_1")] if is_mirrored else []))
    stock(harness, odd())
    await verified(harness, job=job)
    await harness.work()  # a backfill leaves to process what a list may show incompletely
    before = await notes(harness)
    assert before
    for _ in range(2):
        run = await verified(harness, job=job)
        assert (fetched(harness), await harness.drifts(run)) == ([], [])
        assert (run.counts.compared, run.counts.equal, run.counts.unstorable) == (1, 0, 1)
    assert await notes(harness) == before


async def test_its_type_is_verified_at_the_ordinary_interval(harness: Harness) -> None:
    await changed_to_odd(harness)
    run = await verified(harness)
    daily = Schedule(rate_card_subscriptions=24 * HOUR, recover=1000 * HOUR, object_types=(OBJECT_TYPE,))
    after = {OBJECT_TYPE.name: run}
    last = Run("recover", Job.RECOVER, started_at=run.started_at, status=run.status)

    def due_after(hours: float) -> bool:
        now = run.started_at + hours * HOUR
        return next_job({**after, "recover": last}, now, daily, livemode=False) is not None

    assert (due_after(23), due_after(24)) == (False, True)


async def test_it_is_tried_again_when_it_changes(harness: Harness) -> None:
    await changed_to_odd(harness)
    first = await verified(harness)
    stock(harness, odd(servicing_status="paused"), subscription("rcds_2"))
    harness.stripe.lists[f"{LIST}?servicing_status=paused"] = [odd(servicing_status="paused")]
    [before] = await notes(harness)
    run = await verified(harness)
    assert fetched(harness) == [f"{LIST}/rcds_1"]
    [after] = await notes(harness)
    assert (after.digest != before.digest, after.token > before.token) == (True, True)
    assert after.noticed_at == before.noticed_at <= first.finished_at
    assert (run.counts.found, run.counts.unstorable) == (0, 1)


async def test_it_is_repaired_once_it_can_be_stored(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    stock(harness, subscription("rcds_1", collection_status="past_due"), subscription("rcds_2"))
    run = await verified(harness)
    assert [(drift.id, drift.resolution) for drift in await harness.drifts(run)] == [("rcds_1", Resolution.REPAIRED)]
    assert (await notes(harness), run.counts.unstorable) == ([], 0)


async def test_a_backfill_fetches_it_once_it_can_be_stored(harness: Harness) -> None:
    """Inserted from a list, under token 0, it would stay below the token of its note."""
    await mirrored(harness)
    stock(harness, odd())
    await harness.deliver(subscription_event(identifier="rcds_1"))
    stock(harness, subscription("rcds_1"))
    run = await verified(harness, job=Job.BACKFILL)
    assert fetched(harness)[0] == f"{LIST}/rcds_1"
    assert (run.counts.inserted, run.counts.repaired, await notes(harness)) == (0, 1, [])


async def test_the_note_ends_where_the_object_returns_to_the_mirrored_state(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    stock(harness, subscription("rcds_1"), subscription("rcds_2"))
    run = await verified(harness)
    assert (run.counts.refreshed, run.counts.found, run.counts.unstorable) == (1, 0, 0)
    assert await notes(harness) == []


async def test_a_note_says_nothing_once_a_later_state_was_stored(harness: Harness) -> None:
    """The object is odd, then not, then odd again, and only the change amid has an event."""
    await changed_to_odd(harness)
    await verified(harness)
    stock(harness, subscription("rcds_1", collection_status="past_due"), subscription("rcds_2"))
    await harness.deliver(subscription_event(identifier="rcds_1"))
    stock(harness, odd(), subscription("rcds_2"))
    [before] = await notes(harness)
    await verified(harness)
    assert fetched(harness) == [f"{LIST}/rcds_1"]
    [after] = await notes(harness)
    assert after.token > before.token


async def test_it_is_tried_again_under_another_stripe_version_or_by_other_rules(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    [note] = await notes(harness)
    for other in (replace(note, stripe_version="2020-01-01"), replace(note, rules=RULES - 1)):
        harness.mirror.notes[str(SCOPE)][note.sort_key] = other
        await verified(harness)
        assert fetched(harness) == [f"{LIST}/rcds_1"]


async def test_the_note_of_a_deleted_object_is_removed(harness: Harness) -> None:
    stock(harness, odd(), subscription("rcds_2"))
    await verified(harness)
    stock(harness, subscription("rcds_2"))
    run = await verified(harness)
    assert (run.counts.found, run.counts.false_alarms, run.counts.unstorable) == (0, 0, 0)
    assert await notes(harness) == []
    assert harness.item("rcds_1")["deleted"] is True


async def test_a_noted_object_that_a_list_leaves_out_stays_noted(harness: Harness) -> None:
    stock(harness, odd(), subscription("rcds_2"))
    await verified(harness)
    harness.stripe.lists[LIST] = [subscription("rcds_2")]
    run = await verified(harness)
    assert (run.counts.found, run.counts.unstorable, len(await notes(harness))) == (0, 1, 1)


async def test_a_tick_that_was_killed_between_the_note_and_its_evidence_leaves_no_drift(harness: Harness) -> None:
    ends = set()
    for calls in range(1, 60):
        harness = Harness(mirror=MemoryMirror(refuses=is_odd))
        await changed_to_odd(harness)
        life = CallLimit(max_calls=calls, before=calls % 2 == 0)
        ports = replace(harness.ports, mirror=crashing(harness.mirror, life))
        dying = replace(harness.reconcile_dependencies, ports=ports, state_store=crashing(harness.state_store, life))
        run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, harness.reconcile_dependencies)
        try:
            await execute_job(run, dying, until=harness.clock.now() + 100)
        except Killed:
            ends.add(len(await notes(harness)))
        last = await last_run(OBJECT_TYPE.name, harness.reconcile_dependencies)
        assert last is not None
        run = last if last.complete else await harness.run_now(OBJECT_TYPE)
        assert (run.complete, run.counts.found, run.counts.unstorable) == (True, 0, 1), calls
        assert {drift.resolution for drift in await harness.drifts(run)} <= {Resolution.UNSTORABLE}
    assert ends == {0, 1}


async def test_a_repair_that_is_refused_before_its_write_has_its_true_reason(harness: Harness) -> None:
    """Not 'interrupted': that is for a repair that may have been made."""
    await changed_to_odd(harness)
    [drift] = await harness.drifts(await verified(harness))
    assert "interrupted" not in drift.reason


# ---- what has no key


@pytest.mark.parametrize("listed", ["a b", "..", "\ud800", "\ud800" * 300], ids=["spaces", "dots", "half", "long"])
async def test_an_id_that_the_table_cannot_key_is_noted_until_it_is_no_longer_listed(
    harness: Harness, listed: str
) -> None:
    rates = catalog.TYPES["tax_rate"]
    harness.stripe.lists["/v1/tax_rates"] = [thing("tax_rate", listed)]
    first = await harness.run_now(rates)
    assert [drift.resolution for drift in await harness.drifts(first)] == [Resolution.UNSTORABLE]
    second = await harness.run_now(rates)
    assert await harness.drifts(second) == []
    for run in (first, second):
        assert (run.complete, run.counts.equal, run.counts.found, run.counts.unstorable) == (True, 0, 0, 1)
    harness.stripe.lists["/v1/tax_rates"] = []
    assert (await harness.run_now(rates)).counts.unstorable == 0
    assert await notes(harness) == []


async def test_an_object_without_an_id_is_noted_until_it_changes(harness: Harness) -> None:
    nameless: JsonObject = {"object": OBJECT_TYPE.name, "servicing_status": "active"}
    stock(harness, subscription("rcds_2"))
    await harness.deliver(subscription_event(identifier="rcds_2"))
    harness.stripe.lists[LIST].append(nameless)
    for expected in ([Resolution.UNSTORABLE], []):
        run = await verified(harness)
        assert [drift.resolution for drift in await harness.drifts(run)] == expected
        assert (run.counts.found, run.counts.unstorable) == (0, 1)
    harness.stripe.lists[LIST][-1] = {**nameless, "servicing_status": "paused"}
    before = await notes(harness)
    assert (await verified(harness)).counts.unstorable == 1
    assert [note.id for note in await notes(harness)] != [note.id for note in before]


# ---- the tick


async def counted(harness: Harness) -> dict[Metric, float]:
    """What a tick says of noted objects and of drift."""
    wanted = (Metric.UNSTORABLE_OBJECTS, Metric.UNSTORABLE_NOTICED, Metric.DRIFT_UNRESOLVED)
    return {metric: value for metric, value in (await ticked(harness)).counts() if metric in wanted}


async def test_a_tick_counts_it_and_for_an_hour_as_noticed(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    noticed = {Metric.UNSTORABLE_OBJECTS: 1, Metric.UNSTORABLE_NOTICED: 1, Metric.DRIFT_UNRESOLVED: 0}
    assert await counted(harness) == noticed
    harness.clock.advance(HOUR - MINUTE)
    assert await counted(harness) == noticed
    harness.clock.advance(MINUTE)
    assert await counted(harness) == {Metric.UNSTORABLE_OBJECTS: 1, Metric.DRIFT_UNRESOLVED: 0}


async def test_a_tick_removes_the_note_of_an_object_that_was_stored_since(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    stock(harness, subscription("rcds_1"), subscription("rcds_2"))
    await harness.deliver(subscription_event(identifier="rcds_1"))
    assert Metric.UNSTORABLE_OBJECTS not in await counted(harness)
    assert await notes(harness) == []


async def test_a_dry_run_leaves_it_alone_and_counts_it(harness: Harness) -> None:
    await changed_to_odd(harness)
    await verified(harness)
    before = await notes(harness)
    dry = dry_run_dependencies(harness.reconcile_dependencies)
    run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, dry)
    run = await execute_job(run, dry, until=harness.clock.now() + 100)
    assert (run.complete, run.counts.equal, run.counts.unstorable) == (True, 1, 1)
    assert (await drifts(run, dry), await notes(harness)) == ([], before)
