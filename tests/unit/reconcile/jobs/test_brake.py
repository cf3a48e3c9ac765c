"""Many objects that Stripe does not return any more: a run removes none of them before a person confirms it."""

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.run import Job, Resolution, Run, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.tick import run_on_demand
from tests.doubles.samples import event, rate_card, version
from tests.unit.harness import Harness

METER = TYPES["billing.meter"]
METERS = "/v1/billing/meters"
CARDS = "/v2/billing/rate_cards"


def meter(number: int) -> JsonObject:
    return {"id": f"mtr_{number}", "object": METER.name, "created": 1_600_000_000 + number, "livemode": False}


async def mirror_meters(harness: Harness, count: int) -> None:
    """Both sides have these meters."""
    made = [meter(number) for number in range(count)]
    harness.stripe.objects |= {f"{METERS}/{body['id']}": body for body in made}
    harness.stripe.lists[METERS] = made
    for start in range(0, count, 50):
        await harness.deliver(
            *(
                event(
                    "v1.billing.meter.updated",
                    body,
                    url=f"{METERS}/{body['id']}",
                    identifier=f"evt_{body['id']}",
                )
                for body in made[start : start + 50]
            )
        )
    harness.clock.advance(100)


def lose(harness: Harness, count: int, *, still_there: int = 0) -> None:
    """Stripe lists these meters no more, and returns only some of them."""
    lost = harness.stripe.lists[METERS][:count]
    harness.stripe.lists[METERS] = harness.stripe.lists[METERS][count:]
    for body in lost[still_there:]:
        del harness.stripe.objects[f"{METERS}/{body['id']}"]


def tombstones(harness: Harness) -> int:
    return sum(item.get("deleted") is True for item in harness.mirror.objects.values())


async def confirmed(harness: Harness, *, seconds: float = 100.0) -> Run:
    report: TickReport = await run_on_demand(
        RunRequest(((METER.name, Job.VERIFY),), confirm_deletions=True),
        harness.reconcile_dependencies,
        deadline=harness.clock.now() + seconds,
    )
    [worked] = report.worked
    return worked.run


async def test_where_everything_is_gone_the_run_fails_and_removes_nothing(harness: Harness) -> None:
    await mirror_meters(harness, 120)
    lose(harness, 120)
    run = await harness.run_now(METER)
    assert (run.status, tombstones(harness)) == (Status.FAILED, 0)
    assert "of 120 mirrored objects" in run.reason
    assert "confirm_deletions" in run.reason
    assert run.counts.held > 24
    evidence = await harness.drifts(run)
    assert {drift.resolution for drift in evidence} == {Resolution.UNRESOLVED}


