"""Objects below others: how their parent is learnt, and what a rate card version brings along."""

import json

import pytest

from billing_mirror.core import times
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import event, rate, rate_card, version
from tests.unit.harness import Harness

RATE = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
VERSION = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"
CARD = "/v2/billing/rate_cards/rcd_1"
RATES = "/v2/billing/rate_cards/rcd_1/rates"
OVERAGE = "v2.billing.rate_card_custom_pricing_unit_overage_rate"
OVERAGES = "/v2/billing/rate_cards/rcd_1/custom_pricing_unit_overage_rates"


async def test_a_placeholder_in_the_url_is_filled_from_the_fetched_event(harness: Harness) -> None:
    harness.stripe.objects |= {
        RATE: rate(),
        "/v2/core/events/evt_1": {"id": "evt_1", "data": {"rate_card": "rcd_1"}},
    }
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    [result] = await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=url, identifier="evt_1"))
    assert result.outcome is Outcome.STORED
    assert [request.url for request in harness.stripe.requests] == ["/v2/core/events/evt_1", RATE]


async def test_a_parent_in_the_url_saves_the_event(harness: Harness) -> None:
    harness.stripe.objects[RATE] = rate()
    await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=RATE))
    assert [request.url for request in harness.stripe.requests] == [RATE]


async def test_a_parent_that_the_mirror_knows_saves_the_event(harness: Harness) -> None:
    harness.stripe.objects[RATE] = rate()
    await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=RATE))
    harness.clock.advance(100)
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    await harness.deliver(event("v2.billing.rate_card_rate.updated", rate(), url=url))
    assert [request.url for request in harness.stripe.requests] == [RATE, RATE]


@pytest.mark.parametrize("age", [100, -30 * 86400], ids=["old", "made by a test clock in the future"])
async def test_an_unknown_parent_ends_in_quarantine(harness: Harness, age: float) -> None:
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    old = event("v2.billing.rate_card_rate.created", rate(), url=url, at=harness.clock.now() - age)
    [result] = await harness.deliver(old)
    assert result.outcome is Outcome.QUARANTINED
    assert harness.queue.quarantined[0][1].startswith("the parent of rcdr_1 is not known")


async def test_an_event_that_stripe_does_not_show_yet_is_retried(harness: Harness) -> None:
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    made = event("v2.billing.rate_card_rate.created", rate(), url=url, at=harness.clock.now() - 1)
    [result] = await harness.deliver(made)
    assert result.outcome is Outcome.POSTPONED


async def test_an_event_that_a_proxy_answers_for_is_retried(harness: Harness) -> None:
    harness.stripe.objects |= {RATE: rate(), "/v2/core/events/evt_1": {"error": "unavailable"}}
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    [result] = await harness.deliver(event("v2.billing.rate_card_rate.created", rate(), url=url))
    assert (result.outcome, harness.queue.quarantined) == (Outcome.POSTPONED, [])


async def test_any_event_of_the_object_may_name_its_parent(harness: Harness) -> None:
    harness.stripe.objects |= {RATE: rate(), "/v2/core/events/evt_2": {"id": "evt_2", "data": {"rate_card": "rcd_1"}}}
    url = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
    name, at = "v2.billing.rate_card_rate.created", harness.clock.now() - 100
    results = await harness.deliver(
        event(name, rate(), url=url, at=at), event(name, rate(), url=url, at=at, identifier="evt_2")
    )
    assert {result.outcome for result in results} == {Outcome.STORED}


async def _with_two_rates(harness: Harness) -> None:
    harness.stripe.objects |= {
        CARD: rate_card(live_version="rcdv_1"),
        VERSION: version(),
        RATE: rate(),
        "/v2/billing/rate_cards/rcd_1/rates/rcdr_2": rate("rcdr_2"),
    }
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = [rate(), rate("rcdr_2")]
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION))


async def test_a_new_version_brings_its_rates(harness: Harness) -> None:
    await _with_two_rates(harness)
    results = await harness.work()
    assert {result.outcome for result in results} == {Outcome.STORED}
    assert {"test#rcdr_1", "test#rcdr_2"} <= set(harness.mirror.objects)
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1", "rcdr_2"]}


async def test_the_rates_of_a_new_version_are_read_once_more(harness: Harness) -> None:
    """Lists lag: the first one may lack a rate that was made a moment ago."""
    harness.stripe.objects |= {CARD: rate_card(), VERSION: version(), RATE: rate()}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = []
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION))
    await harness.work()
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": []}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = [rate()]
    harness.clock.advance(60)
    await harness.work()
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1"]}
    await harness.work()
    assert harness.queue.waiting == []


async def test_a_fetch_within_the_minute_does_not_replace_the_second_read_of_the_rates(harness: Harness) -> None:
    """It may have come too early as well."""
    harness.stripe.objects |= {CARD: rate_card(), VERSION: version(), RATE: rate()}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = []
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION))
    harness.clock.advance(40)
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION, identifier="evt_2"))
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = [rate()]
    harness.clock.advance(21)
    await harness.work()
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1"]}


