"""New members of an object are stored as its list shows them, without a fetch, where nothing can be lost by that."""

import asyncio
from collections.abc import Mapping

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.errors import TransientError, UnstorableObject
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject, digest
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from billing_mirror.refresh.from_lists import WRITES_AT_ONCE, needs_no_fetch, store_unclaimed
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import event, rate, rate_card, sample, version
from tests.unit.harness import Harness

SCOPE = Scope(livemode=False)
CARD = "/v2/billing/rate_cards/rcd_1"
VERSION = f"{CARD}/versions/rcdv_1"
RATE = f"{CARD}/rates/rcdr_1"
LIST = f"{CARD}/rates?rate_card_version=rcdv_1"
SPELLED = "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1"
"""How the documentation shows the URL of a rate: https://docs.stripe.com/api/v2/rate-cards"""


def stock(harness: Harness, *rates: JsonObject) -> None:
    harness.stripe.show_previews()
    harness.stripe.objects |= {VERSION: version(), CARD: rate_card()}
    harness.stripe.objects |= {f"{CARD}/rates/{one['id']}": one for one in rates}
    harness.stripe.lists[LIST] = [*rates]
    harness.stripe.lists[f"{CARD}/custom_pricing_unit_overage_rates?rate_card_version=rcdv_1"] = []


def version_created() -> str:
    return event("v2.billing.rate_card_version.created", version(), url=VERSION, identifier="evt_version")


def rate_event(name: str, body: JsonObject | None = None) -> str:
    return event(f"v2.billing.rate_card_rate.{name}", body or rate(), url=SPELLED, identifier=f"evt_{name}")


async def test_a_rate_is_stored_as_the_list_of_its_version_shows_it(harness: Harness) -> None:
    stock(harness, rate())
    await harness.deliver(version_created())
    item = harness.item("rcdr_1")
    assert (item["token"], item["data"], item["parent"]) == (UNCLAIMED_TOKEN, rate(), "rcd_1")
    assert RATE not in harness.stripe.paths
    assert "test#rcdr_1" not in harness.mirror.counters


async def test_its_creation_then_costs_nothing_and_its_next_change_a_fetch_without_a_look_up(harness: Harness) -> None:
    stock(harness, rate())
    await harness.deliver(version_created())
    await harness.work()
    harness.stripe.requests.clear()
    [created] = await harness.deliver(rate_event("created"))
    assert (created.outcome, harness.stripe.paths) == (Outcome.ALREADY_FRESH, [])
    changed = harness.stripe.objects[RATE] = rate(unit_amount="7")
    [updated] = await harness.deliver(rate_event("updated"))
    assert (updated.outcome, harness.item("rcdr_1")["data"]) == (Outcome.STORED, changed)
    assert harness.stripe.paths == [RATE]


async def test_a_version_is_worked_on_before_the_rates_in_its_batch(harness: Harness) -> None:
    stock(harness, rate())
    created, made = await harness.deliver(rate_event("created"), version_created())
    assert (created.outcome, made.outcome) == (Outcome.ALREADY_FRESH, Outcome.STORED)
    assert RATE not in harness.stripe.paths
    assert not any("/events/" in path for path in harness.stripe.paths)


async def test_a_list_replaces_nothing_that_was_fetched(harness: Harness) -> None:
    new = rate(unit_amount="7")
    stock(harness, rate())
    harness.stripe.objects |= {RATE: new, "/v2/core/events/evt_updated": {"id": "evt_updated", "data": {}}}
    harness.stripe.objects["/v2/core/events/evt_updated"] = {"id": "evt_updated", "data": {"rate_card": "rcd_1"}}
    await harness.deliver(rate_event("updated", new))
    await harness.deliver(version_created())
    assert (harness.item("rcdr_1")["token"], harness.item("rcdr_1")["data"]) == (1, new)


async def test_a_list_revives_no_tombstone(harness: Harness) -> None:
    stock(harness, rate())
    del harness.stripe.objects[RATE]
    harness.stripe.objects["/v2/core/events/evt_deleted"] = {"id": "evt_deleted", "data": {"rate_card": "rcd_1"}}
    await harness.deliver(rate_event("deleted"))
    await harness.deliver(version_created())
    assert harness.item("rcdr_1")["deleted"] is True


async def test_a_stale_list_is_corrected_a_minute_later(harness: Harness) -> None:
    """Stripe sends no event for the removal of a rate."""
    stock(harness, rate())
    del harness.stripe.objects[RATE]
    await harness.deliver(version_created())
    harness.stripe.lists[LIST] = []
    await harness.deliver(rate_event("created"))
    for _ in range(3):
        harness.clock.advance(61)
        await harness.work()
    assert harness.item("rcdr_1")["deleted"] is True
    assert harness.queue.waiting == []


async def test_what_a_new_member_names_is_fetched(harness: Harness) -> None:
    unit = sample("v2.billing.custom_pricing_unit", id="cpu_1")
    stock(harness, rate(custom_pricing_unit_amount="cpu_1"))
    harness.stripe.objects["/v2/billing/custom_pricing_units/cpu_1"] = unit
    await harness.deliver(version_created())
    await harness.work()
    assert harness.item("cpu_1")["data"] == unit


async def test_a_rate_that_only_a_later_fetch_of_its_version_finds_is_fetched(
    harness: Harness,
) -> None:
    stock(harness, rate())
    await harness.deliver(version_created())
    harness.clock.advance(61)
    await harness.work()
    harness.stripe.objects[f"{CARD}/rates/rcdr_2"] = rate("rcdr_2")
    harness.stripe.lists[LIST].append(rate("rcdr_2"))
    await harness.deliver(event("v2.billing.rate_card_version.updated", version(), url=VERSION, identifier="evt_2"))
    await harness.work()
    assert harness.item("rcdr_2")["token"] == 1


