"""Which events count as lost, and what happens to them."""

from dataclasses import replace

import pytest

from billing_mirror.core import json_body, times
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Resolution, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, RECOVER
from billing_mirror.core.table.items import Observation, item
from billing_mirror.core.table.mirror_state import MAX_CLOCK_SKEW, READ_LAG
from billing_mirror.reconcile.jobs.recover import HANDLED_FAILURES, OVERLAP, PATH, WEBHOOK_DELAY
from billing_mirror.reconcile.runs.records import last_run
from tests.doubles.samples import event, snapshot, subscription, subscription_event
from tests.unit.harness import Harness

from ..listed_events import HOME, NAME, SCOPE, queued, recovered, thin
from ..listed_events import harness as harness

FAR = READ_LAG + MAX_CLOCK_SKEW
"""Seconds by which a fetch must follow an event, where only clocks say that it did."""


class TestAnEvent:
    async def test_that_the_mirror_does_not_reflect_is_queued(self, harness: Harness) -> None:
        harness.stripe.events = [thin(harness, "rcds_1", HOUR)]
        run = await recovered(harness)
        assert (run.status, run.counts.compared, run.counts.queued, run.counts.equal) == (Status.COMPLETE, 1, 1, 0)
        assert [message.group for message in harness.queue.waiting] == ["test:recovered"]
        await harness.work()
        assert harness.item("rcds_1")["data"] == subscription("rcds_1")

    async def test_that_was_received_before_the_fetch_is_reflected_whatever_the_clocks_say(
        self, harness: Harness
    ) -> None:
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now()))
        harness.item("rcds_1")["fetched_at"] = times.iso(harness.clock.now() - 300)
        harness.clock.advance(HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", HOUR + 1)]
        assert ((await recovered(harness)).counts.equal, queued(harness)) == (1, [])

    async def test_that_was_created_after_the_last_received_event_is_lost(self, harness: Harness) -> None:
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now()))
        harness.clock.advance(HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", HOUR - 1)]
        assert ((await recovered(harness)).counts.queued, queued(harness)) == (1, ["evt_1"])

    @pytest.mark.parametrize(("lead", "count"), [(FAR, 1), (FAR + 1, 0)])
    async def test_is_reflected_by_a_fetch_only_when_the_fetch_came_much_later(
        self, harness: Harness, lead: float, count: int
    ) -> None:
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now() - DAY))
        harness.stripe.events = [thin(harness, "rcds_1", lead)]
        harness.clock.advance(HOUR)
        assert (await recovered(harness)).counts.queued == count

    async def test_is_not_reflected_by_a_fetch_before_it_by_a_clock_that_was_ahead(self, harness: Harness) -> None:
        """A container's clock is 90 seconds ahead; the event was created ten seconds after its fetch, and lost."""
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now() - DAY))
        harness.item("rcds_1")["fetched_at"] = times.iso(harness.clock.now() + 90)
        harness.clock.advance(HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", HOUR - 10)]
        assert ((await recovered(harness)).counts.queued, queued(harness)) == (1, ["evt_1"])

    async def test_is_not_hidden_by_an_event_that_a_test_clock_dated_ahead(self, harness: Harness) -> None:
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now() + 30 * DAY))
        harness.clock.advance(HOUR)
        harness.stripe.events = [thin(harness, "rcds_1", HOUR - 10)]
        assert ((await recovered(harness)).counts.queued, queued(harness)) == (1, ["evt_1"])

    async def test_that_came_as_a_snapshot_is_reflected_although_the_list_dates_it_later(
        self, harness: Harness
    ) -> None:
        customer: JsonObject = {"id": "cus_1", "object": "customer", "livemode": False, "created": 1_600_000_000}
        harness.stripe.objects["/v1/customers/cus_1"] = customer
        at = harness.clock.now()
        await harness.deliver(snapshot("customer.updated", customer, at=at, id="evt_s"))
        harness.clock.advance(HOUR)
        url = "/v1/customers/cus_1"
        listed = event(
            "v1.customer.updated", customer, url=url, at=at + 0.6, identifier="evt_1", snapshot_event="evt_s"
        )
        harness.stripe.events = [json_body.parse(listed)]
        assert ((await recovered(harness)).counts.equal, queued(harness)) == (1, [])

    async def test_is_not_reflected_by_a_fetch_that_a_later_claim_followed(self, harness: Harness) -> None:
        """The later claim may have fetched before the change, and would replace the state that shows it."""
        await harness.deliver(subscription_event(identifier="rcds_1", at=harness.clock.now() - DAY))
        await harness.mirror.claim(ref_to(SCOPE, NAME, "rcds_1"), 0.0)
        harness.stripe.events = [thin(harness, "rcds_1", HOUR)]
        assert (await recovered(harness)).counts.queued == 1

    @pytest.mark.parametrize(("lead", "count"), [(FAR, 1), (FAR + 1, 0)])
    async def test_is_reflected_by_a_page_only_when_the_page_came_very_much_later(
        self, harness: Harness, lead: float, count: int
    ) -> None:
        ref = ref_to(SCOPE, NAME, "rcds_1")
        seen = Observation(harness.clock.now(), "", "", subscription())
        await harness.mirror.put(ref, 0, item(ref, seen, "cus_1"))
        harness.stripe.events = [thin(harness, "rcds_1", lead)]
        harness.clock.advance(HOUR)
        assert (await recovered(harness)).counts.queued == count

    async def test_is_reflected_by_a_fetch_in_flight(self, harness: Harness) -> None:
        ref = ref_to(SCOPE, NAME, "rcds_1")
        harness.stripe.events = [thin(harness, "rcds_1", 600)]
        await harness.mirror.claim(ref, harness.clock.now() - 600 + MAX_CLOCK_SKEW + 1)
        assert (await recovered(harness)).counts.queued == 0

    async def test_is_not_reflected_by_a_fetch_claimed_before_it(self, harness: Harness) -> None:
        ref = ref_to(SCOPE, NAME, "rcds_1")
        harness.stripe.events = [thin(harness, "rcds_1", 600)]
        await harness.mirror.claim(ref, harness.clock.now() - 600 + MAX_CLOCK_SKEW)
        assert (await recovered(harness)).counts.queued == 1

    async def test_is_not_reflected_by_a_dead_fetch(self, harness: Harness) -> None:
        ref = ref_to(SCOPE, NAME, "rcds_1")
        harness.stripe.events = [thin(harness, "rcds_1", 2 * HOUR)]
        await harness.mirror.claim(ref, harness.clock.now() - 1.5 * HOUR)
        assert (await recovered(harness)).counts.queued == 1

    async def test_is_queued_only_when_it_is_the_newest_of_its_object(self, harness: Harness) -> None:
        harness.stripe.events = [
            thin(harness, "rcds_1", 1000, "evt_1"),
            thin(harness, "rcds_1", 800, "evt_2"),
            thin(harness, "rcds_2", 700, "evt_3"),
            thin(harness, "rcds_1", 900, "evt_4"),
        ]
        run = await recovered(harness)
        assert (sorted(map(str, queued(harness))), run.counts.queued) == (["evt_2", "evt_3"], 2)

    async def test_outside_the_catalog_is_ignored(self, harness: Harness) -> None:
        harness.stripe.events = [
            thin(harness, "rcds_1", 600, type="v2.core.account.updated"),
            thin(harness, "rcds_1", 600, type="v1.balance.available"),
            thin(harness, "rcds_1", 600, type=None),
        ]
        run = await recovered(harness)
        assert (run.counts.compared, run.counts.queued, run.counts.unresolved, queued(harness)) == (3, 0, 0, [])

    @pytest.mark.parametrize("other", [{"livemode": True}, {"context": "acct_1"}])
    async def test_of_another_account_is_ignored(self, harness: Harness, other: dict[str, Json]) -> None:
        harness.stripe.events = [{**thin(harness, "rcds_1", 600), **other}]
        assert ((await recovered(harness)).counts.queued, queued(harness)) == (0, [])

    async def test_that_cannot_be_parsed_is_recorded_and_the_others_are_recovered(self, harness: Harness) -> None:
        harness.stripe.events = [
            thin(harness, "rcds_1", 700, "evt/../1"),
            thin(harness, "rcds_1", 600, related_object={"id": "../..", "type": NAME, "url": f"{HOME}/../.."}),
            thin(harness, "rcds_2", 600, "evt_2"),
        ]
        run = await recovered(harness)
        drifts = await harness.drifts(run)
        assert [(one.id, one.difference, one.resolution) for one in drifts] == [
            ("evt/../1", Difference.MISSING, Resolution.UNRESOLVED),
            ("evt_1", Difference.MISSING, Resolution.UNRESOLVED),
        ]
        assert all(one.reason for one in drifts)
        assert (run.status, queued(harness)) == (Status.COMPLETE, ["evt_2"])

    async def test_that_was_just_created_is_left_to_its_webhook(self, harness: Harness) -> None:
        harness.stripe.events = [thin(harness, "rcds_1", WEBHOOK_DELAY - 1)]
        run = await recovered(harness)
        assert run.counts.compared == 0
        harness.clock.advance(10)
        assert (await recovered(harness)).counts.queued == 1

    async def test_that_is_listed_late_is_found_by_the_next_run(self, harness: Harness) -> None:
        await recovered(harness)
        harness.clock.advance(300)
        harness.stripe.events = [thin(harness, "rcds_1", OVERLAP)]
        assert (await recovered(harness)).counts.queued == 1


