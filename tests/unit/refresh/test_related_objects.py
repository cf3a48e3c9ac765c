"""Objects that no event announces: an object that names one requests a fetch, unless it is mirrored."""

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from tests.doubles.samples import cadence, event, sample, subscription, subscription_event
from tests.unit.harness import Harness

PLAN = "/v2/billing/pricing_plans/bpp_1"
COMPONENT = f"{PLAN}/components/bppc_1"
ACTION = "/v2/billing/service_actions/svca_1"
CADENCE = "/v2/billing/cadences/bc_1"
PROFILE = "/v2/billing/profiles/bilp_1"


def component(identifier: str = "bppc_1", action: str | None = "svca_1") -> JsonObject:
    return sample(
        "v2.billing.pricing_plan_component", id=identifier, pricing_plan="bpp_1", service_action=action, type="x"
    )


def stock(harness: Harness) -> None:
    harness.stripe.objects |= {
        COMPONENT: component(),
        f"{PLAN}/components/bppc_2": component("bppc_2"),
        ACTION: sample("v2.billing.service_action", id="svca_1"),
    }


def created(body: JsonObject) -> str:
    url = f"{PLAN}/components/{body['id']}"
    return event("v2.billing.pricing_plan_component.created", body, url=url, identifier=f"evt_{body['id']}")


async def test_a_service_action_that_a_component_names_is_fetched(harness: Harness) -> None:
    stock(harness)
    await harness.deliver(created(component()))
    [ended] = await harness.work()
    assert ended.outcome is Outcome.STORED
    assert harness.item("svca_1")["data"] == harness.stripe.objects[ACTION]
    assert harness.queue.waiting == []


async def test_a_service_action_that_is_mirrored_costs_no_request(harness: Harness) -> None:
    stock(harness)
    await harness.deliver(created(component()))
    await harness.work()
    harness.clock.advance(100)
    await harness.deliver(created(component("bppc_2")))
    assert harness.queue.waiting == []
    assert harness.stripe.paths.count(ACTION) == 1


async def test_two_that_name_the_same_one_have_it_fetched_once(harness: Harness) -> None:
    stock(harness)
    await harness.deliver(created(component()), created(component("bppc_2")))
    await harness.work()
    assert harness.stripe.paths.count(ACTION) == 1


async def test_a_component_that_names_none_asks_for_none(harness: Harness) -> None:
    harness.stripe.objects[COMPONENT] = component(action=None)
    await harness.deliver(created(component(action=None)))
    assert (harness.queue.waiting, harness.stripe.paths) == ([], [COMPONENT])


async def test_one_that_stripe_does_not_show_yet_is_waited_for(harness: Harness) -> None:
    stock(harness)
    action = harness.stripe.objects.pop(ACTION)
    await harness.deliver(created(component()))
    [ended] = await harness.work()
    assert ended.outcome is Outcome.POSTPONED
    harness.stripe.objects[ACTION] = action
    harness.clock.advance(10)
    [ended] = await harness.work()
    assert ended.outcome is Outcome.STORED


async def test_a_deleted_related_object_is_fetched_again_only_when_an_object_names_it_again(harness: Harness) -> None:
    harness.stripe.show_previews()
    stock(harness)
    action = harness.stripe.objects.pop(ACTION)
    await harness.deliver(created(component()))
    harness.clock.advance(100)
    [ended] = await harness.work()
    assert (ended.outcome, harness.queue.waiting) == (Outcome.REMOVED, [])
    harness.stripe.objects[ACTION] = action
    await harness.deliver(created(component("bppc_2")))
    await harness.work()
    assert "deleted" not in harness.item("svca_1")


async def test_objects_that_a_cadence_names_are_fetched_even_if_only_its_customer_was_needed(
    harness: Harness,
) -> None:
    """Its own event then finds it fresh."""
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    harness.stripe.objects |= {
        "/v2/billing/rate_card_subscriptions/rcds_1": subscription(),
        CADENCE: cadence(payer=payer),
        PROFILE: sample("v2.billing.profile", id="bilp_1"),
    }
    await harness.deliver(subscription_event())
    await harness.work()
    assert harness.item("bilp_1")["type"] == "v2.billing.profile"


async def test_what_reconcile_finds_has_its_references_fetched_too(harness: Harness) -> None:
    payer: JsonObject = {"type": "customer", "customer": "cus_1", "billing_profile": "bilp_1"}
    harness.stripe.objects |= {CADENCE: cadence(payer=payer), PROFILE: sample("v2.billing.profile", id="bilp_1")}
    includes = "include%5B0%5D=invoice_discount_rules&include%5B1%5D=settings_data"
    harness.stripe.lists[f"/v2/billing/cadences?{includes}"] = [cadence(payer=payer)]
    object_type = catalog.TYPES["v2.billing.cadence"]
    assert (await harness.run_now(object_type)).complete
    [ended] = await harness.work()
    assert (ended.outcome, harness.item("bilp_1")["type"]) == (Outcome.STORED, "v2.billing.profile")


@pytest.mark.parametrize("malicious", ["..", "a/b", "svca_1?x", "%2e"])
async def test_a_malicious_reference_is_not_followed(harness: Harness, malicious: str) -> None:
    harness.stripe.objects[COMPONENT] = component(action=malicious)
    [ended] = await harness.deliver(created(component()))
    assert (ended.outcome, harness.stripe.paths) == (Outcome.STORED, [COMPONENT])
    assert harness.queue.waiting == []
