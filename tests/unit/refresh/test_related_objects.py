"""Objects that no event announces: whoever names one has it fetched, unless it is mirrored."""

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.outcome import Outcome
from tests.doubles.samples import cadence, event, sample, subscription, subscription_event
from tests.unit.harness import House

PLAN = "/v2/billing/pricing_plans/bpp_1"
COMPONENT = f"{PLAN}/components/bppc_1"
ACTION = "/v2/billing/service_actions/svca_1"
CADENCE = "/v2/billing/cadences/bc_1"
PROFILE = "/v2/billing/profiles/bilp_1"


def component(identifier: str = "bppc_1", action: str | None = "svca_1") -> JsonObject:
    return sample(
        "v2.billing.pricing_plan_component", id=identifier, pricing_plan="bpp_1", service_action=action, type="x"
    )


def stock(house: House) -> None:
    house.stripe.objects |= {
        COMPONENT: component(),
        f"{PLAN}/components/bppc_2": component("bppc_2"),
        ACTION: sample("v2.billing.service_action", id="svca_1"),
    }


def created(body: JsonObject) -> str:
    url = f"{PLAN}/components/{body['id']}"
    return event("v2.billing.pricing_plan_component.created", body, url=url, identifier=f"evt_{body['id']}")


async def test_a_service_action_that_a_component_names_is_fetched(house: House) -> None:
    stock(house)
    await house.deliver(created(component()))
    [ended] = await house.work()
    assert ended.outcome is Outcome.STORED
    assert house.item("svca_1")["data"] == house.stripe.objects[ACTION]
    assert house.queue.waiting == []


async def test_a_service_action_that_is_mirrored_costs_no_request(house: House) -> None:
    stock(house)
    await house.deliver(created(component()))
    await house.work()
    house.clock.advance(100)
    await house.deliver(created(component("bppc_2")))
    assert house.queue.waiting == []
    assert house.stripe.paths.count(ACTION) == 1


async def test_two_that_name_the_same_one_have_it_fetched_once(house: House) -> None:
    stock(house)
    await house.deliver(created(component()), created(component("bppc_2")))
    await house.work()
    assert house.stripe.paths.count(ACTION) == 1


async def test_a_component_that_names_none_asks_for_none(house: House) -> None:
    house.stripe.objects[COMPONENT] = component(action=None)
    await house.deliver(created(component(action=None)))
    assert (house.queue.waiting, house.stripe.paths) == ([], [COMPONENT])


async def test_one_that_stripe_does_not_show_yet_is_waited_for(house: House) -> None:
    stock(house)
    action = house.stripe.objects.pop(ACTION)
    await house.deliver(created(component()))
    [ended] = await house.work()
    assert ended.outcome is Outcome.POSTPONED
    house.stripe.objects[ACTION] = action
    house.clock.advance(10)
    [ended] = await house.work()
    assert ended.outcome is Outcome.STORED


async def test_one_that_is_gone_is_looked_for_again_only_when_it_is_named_again(house: House) -> None:
    stock(house)
    action = house.stripe.objects.pop(ACTION)
    await house.deliver(created(component()))
    house.clock.advance(100)
    [ended] = await house.work()
    assert (ended.outcome, house.queue.waiting) == (Outcome.REMOVED, [])
    house.stripe.objects[ACTION] = action
    await house.deliver(created(component("bppc_2")))
    await house.work()
    assert "deleted" not in house.item("svca_1")


async def test_what_a_cadence_names_is_fetched_even_if_the_cadence_was_only_asked_for_a_customer(house: House) -> None:
    """Its own event then finds it fresh."""
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    house.stripe.objects |= {
        "/v2/billing/rate_card_subscriptions/rcds_1": subscription(),
        CADENCE: cadence(payer=payer),
        PROFILE: sample("v2.billing.profile", id="bilp_1"),
    }
    await house.deliver(subscription_event())
    await house.work()
    assert house.item("bilp_1")["type"] == "v2.billing.profile"


async def test_what_reconcile_finds_has_its_references_fetched_too(house: House) -> None:
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    house.stripe.objects |= {CADENCE: cadence(payer=payer), PROFILE: sample("v2.billing.profile", id="bilp_1")}
    includes = "include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"
    house.stripe.lists[f"/v2/billing/cadences?{includes}"] = [cadence(payer=payer)]
    row = catalog.TYPES["v2.billing.cadence"]
    assert (await house.passed(row)).complete
    [ended] = await house.work()
    assert (ended.outcome, house.item("bilp_1")["type"]) == (Outcome.STORED, "v2.billing.profile")


@pytest.mark.parametrize("hostile", ["..", "a/b", "svca_1?x", "%2e"])
async def test_a_hostile_reference_is_not_followed(house: House, hostile: str) -> None:
    house.stripe.objects[COMPONENT] = component(action=hostile)
    [ended] = await house.deliver(created(component()))
    assert (ended.outcome, house.stripe.paths) == (Outcome.STORED, [COMPONENT])
    assert house.queue.waiting == []