@pytest.mark.parametrize(
    ("fetched", "outcome"),
    [
        (rate("rcdr_2"), Outcome.ALREADY_FRESH),
        (rate("rcdr_2", unit_amount="7"), Outcome.UNCHANGED),
    ],
    ids=["the same", "another state"],
)
async def test_a_request_is_done_where_the_mirror_shows_by_then_what_the_list_has_shown(
    harness: Harness, fetched: JsonObject, outcome: Outcome
) -> None:
    stock(harness, rate())
    await harness.deliver(version_created())
    harness.clock.advance(61)
    await harness.work()
    url = f"{CARD}/rates/rcdr_2"
    harness.stripe.objects[url] = fetched
    harness.stripe.lists[LIST].append(rate("rcdr_2"))
    await harness.deliver(event("v2.billing.rate_card_version.updated", version(), url=VERSION, identifier="evt_2"))
    [request] = harness.queue.waiting
    request.visible_at += 2
    await harness.deliver(event("v2.billing.rate_card_rate.created", fetched, url=url, identifier="evt_3"))
    harness.clock.advance(2)
    [ended] = await harness.work()
    assert (ended.outcome, harness.item("rcdr_2")["data"]) == (outcome, fetched)


def test_only_objects_whose_next_change_has_an_event_are_stored_from_a_list() -> None:
    members = {name for object_type in catalog.TYPES.values() for name in object_type.members}
    stored = {name for name in members if needs_no_fetch(ref_to(SCOPE, name, "x_1", "y_1"), {"id": "x_1"})}
    assert stored == {
        "v2.billing.rate_card_rate",
        "v2.billing.rate_card_custom_pricing_unit_overage_rate",
        "v2.billing.pricing_plan_component",
    }
    assert {catalog.TYPES[name].api for name in stored} == {catalog.ApiChannel.PREVIEW}, "the version of their owner"


@pytest.mark.parametrize("entry", [{"id": "rcdr_1", "deleted": True}], ids=["deleted"])
def test_what_a_list_shows_as_deleted_is_fetched(entry: JsonObject) -> None:
    assert not needs_no_fetch(ref_to(SCOPE, "v2.billing.rate_card_rate", "rcdr_1", "rcd_1"), entry)


class ForgetfulMirror(MemoryMirror):
    """A table whose answer to an insert says nothing of its first half, of which a part was stored all the same."""

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:
        refs = [*new]
        unsaid = refs[: len(refs) // 2]
        await super().insert({ref: new[ref] for ref in [*unsaid[::2], *refs[len(unsaid) :]]})
        return {*refs[len(unsaid) :]}


class SilentMirror(MemoryMirror):
    """A table whose answer to an insert names nothing."""

    async def insert(self, new: Mapping[ObjectRef, Item]) -> set[ObjectRef]:  # noqa: ARG002 - part of the port
        return set()


def listed(*names: str) -> dict[ObjectRef, Item]:
    refs = [ref_to(SCOPE, "v2.billing.rate_card_rate", f"rcdr_{name}", "rcd_1") for name in names]
    seen = {one: {**rate(), "id": one.id} for one in refs}
    return {one: items.item(one, Observation(1.7e9, "v", "r", body, digest(body)), None) for one, body in seen.items()}


async def test_what_the_answer_to_an_insert_leaves_out_is_put() -> None:
    mirror, new = ForgetfulMirror(), listed(*"abcdef")
    assert await store_unclaimed(new, mirror) == dict.fromkeys(new, True)
    assert mirror.objects.keys() == {one.key for one in new}


async def test_what_another_worker_has_stored_is_not_stored_and_stays() -> None:
    mirror, new = MemoryMirror(), listed("a", "b")
    first, second = new
    await mirror.put(first, 1, {**new[first], "request_id": "req_of_a_fetch"})
    assert await store_unclaimed(new, mirror) == {first: False, second: True}
    assert mirror.objects[first.key]["request_id"] == "req_of_a_fetch"


async def test_an_object_that_the_table_does_not_take_says_why_and_the_rest_is_stored() -> None:
    new = listed("a", "b", "c")
    first, second, third = new
    mirror = MemoryMirror(refuses=lambda item: item == new[second])
    outcomes = await store_unclaimed(new, mirror)
    assert (outcomes[first], outcomes[third]) == (True, True)
    assert isinstance(outcomes[second], UnstorableObject)


async def test_a_table_that_takes_no_writes_is_said_for_each_object() -> None:
    mirror, new = SilentMirror(), listed("a", "b")
    mirror.writes_fail = True
    outcomes = await store_unclaimed(new, mirror)
    assert [type(one) for one in outcomes.values()] == [TransientError, TransientError]


class CountingMirror(SilentMirror):
    """Counts the puts, which take a while."""

    puts = 0

    async def put(self, ref: ObjectRef, token: int, item: Item) -> bool:
        self.puts += 1
        await asyncio.sleep(0)
        return await super().put(ref, token, item)


async def test_after_the_first_refusal_of_a_busy_table_no_further_put_starts() -> None:
    mirror, new = CountingMirror(), listed(*map(str, range(100)))
    mirror.writes_fail = True
    outcomes = await store_unclaimed(new, mirror)
    assert {type(one) for one in outcomes.values()} == {TransientError}
    assert mirror.puts == WRITES_AT_ONCE
