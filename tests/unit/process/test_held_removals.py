"""A list of an owner that lacks too many of its members removes none of them: that is left to a verify run."""

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.runs.run import Job, Resolution, Status
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.table.items import members_in
from billing_mirror.process.messages import MessageResult
from billing_mirror.reconcile.tick import run_on_demand
from tests.doubles.samples import event, rate, rate_card, version
from tests.unit.harness import Harness

RATE = TYPES["v2.billing.rate_card_rate"]
CARD = "/v2/billing/rate_cards/rcd_1"
RATES, VERSIONS = f"{CARD}/rates", f"{CARD}/versions"


def publish(harness: Harness, name: str, numbers: range) -> str:
    """Stripe has a version with these rates; returns the event."""
    made = [rate(f"rcdr_{number}", rate_card_version=name) for number in numbers]
    harness.stripe.objects |= {f"{VERSIONS}/{name}": version(name), **{f"{RATES}/{body['id']}": body for body in made}}
    harness.stripe.lists |= {
        f"{RATES}?rate_card_version={name}": made,
        f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version={name}": [],
    }
    harness.stripe.lists.setdefault(VERSIONS, []).append(version(name))
    return event(
        "v2.billing.rate_card_version.created", version(name), url=f"{VERSIONS}/{name}", identifier=f"evt_{name}"
    )


async def mirror_rates(harness: Harness, count: int) -> None:
    """Both sides have a version with so many rates."""
    harness.stripe.objects[CARD] = rate_card()
    harness.stripe.show_previews()
    harness.stripe.lists["/v2/billing/rate_cards"] = [rate_card()]
    await settled(harness, publish(harness, "rcdv_1", range(count)))
    harness.clock.advance(4000)


async def settled(harness: Harness, *bodies: str) -> list[MessageResult]:
    """Delivers messages and all that follows from them."""
    ended = await harness.deliver(*bodies)
    for _ in range(10):
        harness.clock.advance(61)
        ended += await harness.work()
    assert harness.queue.waiting == []
    return ended


def lose(harness: Harness, count: int, *, still_there: bool = False) -> None:
    """Stripe lists these rates no more, and returns them only if they are ``still_there``."""
    listed = harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"]
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = listed[count:]
    for body in listed[:count] if not still_there else ():
        del harness.stripe.objects[f"{RATES}/{body['id']}"]


def updated(harness: Harness) -> str:
    url = f"{VERSIONS}/rcdv_1"
    return event("v2.billing.rate_card_version.updated", version(), url=url, at=harness.clock.now())


def tombstones(harness: Harness) -> int:
    return sum(item.get("deleted") is True for item in harness.mirror.objects.values())


async def test_an_empty_list_removes_nothing_and_says_so(harness: Harness) -> None:
    await mirror_rates(harness, 60)
    lose(harness, 60)
    [ended, *_] = await settled(harness, updated(harness))
    assert (ended.outcome, tombstones(harness)) == (Outcome.REMOVALS_HELD, 0)
    assert "lacks more of its members than may be removed without a person's word" in ended.reason
    assert members_in(harness.item("rcdv_1"))[RATE.name] == frozenset(), "the list itself is stored"


async def test_a_few_are_removed(harness: Harness) -> None:
    await mirror_rates(harness, 60)
    lose(harness, 20)
    [ended, *_] = await settled(harness, updated(harness))
    assert (ended.outcome, tombstones(harness)) == (Outcome.STORED, 20)


async def test_what_stripe_still_returns_costs_no_requests(harness: Harness) -> None:
    await mirror_rates(harness, 60)
    lose(harness, 60, still_there=True)
    before = len(harness.stripe.requests)
    await settled(harness, updated(harness))
    assert not [path for path in harness.stripe.paths[before:] if path.startswith(f"{RATES}/")]


async def test_rates_of_another_version_are_not_held(harness: Harness) -> None:
    """A new version shows none of them, and never did."""
    await mirror_rates(harness, 60)
    ended = await settled(harness, publish(harness, "rcdv_2", range(100, 103)))
    assert Outcome.REMOVALS_HELD not in {one.outcome for one in ended}
    lose(harness, 5)
    await settled(harness, updated(harness))
    assert tombstones(harness) == 5, "the few are removed beside many of another version"


async def test_the_other_versions_of_a_card_are_not_removed_either(harness: Harness) -> None:
    """A list that lacks few of its members leads to no refresh of the many that it never showed."""
    await mirror_rates(harness, 60)
    await settled(harness, publish(harness, "rcdv_2", range(100, 150)))
    for number in range(100, 150):
        del harness.stripe.objects[f"{RATES}/rcdr_{number}"]
    lose(harness, 1)
    await settled(harness, updated(harness))
    assert tombstones(harness) == 1


async def test_verify_queues_none_of_them_and_a_confirmed_run_removes_them(harness: Harness) -> None:
    await mirror_rates(harness, 60)
    lose(harness, 60)
    run = await harness.run_now(RATE)
    assert (run.status, tombstones(harness)) == (Status.FAILED, 0)
    owner = next(drift for drift in await harness.drifts(run) if drift.id == "rcdv_1")
    assert (owner.resolution, "person's word" in owner.reason) == (Resolution.UNRESOLVED, True)
    await settled(harness)
    assert tombstones(harness) == 0
    request = RunRequest(((RATE.name, Job.VERIFY),), confirm_deletions=True)
    await run_on_demand(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
    assert tombstones(harness) == 60


async def test_a_confirmed_run_that_finds_them_first_leaves_nothing_unresolved(harness: Harness) -> None:
    await mirror_rates(harness, 60)
    lose(harness, 60)
    request = RunRequest(((RATE.name, Job.VERIFY),), confirm_deletions=True)
    report = await run_on_demand(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
    [worked] = report.worked
    assert (worked.run.complete, worked.run.counts.unresolved, tombstones(harness)) == (True, 0, 60)