async def _with_a_version_that_lacks_a_rate_of_another(harness: Harness) -> str:
    """Both are mirrored, and the queue is empty. Returns the path of the second one."""
    await _with_two_rates(harness)
    url = "/v2/billing/rate_cards/rcd_1/versions/rcdv_2"
    harness.stripe.objects[url] = version("rcdv_2")
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_2"] = [rate()]
    await harness.work()
    await harness.deliver(event("v2.billing.rate_card_version.created", version("rcdv_2"), url=url))
    for _ in range(3):
        harness.clock.advance(60)
        await harness.work()
    assert harness.queue.waiting == []
    return url


async def test_a_version_with_an_unchanged_list_requests_no_rate_of_another(harness: Harness) -> None:
    url = await _with_a_version_that_lacks_a_rate_of_another(harness)
    [result] = await harness.deliver(event("v2.billing.rate_card_version.updated", version("rcdv_2"), url=url))
    assert (result.outcome, harness.queue.waiting) == (Outcome.UNCHANGED, [])


async def test_a_version_with_a_changed_list_requests_the_rates_that_it_lacks(harness: Harness) -> None:
    url = await _with_a_version_that_lacks_a_rate_of_another(harness)
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_2"] = []
    [result] = await harness.deliver(event("v2.billing.rate_card_version.updated", version("rcdv_2"), url=url))
    assert result.outcome is Outcome.STORED, "its body is as it was, its members are not"
    assert sorted(json.loads(one.body)["id"] for one in harness.queue.waiting) == ["rcdr_1", "rcdr_2"]


async def test_a_rate_that_the_new_version_has_lost_is_noticed(harness: Harness) -> None:
    harness.stripe.show_previews()
    await _with_two_rates(harness)
    await harness.work()
    harness.clock.advance(100)
    new = version("rcdv_2")
    url = "/v2/billing/rate_cards/rcd_1/versions/rcdv_2"
    harness.stripe.objects |= {url: new, CARD: rate_card(live_version="rcdv_2")}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_2"] = [rate()]
    del harness.stripe.objects["/v2/billing/rate_cards/rcd_1/rates/rcdr_2"]
    await harness.deliver(event("v2.billing.rate_card_version.created", new, url=url))
    assert Outcome.REMOVED in [result.outcome for result in await harness.work()]
    assert harness.item("rcdr_2")["deleted"] is True
    assert "deleted" not in harness.item("rcdr_1")
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1", "rcdr_2"]}


async def test_one_404_does_not_delete_a_new_rate_that_another_versions_list_lacks(
    harness: Harness,
) -> None:
    """Decision 13: that version may know nothing of it, and a replica may be behind."""
    made = rate("rcdr_2", created=times.iso(harness.clock.now()))
    path = f"{RATES}/rcdr_2"
    harness.stripe.objects |= {path: made, VERSION: version(), CARD: rate_card()}
    harness.stripe.lists |= {f"{RATES}?rate_card_version=rcdv_1": [], f"{OVERAGES}?rate_card_version=rcdv_1": []}
    await harness.deliver(event("v2.billing.rate_card_rate.created", made, url=path))
    harness.clock.advance(20)
    behind = harness.stripe.objects.pop(path)
    await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION, identifier="evt_2"))
    assert Outcome.POSTPONED in [result.outcome for result in await harness.work()]
    assert "deleted" not in harness.item("rcdr_2")
    harness.stripe.objects[path] = behind
    harness.clock.advance(41)
    assert Outcome.UNCHANGED in [result.outcome for result in await harness.work()]


async def test_a_deleted_rate_on_an_old_versions_list_is_not_fetched_again(harness: Harness) -> None:
    await _with_two_rates(harness)
    await harness.work()
    harness.clock.advance(100)
    await harness.work()
    del harness.stripe.objects["/v2/billing/rate_cards/rcd_1/rates/rcdr_2"]
    deletion = event("v2.billing.rate_card_rate.deleted", rate("rcdr_2"), url=f"{RATES}/rcdr_2", identifier="evt_2")
    await harness.deliver(deletion)
    assert harness.item("rcdr_2")["deleted"] is True
    url = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"
    updated = event(
        "v2.billing.rate_card_version.updated", version(), url=url, at=harness.clock.now(), identifier="evt_3"
    )
    [result] = await harness.deliver(updated)
    assert (result.outcome, harness.queue.waiting) == (Outcome.UNCHANGED, [])


async def test_a_rate_that_the_list_shows_and_stripe_does_not_show_yet_is_waited_for(harness: Harness) -> None:
    await _with_two_rates(harness)
    await harness.work()
    url, late = f"{RATES}/rcdr_3", rate("rcdr_3", created=times.iso(harness.clock.now()))
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"].append(late)
    await harness.deliver(event("v2.billing.rate_card_version.updated", version(), url=VERSION, identifier="evt_2"))
    assert Outcome.POSTPONED in [result.outcome for result in await harness.work()]
    assert "test#rcdr_3" not in harness.mirror.objects
    harness.stripe.objects[url] = late
    harness.clock.advance(10)
    await harness.work()
    assert harness.item("rcdr_3")["data"] == late


