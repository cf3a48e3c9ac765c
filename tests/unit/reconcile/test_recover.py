"""Which events are taken for lost, and what becomes of those that are."""

from dataclasses import replace

import pytest

from billing_mirror.core.drift import Difference
from billing_mirror.core.items import Observation, item
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.mirror_state import READ_LAG
from billing_mirror.core.object_ref import named
from billing_mirror.core.run import Drift, Resolution, Status
from billing_mirror.core.schedule import DAY, EVENTS, HOUR
from billing_mirror.reconcile.recover import ON_ITS_WAY, OVERLAP, PATH
from billing_mirror.reconcile.runs.lifecycle import last_run
from tests.doubles.samples import subscription, subscription_event
from tests.unit.harness import House

from .listed_events import HOME, NAME, SCOPE, queued, recovered, thin
from .listed_events import house as house


class TestAnEvent:
    async def test_whose_change_the_mirror_does_not_show_is_queued(self, house: House) -> None:
        house.stripe.events = [thin(house, "rcds_1", HOUR)]
        run = await recovered(house)
        assert (run.status, run.counts.compared, run.counts.queued, run.counts.equal) == (Status.COMPLETE, 1, 1, 0)
        assert [message.group for message in house.queue.waiting] == ["test:recovered"]
        await house.work()
        assert house.item("rcds_1")["data"] == subscription("rcds_1")

    async def test_that_was_received_before_the_fetch_is_covered_whatever_the_clocks_say(self, house: House) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() + 30))
        house.clock.advance(HOUR)
        house.stripe.events = [thin(house, "rcds_1", HOUR - 30)]
        assert ((await recovered(house)).counts.equal, queued(house)) == (1, [])

    async def test_that_was_made_after_what_was_received_is_lost(self, house: House) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now()))
        house.clock.advance(HOUR)
        house.stripe.events = [thin(house, "rcds_1", HOUR - 1)]
        assert ((await recovered(house)).counts.queued, queued(house)) == (1, ["evt_1"])

    @pytest.mark.parametrize(("lead", "count"), [(READ_LAG, 1), (READ_LAG + 1, 0)])
    async def test_is_covered_by_a_fetch_only_when_that_came_much_later(
        self, house: House, lead: float, count: int
    ) -> None:
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() - DAY))
        house.stripe.events = [thin(house, "rcds_1", lead)]
        house.clock.advance(HOUR)
        assert (await recovered(house)).counts.queued == count

    async def test_is_not_covered_by_a_fetch_after_which_somebody_has_claimed(self, house: House) -> None:
        """Who claimed later may have fetched before the change, and would still replace what shows it."""
        await house.deliver(subscription_event(identifier="rcds_1", at=house.clock.now() - DAY))
        await house.mirror.claim(named(SCOPE, NAME, "rcds_1"), 0.0)
        house.stripe.events = [thin(house, "rcds_1", HOUR)]
        assert (await recovered(house)).counts.queued == 1

    @pytest.mark.parametrize(("lead", "count"), [(READ_LAG, 1), (READ_LAG + 1, 0)])
    async def test_is_covered_by_a_page_only_when_that_came_very_much_later(
        self, house: House, lead: float, count: int
    ) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        seen = Observation(house.clock.now(), "", "", subscription())
        await house.mirror.put(subject, 0, item(subject, seen, "cus_1"))
        house.stripe.events = [thin(house, "rcds_1", lead)]
        house.clock.advance(HOUR)
        assert (await recovered(house)).counts.queued == count

    async def test_is_covered_by_a_fetch_that_is_on_its_way(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 600)]
        await house.mirror.claim(subject, house.clock.now() - 500)
        assert (await recovered(house)).counts.queued == 0

    async def test_is_not_covered_by_a_fetch_that_was_claimed_before_it(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 600)]
        await house.mirror.claim(subject, house.clock.now() - 700)
        assert (await recovered(house)).counts.queued == 1

    async def test_is_not_covered_by_a_fetch_that_has_died(self, house: House) -> None:
        subject = named(SCOPE, NAME, "rcds_1")
        house.stripe.events = [thin(house, "rcds_1", 2 * HOUR)]
        await house.mirror.claim(subject, house.clock.now() - 1.5 * HOUR)
        assert (await recovered(house)).counts.queued == 1

    async def test_of_several_about_one_object_only_the_newest_is_queued(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 1000, "evt_1"),
            thin(house, "rcds_1", 800, "evt_2"),
            thin(house, "rcds_2", 700, "evt_3"),
            thin(house, "rcds_1", 900, "evt_4"),
        ]
        run = await recovered(house)
        assert (sorted(map(str, queued(house))), run.counts.queued) == (["evt_2", "evt_3"], 2)

    async def test_of_a_kind_that_the_catalog_does_not_have_is_left_alone(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 600, type="v2.core.account.updated"),
            thin(house, "rcds_1", 600, type="v1.balance.available"),
            thin(house, "rcds_1", 600, type=None),
        ]
        run = await recovered(house)
        assert (run.counts.compared, run.counts.queued, run.counts.unresolved, queued(house)) == (3, 0, 0, [])

    @pytest.mark.parametrize("other", [{"livemode": True}, {"context": "acct_1"}])
    async def test_of_somebody_else_is_left_alone(self, house: House, other: dict[str, Json]) -> None:
        house.stripe.events = [{**thin(house, "rcds_1", 600), **other}]
        assert ((await recovered(house)).counts.queued, queued(house)) == (0, [])

    async def test_that_cannot_be_read_is_noted_and_the_others_are_recovered(self, house: House) -> None:
        house.stripe.events = [
            thin(house, "rcds_1", 700, "evt/../1"),
            thin(house, "rcds_1", 600, related_object={"id": "../..", "type": NAME, "url": f"{HOME}/../.."}),
            thin(house, "rcds_2", 600, "evt_2"),
        ]
        run = await recovered(house)
        drifts = await house.drifts(run)
        assert [(one.id, one.difference, one.resolution) for one in drifts] == [
            ("evt/../1", Difference.MISSING, Resolution.UNRESOLVED),
            ("evt_1", Difference.MISSING, Resolution.UNRESOLVED),
        ]
        assert all(one.reason for one in drifts)
        assert (run.status, queued(house)) == (Status.COMPLETE, ["evt_2"])

    async def test_that_was_just_made_is_left_to_its_webhook(self, house: House) -> None:
        house.stripe.events = [thin(house, "rcds_1", ON_ITS_WAY - 1)]
        run = await recovered(house)
        assert run.counts.compared == 0
        house.clock.advance(10)
        assert (await recovered(house)).counts.queued == 1

    async def test_that_is_listed_late_is_found_by_the_next_run(self, house: House) -> None:
        await recovered(house)
        house.clock.advance(300)
        house.stripe.events = [thin(house, "rcds_1", OVERLAP)]
        assert (await recovered(house)).counts.queued == 1