async def test_the_metric_of_the_alarm_counts_what_is_held(harness: Harness) -> None:
    await mirror_meters(harness, 30)
    lose(harness, 30)
    job = RunRequest(((METER.name, Job.VERIFY),))
    report = await run_on_demand(job, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
    assert dict(report.counts())[Metric.DELETIONS_HELD] == 30


async def test_a_few_are_removed_whatever_their_share(harness: Harness) -> None:
    await mirror_meters(harness, 20)
    lose(harness, 20)
    run = await harness.run_now(METER)
    assert (run.complete, run.counts.repaired, run.counts.held, tombstones(harness)) == (True, 20, 0, 20)


async def test_a_small_share_is_removed_however_many_they_are(harness: Harness) -> None:
    await mirror_meters(harness, 150)
    lose(harness, 30)
    run = await harness.run_now(METER)
    assert (run.complete, run.counts.repaired, tombstones(harness)) == (True, 30, 30)


async def test_unlisted_objects_that_stripe_returns_do_not_fail_the_run(harness: Harness) -> None:
    """The few that are gone among them are removed at the end."""
    await mirror_meters(harness, 100)
    lose(harness, 100, still_there=85)
    run = await harness.run_now(METER)
    assert (run.complete, run.counts.held, tombstones(harness)) == (True, 0, 15)
    assert (run.counts.repaired, run.counts.unresolved) == (15, 0)


async def test_a_person_confirms_the_deletions(harness: Harness) -> None:
    await mirror_meters(harness, 120)
    lose(harness, 120)
    assert (await harness.run_now(METER)).status is Status.FAILED
    run = await confirmed(harness)
    assert (run.complete, run.counts.repaired, tombstones(harness)) == (True, 120, 120)


async def test_a_confirmation_holds_for_one_run_only(harness: Harness) -> None:
    await mirror_meters(harness, 60)
    lose(harness, 30)
    assert (await confirmed(harness)).complete
    harness.clock.advance(100)
    lose(harness, 30)
    run = await harness.run_now(METER)
    assert (run.status, run.deletions_confirmed, tombstones(harness)) == (Status.FAILED, False, 30)


async def test_a_confirmation_replaces_a_run_that_has_none(harness: Harness) -> None:
    await mirror_meters(harness, 60)
    lose(harness, 60)
    assert (await harness.run_now(METER, seconds=0.0)).status is Status.RUNNING
    assert (await confirmed(harness)).complete
    assert tombstones(harness) == 60


async def test_what_is_held_survives_the_tick(harness: Harness) -> None:
    """The next tick still removes nothing, and fails the run."""
    await mirror_meters(harness, 300)
    lose(harness, 300)
    requested = 0

    async def stop(path: str) -> None:
        nonlocal requested
        requested += path.startswith(f"{METERS}/")
        if requested == 40:
            raise TimeoutError

    harness.stripe.before_answer = stop
    for _ in range(3):
        run = await harness.run_now(METER, seconds=30.0)
    assert (run.status, tombstones(harness)) == (Status.FAILED, 0)


# ---- a preview that is switched off


async def mirror_versions(harness: Harness, cards: int) -> None:
    """Rate cards, each with one version, on both sides."""
    made = [rate_card(f"rcd_{number}") for number in range(cards)]
    harness.stripe.lists |= {CARDS: made, f"{CARDS}?active=false": []}
    for number, body in enumerate(made):
        path = f"{CARDS}/{body['id']}"
        shown = version(f"rcdv_{number}", rate_card=body["id"])
        harness.stripe.objects |= {path: body, f"{path}/versions/{shown['id']}": shown}
        harness.stripe.lists[f"{path}/versions"] = [shown]
        harness.stripe.lists[f"{path}/rates?rate_card_version={shown['id']}"] = []
        harness.stripe.lists[f"{path}/custom_pricing_unit_overage_rates?rate_card_version={shown['id']}"] = []
        await harness.deliver(
            event("v2.billing.rate_card.created", body, url=path, identifier=f"evt_c{number}"),
            event(
                "v2.billing.rate_card_version.created",
                shown,
                url=f"{path}/versions/{shown['id']}",
                identifier=f"evt_v{number}",
            ),
        )
    harness.clock.advance(100)


def switch_preview_off(harness: Harness) -> None:
    for answers in (harness.stripe.objects, harness.stripe.lists):
        for path in [path for path in answers if path.startswith("/v2/billing")]:
            del answers[path]


VERSION = TYPES["v2.billing.rate_card_version"]


async def test_a_preview_that_is_switched_off_removes_nothing(harness: Harness) -> None:
    await mirror_versions(harness, 5)
    switch_preview_off(harness)
    for name in ("v2.billing.rate_card", VERSION.name):
        run = await harness.run_now(TYPES[name])
        assert (run.status, tombstones(harness)) == (Status.UNAVAILABLE, 0)


async def test_an_object_without_a_list_outlives_a_preview_that_is_switched_off(harness: Harness) -> None:
    profile: JsonObject = {"id": "bilp_1", "object": "v2.billing.profile", "livemode": False, "created": "2026-01-01"}
    harness.stripe.objects["/v2/billing/profiles/bilp_1"] = profile
    await harness.deliver(event("v2.billing.profile.created", profile, url="/v2/billing/profiles/bilp_1"))
    harness.clock.advance(100)
    switch_preview_off(harness)
    run = await harness.run_now(TYPES["v2.billing.profile"])
    assert (run.status, tombstones(harness)) == (Status.UNAVAILABLE, 0)


async def test_an_owner_whose_list_is_missing_keeps_its_members(harness: Harness) -> None:
    """Only an owner that is gone explains why its list is."""
    await mirror_versions(harness, 3)
    del harness.stripe.lists[f"{CARDS}/rcd_1/versions"]
    del harness.stripe.objects[f"{CARDS}/rcd_1/versions/rcdv_1"]
    run = await harness.run_now(VERSION)
    assert (run.complete, run.counts.lists_unreadable, tombstones(harness)) == (True, 1, 0)
    [drift] = await harness.drifts(run)
    assert (drift.id, drift.resolution) == ("rcd_1", Resolution.UNRESOLVED)


async def test_an_owner_that_is_gone_takes_its_members_with_it(harness: Harness) -> None:
    await mirror_versions(harness, 3)
    for answers in (harness.stripe.objects, harness.stripe.lists):
        for path in [path for path in answers if path.startswith(f"{CARDS}/rcd_1")]:
            del answers[path]
    run = await harness.run_now(VERSION)
    assert (run.complete, run.counts.repaired, tombstones(harness)) == (True, 1, 1)
