"""The first fetch of a version, also where backfill has inserted the version, and the second fetch."""

from billing_mirror.core import json_body
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from tests.doubles.samples import event, rate, rate_card, version
from tests.unit.harness import Harness

SCOPE = Scope(livemode=False)
CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"


async def test_an_event_of_a_backfilled_version_still_refreshes_its_rate_card(harness: Harness) -> None:
    body = version()
    ref = ref_to(SCOPE, "v2.billing.rate_card_version", "rcdv_1", "rcd_1")
    seen = Observation(harness.clock.now(), "2026-01-01.preview", "req_1", body, json_body.digest(body))
    await harness.mirror.put(ref, UNCLAIMED_TOKEN, item(ref, seen, None))
    harness.stripe.objects |= {VERSION: body, CARD: rate_card()}
    for of in ("rates", "custom_pricing_unit_overage_rates"):
        harness.stripe.lists[f"{CARD}/{of}?rate_card_version=rcdv_1"] = []
    await harness.deliver(event("v2.billing.rate_card_version.created", body, url=VERSION))
    requested = {json_body.parse(message.body)["id"] for message in harness.queue.waiting}
    assert requested == {"rcd_1", "rcdv_1"}, "the card, and its lists once more"


async def test_the_second_fetch_notices_a_deleted_rate_that_was_written_after_the_first(
    harness: Harness,
) -> None:
    """A slow worker fetched the rate before: when the list without the rate was first read, it was not mirrored."""
    harness.stripe.show_previews()
    body, deleted = version(), rate("rcdr_9")
    harness.stripe.objects |= {VERSION: body, CARD: rate_card()}
    for of in ("rates", "custom_pricing_unit_overage_rates"):
        harness.stripe.lists[f"{CARD}/{of}?rate_card_version=rcdv_1"] = []
    late = ref_to(SCOPE, "v2.billing.rate_card_rate", "rcdr_9", "rcd_1")
    token, _ = await harness.mirror.claim(late, harness.clock.now())
    seen = Observation(harness.clock.now(), "2026-01-01.preview", "req_1", deleted, json_body.digest(deleted))
    harness.clock.advance(5)
    await harness.deliver(event("v2.billing.rate_card_version.created", body, url=VERSION))
    await harness.mirror.put(late, token, item(late, seen, None))
    await harness.work()
    for _ in range(3):
        harness.clock.advance(61)
        await harness.work()
    assert harness.item("rcdr_9")["deleted"] is True
    assert harness.queue.waiting == []


async def test_the_second_fetch_waits_until_a_list_no_longer_lags(harness: Harness) -> None:
    body = version()
    harness.stripe.objects |= {VERSION: body, CARD: rate_card()}
    for of in ("rates", "custom_pricing_unit_overage_rates"):
        harness.stripe.lists[f"{CARD}/{of}?rate_card_version=rcdv_1"] = []
    await harness.deliver(event("v2.billing.rate_card_version.created", body, url=VERSION))
    await harness.work()
    harness.clock.advance(59)
    assert await harness.work() == []
    harness.clock.advance(1)
    [again] = await harness.work()
    assert again.item.ref is not None
    assert again.item.ref.id == "rcdv_1"
