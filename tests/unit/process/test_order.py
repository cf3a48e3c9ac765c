"""In which order the objects of a batch are worked on."""

import asyncio
from collections.abc import Sequence

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.process.messages import ReceivedMessage, Result, WorkItem
from billing_mirror.process.order import Group, owners_first
from tests.doubles.samples import cadence, event, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness


def group(type_name: str, identifier: str) -> Group:
    message = ReceivedMessage(identifier, "", "", 0.0, 1)
    return [WorkItem(message, ref=ref_to(Scope(livemode=False), type_name, identifier))]


class Work:
    """Notes what is worked on; ``fails`` names what fails."""

    def __init__(self, *fails: str) -> None:
        self.ended: list[str] = []
        self._fails = fails

    async def __call__(self, groups: Sequence[Group]) -> dict[str, Result]:
        names = [item.received.message_id for one in groups for item in one]
        await asyncio.sleep(0.001 * len(names))
        self.ended += names
        if not set(names).isdisjoint(self._fails):
            raise RuntimeError(names)
        return dict.fromkeys(names, (Outcome.STORED, 0.0))


INVOICE = group("invoice", "in_1")
OWNER = group("v2.billing.cadence", "bc_1")
DEPENDANT = group("v2.billing.rate_card_subscription", "rcds_1")


async def test_an_object_waits_for_those_that_know_its_customer() -> None:
    work = Work()
    results = await owners_first([DEPENDANT, INVOICE, OWNER], work)
    assert work.ended[-1] == "rcds_1"
    assert results.keys() == {"rcds_1", "in_1", "bc_1"}


async def test_an_object_without_an_owner_in_the_batch_waits_for_none() -> None:
    work = Work()
    await owners_first([DEPENDANT, INVOICE], work)
    assert work.ended == ["rcds_1", "in_1"], "one after the other in one call"


async def test_what_fails_keeps_nothing_waiting() -> None:
    work = Work("bc_1")
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(owners_first([DEPENDANT, OWNER], work), 1)
    await asyncio.sleep(0.01)
    assert work.ended == ["bc_1", "rcds_1"]


async def test_a_cadence_is_fetched_once_for_itself_and_its_subscriptions(harness: Harness) -> None:
    other = "/v2/billing/rate_card_subscriptions/rcds_2"
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), other: subscription("rcds_2"), CADENCE: cadence()}
    await harness.deliver(
        subscription_event(),
        event("v2.billing.rate_card_subscription.activated", subscription("rcds_2"), url=other),
        event("v2.billing.cadence.created", cadence(), url=CADENCE),
    )
    assert harness.stripe.paths.count(CADENCE) == 1
    assert {harness.item(one)["customer"] for one in ("rcds_1", "rcds_2")} == {"cus_1"}


async def test_the_creation_of_a_cadence_that_a_subscription_has_brought_costs_nothing(harness: Harness) -> None:
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence()}
    await harness.deliver(subscription_event())
    [ended] = await harness.deliver(event("v2.billing.cadence.created", cadence(), url=CADENCE))
    assert (ended.outcome, harness.stripe.paths.count(CADENCE)) == (Outcome.ALREADY_FRESH, 1)
