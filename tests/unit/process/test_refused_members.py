"""A list of members that Stripe refuses once: the mirrored members stay, and the message says why."""

from billing_mirror.core.errors import FeatureUnavailable, RequestRefused
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.table.items import members_in
from tests.doubles.samples import event, rate, rate_card, version
from tests.unit.harness import Harness

CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"
RATES = f"{CARD}/rates?rate_card_version=rcdv_1"


async def mirror_version(harness: Harness) -> None:
    made = [rate(f"rcdr_{number}") for number in range(3)]
    harness.stripe.objects |= {
        CARD: rate_card(),
        VERSION: version(),
        **{f"{CARD}/rates/{body['id']}": body for body in made},
    }
    harness.stripe.lists |= {RATES: made, f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1": []}
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION))
    for _ in range(3):
        harness.clock.advance(61)
        await harness.work()
    harness.clock.advance(1000)


def refuse_rates(harness: Harness, error: Exception) -> None:
    async def refuse(path: str) -> None:
        if path.startswith(f"{CARD}/rates?"):
            raise error

    harness.stripe.before_answer = refuse


async def updated(harness: Harness) -> tuple[Outcome, str]:
    body = version(note="changed")
    harness.stripe.objects[VERSION] = body
    late = event("v2.billing.rate_card_version.updated", body, url=VERSION, at=harness.clock.now())
    [ended] = await harness.deliver(late)
    return ended.outcome, ended.reason


async def test_a_refused_parameter_erases_no_members(harness: Harness) -> None:
    await mirror_version(harness)
    reason = "Stripe answered 400 (invalid_request_error) about limit"
    refuse_rates(harness, RequestRefused(reason, param="limit"))
    before = members_in(harness.item("rcdv_1"))
    assert await updated(harness) == (Outcome.QUARANTINED, reason)
    assert members_in(harness.item("rcdv_1")) == before
    assert len(before["v2.billing.rate_card_rate"]) == 3
    assert harness.mirror.counters["test#rcdv_1"].claimed_at == 0.0, "the claim is closed"


async def test_a_feature_that_the_account_lacks_does_not_keep_the_object_out(harness: Harness) -> None:
    await mirror_version(harness)
    refuse_rates(harness, FeatureUnavailable("Stripe answered 400 (feature_not_enabled)"))
    assert await updated(harness) == (Outcome.STORED, "")