async def test_a_removed_rate_that_stripe_still_shows_is_missing_from_the_versions(harness: Harness) -> None:
    await _with_two_rates(harness)
    await harness.work()
    url = "/v2/billing/rate_cards/rcd_1/versions/rcdv_2"
    harness.stripe.objects[url] = version("rcdv_2")
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_2"] = [rate()]
    harness.clock.advance(100)
    await harness.deliver(event("v2.billing.rate_card_version.created", version("rcdv_2"), url=url))
    await harness.work()
    assert "deleted" not in harness.item("rcdr_2")
    assert harness.item("rcdv_2")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1"]}


async def test_a_new_version_refreshes_its_rate_card_although_no_event_says_so(harness: Harness) -> None:
    await _with_two_rates(harness)
    await harness.work()
    harness.stripe.objects[CARD] = rate_card(live_version="rcdv_2")
    url = "/v2/billing/rate_cards/rcd_1/versions/rcdv_2"
    harness.stripe.objects[url] = version("rcdv_2")
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_2"] = [rate(), rate("rcdr_2")]
    harness.clock.advance(100)
    await harness.deliver(event("v2.billing.rate_card_version.created", version("rcdv_2"), url=url))
    await harness.work()
    assert harness.item("rcd_1")["data"] == rate_card(live_version="rcdv_2")


async def test_refresh_requests_survive_a_failed_write(harness: Harness) -> None:
    """They are sent before the writes: after these, the redelivered message would be already fresh."""
    harness.stripe.objects |= {CARD: rate_card(), VERSION: version(), RATE: rate()}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = [rate()]
    harness.mirror.writes_fail = True
    [result] = await harness.deliver(event("v2.billing.rate_card_version.created", version(), url=VERSION))
    assert result.outcome is Outcome.POSTPONED
    requested = [json.loads(one.body)["id"] for one in harness.queue.waiting if "refresh" in one.body]
    assert sorted(requested) == ["rcd_1", "rcdv_1"]


async def test_a_list_that_stripe_does_not_show_yet_is_retried(harness: Harness) -> None:
    new = version(created=times.iso(harness.clock.now() - 5))
    harness.stripe.objects |= {CARD: rate_card(), VERSION: new}
    [result] = await harness.deliver(event("v2.billing.rate_card_version.created", new, url=VERSION))
    assert (result.outcome, result.trace) == (Outcome.POSTPONED, "")
    assert "test#rcdv_1" not in harness.mirror.objects


@pytest.mark.parametrize("seconds", [-100, 100], ids=["old", "made by a test clock in the future"])
async def test_a_list_that_an_account_does_not_have_keeps_nothing_else_out(harness: Harness, seconds: int) -> None:
    """Not every account has overage rates."""
    old = version(created=times.iso(harness.clock.now() + seconds))
    harness.stripe.objects |= {CARD: rate_card(), VERSION: old, RATE: rate()}
    harness.stripe.lists[f"{RATES}?rate_card_version=rcdv_1"] = [rate()]
    [result] = await harness.deliver(event("v2.billing.rate_card_version.created", old, url=VERSION))
    assert result.outcome is Outcome.STORED
    assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1"]}


async def test_every_list_of_a_version_is_kept_by_its_type(harness: Harness) -> None:
    await _with_two_rates(harness)
    overage: JsonObject = {**rate("cpuor_1"), "object": OVERAGE, "custom_pricing_unit": "cpu_1"}
    harness.stripe.lists[f"{OVERAGES}?rate_card_version=rcdv_1"] = [overage]
    harness.stripe.objects[f"{OVERAGES}/cpuor_1"] = overage
    harness.clock.advance(100)
    await harness.work()
    await harness.work()
    assert harness.item("rcdv_1")["members"] == {
        "v2.billing.rate_card_rate": ["rcdr_1", "rcdr_2"],
        OVERAGE: ["cpuor_1"],
    }
    assert harness.item("cpuor_1")["parent"] == "rcd_1"


async def test_the_components_of_a_pricing_plan_version_come_with_it(harness: Harness) -> None:
    plan = "/v2/billing/pricing_plans/bpp_1"
    made: JsonObject = {**version("bppv_1"), "object": "v2.billing.pricing_plan_version", "pricing_plan": "bpp_1"}
    part: JsonObject = {**version("bppc_1"), "object": "v2.billing.pricing_plan_component", "pricing_plan": "bpp_1"}
    harness.stripe.objects |= {f"{plan}/versions/bppv_1": made, f"{plan}/components/bppc_1": part}
    harness.stripe.objects[plan] = {**rate_card("bpp_1"), "object": "v2.billing.pricing_plan"}
    harness.stripe.lists[f"{plan}/components?pricing_plan_version=bppv_1"] = [part]
    url = f"{plan}/versions/bppv_1"
    await harness.deliver(event("v2.billing.pricing_plan_version.created", made, url=url))
    await harness.work()
    assert harness.item("bppv_1")["members"] == {"v2.billing.pricing_plan_component": ["bppc_1"]}
    assert harness.item("bppc_1")["parent"] == harness.item("bpp_1")["id"] == "bpp_1"
