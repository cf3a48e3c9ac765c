"""Mutants of what process needs before it removes, where no schedule does on Stripe's side what breaks them."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import PermanentError, RequestRefused
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.ports import Stripe
from billing_mirror.process.messages import ProcessDependencies
from billing_mirror.process.not_found import _require_shown
from billing_mirror.refresh.fetch import _members
from billing_mirror.refresh.follow_ups import FollowUps
from billing_mirror.refresh.members import _believable
from tests.doubles.samples import event, rate, rate_card, version
from tests.unit.harness import Harness

from .mutants.activation import activated
from .mutants.registry import Mutant, mutant, replaces

Scenario = Callable[[], Awaitable[bool]]
"""Whether it ended well."""
RATE = TYPES["v2.billing.rate_card_rate"]
CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"
RATES = f"{CARD}/rates?rate_card_version=rcdv_1"


async def mirrored(rates: int) -> Harness:
    """A version of a rate card with its rates, on both sides."""
    harness = Harness()
    made = [rate(f"rcdr_{number}") for number in range(rates)]
    harness.stripe.objects |= {CARD: rate_card(), VERSION: version()}
    harness.stripe.objects |= {f"{CARD}/rates/{body['id']}": body for body in made}
    harness.stripe.lists |= {RATES: made, f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    harness.stripe.show_previews()
    await settle(harness, event("v2.billing.rate_card_version.created", version(), url=VERSION))
    harness.clock.advance(1000)
    return harness


async def settle(harness: Harness, first: str) -> None:
    await harness.deliver(first)
    for _ in range(5):
        harness.clock.advance(61)
        await harness.work()


def updated(harness: Harness) -> str:
    at = harness.clock.now() - 100
    return event("v2.billing.rate_card_version.updated", version(), url=VERSION, at=at)


def is_anything_removed(harness: Harness) -> bool:
    return any(item.get("deleted") is True for item in harness.mirror.objects.values())


async def preview_off() -> bool:
    """Every URL of the preview answers 404: nothing is removed."""
    harness = await mirrored(3)
    harness.stripe.objects, harness.stripe.lists = {}, {}
    await settle(harness, updated(harness))
    return not is_anything_removed(harness)


async def emptied_list() -> bool:
    """The list of a version is empty, and its rates are not found: none is removed without a person."""
    harness = await mirrored(60)
    harness.stripe.lists[RATES] = []
    for number in range(60):
        del harness.stripe.objects[f"{CARD}/rates/rcdr_{number}"]
    await settle(harness, updated(harness))
    return not is_anything_removed(harness)


async def refused_list() -> bool:
    """Stripe refuses the list of a version once: its mirrored members stay."""
    harness = await mirrored(3)

    async def refuse(path: str) -> None:
        if path.startswith(f"{CARD}/rates?"):
            raise RequestRefused("Stripe answered 400 about limit", param="limit")

    harness.stripe.before_answer = refuse
    await settle(harness, updated(harness))
    members = harness.item("rcdv_1")["members"]
    return isinstance(members, dict) and RATE.name in members


@mutant("process believes a 404 of a preview that is switched off")
@replaces(_require_shown)
async def believes_preview(ref: ObjectRef, dependencies: ProcessDependencies) -> None:  # noqa: ARG001
    return


@mutant("a list of an owner has any number of members removed")
@replaces(_believable)
def believes_list(
    unlisted: Sequence[ObjectRef],
    formerly: frozenset[str],  # noqa: ARG001
    mirrored: int,  # noqa: ARG001
    follow_ups: FollowUps,  # noqa: ARG001
) -> list[ObjectRef]:
    return [*unlisted]


@mutant("a refused list of members counts as none")
@replaces(_members)
async def believes_refusal(
    ref: ObjectRef, type_name: str, stripe: Stripe, *, may_be_missing: bool
) -> tuple[JsonObject, ...] | None:
    try:
        return await _members(ref, type_name, stripe, may_be_missing=may_be_missing)
    except PermanentError:
        return None


@pytest.mark.parametrize("scenario", [preview_off, emptied_list, refused_list])
async def test_each_scenario_ends_well(scenario: Scenario) -> None:
    assert await scenario()


@pytest.mark.parametrize(
    ("scenario", "wrong"),
    [(preview_off, believes_preview), (emptied_list, believes_list), (refused_list, believes_refusal)],
    ids=lambda value: value.sentence.replace(" ", "-") if isinstance(value, Mutant) else value.__name__,
)
async def test_a_mutant_ends_wrong(scenario: Scenario, wrong: Mutant) -> None:
    with activated(wrong) as calls:
        assert not await scenario()
    assert all(calls.counts.values()), "the variant was called"