class TestAnEventThatWasNeverGenerated:
    def failure(self, harness: Harness, **impact: Json) -> JsonObject:
        name = "v2.core.health.event_generation_failure.resolved"
        failure = thin(harness, "rcds_1", 600, "evt_failure", type=name, related_object=None)
        related: JsonObject = {"id": "rcds_1", "type": NAME, "url": f"{HOME}/rcds_1"}
        data: JsonObject = {"impact": {"event_type": f"{NAME}.servicing_paused", "related_object": related, **impact}}
        harness.stripe.objects[f"{PATH}/evt_failure"] = {**failure, "data": data}
        return failure

    async def test_is_queued_and_its_type_verified(self, harness: Harness) -> None:
        harness.stripe.events = [self.failure(harness)]
        run = await recovered(harness)
        assert (run.counts.queued, queued(harness)) == (1, ["evt_failure"])
        await harness.work()
        assert harness.item("rcds_1")["data"] == subscription("rcds_1")
        compared = await last_run(NAME, harness.reconcile_dependencies)
        assert compared is not None
        assert compared.status is Status.RUNNING
        assert await last_run("customer", harness.reconcile_dependencies) is None

    @pytest.mark.parametrize(
        ("event_type", "name"), [(f"{NAME}.servicing_paused", NAME), ("v1.customer.discount.created", "customer")]
    )
    async def test_without_a_named_object_has_its_type_verified(
        self, harness: Harness, event_type: str, name: str
    ) -> None:
        harness.stripe.events = [self.failure(harness, event_type=event_type, related_object=None)]
        run = await recovered(harness)
        assert run.complete
        assert (run.counts.types_queued, run.counts.queued, run.counts.unresolved) == (1, 0, 0)
        assert await harness.drifts(run) == []
        compared = await last_run(name, harness.reconcile_dependencies)
        assert compared is not None
        assert compared.status is Status.RUNNING

    async def test_is_handled_once(self, harness: Harness) -> None:
        harness.stripe.events = [self.failure(harness)]
        await recovered(harness)
        first = await last_run(NAME, harness.reconcile_dependencies)
        assert first is not None
        done = replace(first, status=Status.COMPLETE, finished_at=harness.clock.now())
        await harness.state_store.write(SCOPE, f"run:{NAME}", done.name, done.to_item())
        harness.stripe.requests.clear()
        await recovered(harness)
        assert f"{PATH}/evt_failure" not in harness.stripe.paths
        assert await last_run(NAME, harness.reconcile_dependencies) == done

    async def test_is_remembered_for_as_long_as_stripe_may_list_it(self, harness: Harness) -> None:
        harness.stripe.events = [self.failure(harness)]
        handled_at = harness.clock.now()
        await recovered(harness)
        entry = await harness.state_store.last(SCOPE, HANDLED_FAILURES, "evt_failure#")
        assert entry is not None
        assert entry["expires_at"] == int(handled_at + 60 * DAY)

    async def test_whose_failure_has_a_malicious_id_is_recorded_and_not_requested(self, harness: Harness) -> None:
        harness.stripe.events = [{**self.failure(harness), "id": "../accounts"}]
        run = await recovered(harness)
        assert [(one.id, one.resolution) for one in await harness.drifts(run)] == [
            ("../accounts", Resolution.UNRESOLVED)
        ]
        assert {request.path for request in harness.stripe.requests} == {PATH}

    async def test_of_another_account_is_ignored(self, harness: Harness) -> None:
        harness.stripe.events = [self.failure(harness, context="acct_1")]
        await recovered(harness)
        assert (queued(harness), await last_run(NAME, harness.reconcile_dependencies)) == ([], None)

    async def test_outside_the_catalog_is_ignored(self, harness: Harness) -> None:
        harness.stripe.events = [self.failure(harness, event_type="v2.core.account.updated")]
        assert (await recovered(harness)).complete
        assert (queued(harness), await last_run(NAME, harness.reconcile_dependencies)) == ([], None)


async def test_evidence_about_an_event_is_no_drift_of_an_object(harness: Harness) -> None:
    harness.stripe.events = [thin(harness, "rcds_1", 700, "evt/1")]
    [drift] = await harness.drifts(await recovered(harness))
    assert drift == Drift("evt/1", Difference.MISSING, Resolution.UNRESOLVED, reason=drift.reason)
    assert drift.type == RECOVER