class TestAnEventThatWasNeverGenerated:
    def failure(self, house: House, **impact: Json) -> JsonObject:
        name = "v2.core.health.event_generation_failure.resolved"
        told = thin(house, "rcds_1", 600, "evt_failure", type=name, related_object=None)
        related: JsonObject = {"id": "rcds_1", "type": NAME, "url": f"{HOME}/rcds_1"}
        data: JsonObject = {"impact": {"event_type": f"{NAME}.servicing_paused", "related_object": related, **impact}}
        house.stripe.objects[f"{PATH}/evt_failure"] = {**told, "data": data}
        return told

    async def test_is_queued_and_its_type_compared(self, house: House) -> None:
        house.stripe.events = [self.failure(house)]
        run = await recovered(house)
        assert (run.counts.queued, queued(house)) == (1, ["evt_failure"])
        await house.work()
        assert house.item("rcds_1")["data"] == subscription("rcds_1")
        compared = await last_run(NAME, house.watch)
        assert compared is not None
        assert compared.status is Status.RUNNING
        assert await last_run("customer", house.watch) is None

    @pytest.mark.parametrize(
        ("event_type", "name"), [(f"{NAME}.servicing_paused", NAME), ("v1.customer.discount.created", "customer")]
    )
    async def test_that_was_about_nobody_knows_which_object_has_its_type_compared(
        self, house: House, event_type: str, name: str
    ) -> None:
        house.stripe.events = [self.failure(house, event_type=event_type, related_object=None)]
        assert (await recovered(house)).complete
        compared = await last_run(name, house.watch)
        assert compared is not None
        assert compared.status is Status.RUNNING

    async def test_is_seen_to_once(self, house: House) -> None:
        house.stripe.events = [self.failure(house)]
        await recovered(house)
        first = await last_run(NAME, house.watch)
        assert first is not None
        done = replace(first, status=Status.COMPLETE, finished_at=house.clock.now())
        await house.journal.write(SCOPE, f"run:{NAME}", done.name, done.entry())
        house.stripe.asked.clear()
        await recovered(house)
        assert f"{PATH}/evt_failure" not in house.stripe.paths
        assert await last_run(NAME, house.watch) == done

    async def test_whose_failure_has_an_id_that_leads_elsewhere_is_noted_and_not_asked_for(self, house: House) -> None:
        house.stripe.events = [{**self.failure(house), "id": "../accounts"}]
        run = await recovered(house)
        assert [(one.id, one.resolution) for one in await house.drifts(run)] == [("../accounts", Resolution.UNRESOLVED)]
        assert {asked.place for asked in house.stripe.asked} == {PATH}

    async def test_of_somebody_else_is_left_alone(self, house: House) -> None:
        house.stripe.events = [self.failure(house, context="acct_1")]
        await recovered(house)
        assert (queued(house), await last_run(NAME, house.watch)) == ([], None)

    async def test_of_a_kind_that_the_catalog_does_not_have_is_left_alone(self, house: House) -> None:
        house.stripe.events = [self.failure(house, event_type="v2.core.account.updated")]
        assert (await recovered(house)).complete
        assert (queued(house), await last_run(NAME, house.watch)) == ([], None)


async def test_what_the_evidence_tells_of_an_event_is_no_drift_of_an_object(house: House) -> None:
    house.stripe.events = [thin(house, "rcds_1", 700, "evt/1")]
    [drift] = await house.drifts(await recovered(house))
    assert drift == Drift("evt/1", Difference.MISSING, Resolution.UNRESOLVED, reason=drift.reason)
    assert drift.type == EVENTS
