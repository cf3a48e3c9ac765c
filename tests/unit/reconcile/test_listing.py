"""Pages over all the lists of a type, from any place on, and lists that do not behave."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.checkpoints import Place, place
from billing_mirror.core.errors import NotFound, PermanentError
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.run import Job, Status
from billing_mirror.reconcile.listing import pages
from billing_mirror.reconcile.runs.active_run import MOST_RESTARTS
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.verify import verify
from tests.doubles.crashing import CallLimit, crashing
from tests.doubles.samples import event, rate, subscription, subscription_event, version
from tests.unit.harness import Harness

ROW = TYPES["v2.billing.rate_card_subscription"]
RATE = TYPES["v2.billing.rate_card_rate"]
LIST = "/v2/billing/rate_card_subscriptions"
STATUSES = ("active", "canceled", "paused", "pending")
SCOPE = Scope(livemode=False)


async def walked(harness: Harness, name: str, here: Place) -> tuple[list[str], list[Place]]:
    """The ids that are shown from a place on, and the places after them."""
    shown: list[str] = []
    places = []
    async for page in pages(TYPES[name], SCOPE, harness.ports, here):
        shown += page.ids
        if page.next is not None:
            places.append(page.next)
    return shown, places


async def rests(harness: Harness, name: str) -> None:
    """From each place that was kept, just what was not shown before it follows."""
    everything, _ = await walked(harness, name, Place())
    before: list[str] = []
    async for page in pages(TYPES[name], SCOPE, harness.ports):
        before += page.ids
        if page.next is not None:
            assert place(page.next.entry()) == page.next
            rest, _ = await walked(harness, name, page.next)
            assert [*before, *rest] == everything


@settings(max_examples=40)
@given(
    statuses=st.lists(st.sampled_from(STATUSES), max_size=12),
    hides=st.sets(st.sampled_from(STATUSES[1:])),
    size=st.integers(1, 4),
)
async def test_from_any_place_of_an_accounts_lists_the_rest_follows(
    statuses: list[str], hides: set[str], size: int
) -> None:
    harness = Harness()
    harness.stripe.page_size = size
    made = [subscription(f"rcds_{number}", servicing_status=status) for number, status in enumerate(statuses)]
    harness.stripe.lists = {LIST: [body for body in made if body["servicing_status"] not in hides]}
    for status in STATUSES[1:]:
        hidden = [body for body in made if body["servicing_status"] == status]
        harness.stripe.lists[f"{LIST}?servicing_status={status}"] = hidden
    shown, _ = await walked(harness, ROW.name, Place())
    assert set(shown) == {str(body["id"]) for body in made}
    await rests(harness, ROW.name)


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=45), same_time=st.booleans())
async def test_from_any_place_of_the_lists_of_owners_the_rest_follows(sizes: list[int], same_time: bool) -> None:
    harness = Harness()
    card = "/v2/billing/rate_cards/rcd_1"
    for number, size in enumerate(sizes):
        name = f"rcdv_{number}"
        made = version(name) if same_time else version(name, created=f"2026-11-01T08:00:{59 - number:02}.000Z")
        harness.stripe.objects[f"{card}/versions/{name}"] = made
        rates: list[JsonObject] = [rate(f"rcdr_{number}_{one}") for one in range(size)]
        harness.stripe.lists[f"{card}/rates?rate_card_version={name}"] = rates
        told = event("v2.billing.rate_card_version.created", made, url=f"{card}/versions/{name}")
        await harness.deliver(told)
    await rests(harness, RATE.name)


def page_of(*entries: JsonObject, following: Json) -> JsonObject:
    return {"data": [*entries], "next_page_url": following, "previous_page_url": None}


FIRST = f"{LIST}?limit=100"


def stock(harness: Harness, count: int) -> list[JsonObject]:
    made = [subscription(f"rcds_{number}") for number in range(count)]
    harness.stripe.objects |= {f"{LIST}/{body['id']}": body for body in made}
    harness.stripe.lists = {f"{LIST}?servicing_status={status}": [] for status in STATUSES[1:]} | {LIST: made}
    harness.stripe.page_size = 2
    return made


class TestAListThat:
    @pytest.mark.parametrize("error", [PermanentError("Stripe answered 400: no such page"), NotFound("nothing there")])
    async def test_forgets_a_page_is_read_again_and_that_is_counted(self, harness: Harness, error: Exception) -> None:
        stock(harness, 5)

        async def expire(path: str) -> None:
            if "page=4" in path:
                harness.stripe.before_answer = None
                raise error

        harness.stripe.before_answer = expire
        run = await harness.passed(ROW)
        assert (run.status, run.counts.restarts, run.counts.missing) == (Status.COMPLETE, 1, 5)
        assert harness.stripe.paths.count(FIRST) == 2

    async def test_always_forgets_its_pages_ends_the_run(self, harness: Harness) -> None:
        stock(harness, 5)

        async def expire(path: str) -> None:
            if "page=4" in path:
                raise PermanentError("Stripe answered 400: no such page")

        harness.stripe.before_answer = expire
        run = await harness.passed(ROW)
        assert (run.status, run.counts.restarts) == (Status.FAILED, MOST_RESTARTS + 1)
        assert run.reason == f"the lists of {ROW.name} do not come to an end"

    @pytest.mark.parametrize("back_to", [FIRST, f"{LIST}?page=b"], ids=["its beginning", "the page itself"])
    async def test_leads_back_to_where_it_was_ends_the_run(self, harness: Harness, back_to: str) -> None:
        made = stock(harness, 3)
        harness.stripe.objects[FIRST] = page_of(made[0], following=f"{LIST}?page=b")
        harness.stripe.objects[f"{LIST}?page=b"] = page_of(made[1], following=back_to)
        run = await harness.passed(ROW)
        assert (run.status, run.reason) == (Status.FAILED, f"the lists of {ROW.name} do not come to an end")

    async def test_never_ends_ends_the_run(self, harness: Harness) -> None:
        made = stock(harness, 40)
        for number, body in enumerate(made):
            following = f"{LIST}?page={(number + 1) % 40}" if number else f"{LIST}?page=1"
            harness.stripe.objects[FIRST if number == 0 else f"{LIST}?page={number}"] = page_of(
                body, following=following
            )
        harness.stripe.objects[f"{LIST}?page=0"] = harness.stripe.objects[FIRST]
        run = await harness.passed(ROW)
        assert (run.status, run.reason) == (Status.FAILED, f"the lists of {ROW.name} do not come to an end")

    @pytest.mark.parametrize(
        "url",
        [
            "/v2/billing/rate_cards?page=2",
            f"https://evil.example{LIST}?page=2",
            f"//evil.example{LIST}?page=2",
            f"{LIST}/../secrets?page=2",
            f"{LIST}#?page=2",
            7,
        ],
    )
    async def test_leads_elsewhere_ends_the_run_and_is_not_followed(self, harness: Harness, url: Json) -> None:
        made = stock(harness, 3)
        harness.stripe.objects[FIRST] = page_of(made[0], following=url)
        run = await harness.passed(ROW)
        assert (run.status, run.reason) == (Status.FAILED, f"the next page of {LIST} is said to be somewhere else")
        assert harness.stripe.paths == [FIRST]

    async def test_repeats_objects_has_each_looked_at_once(self, harness: Harness) -> None:
        made = stock(harness, 3)
        harness.stripe.lists[LIST] = [made[0], made[1], made[1], made[2]]
        run = await harness.passed(ROW)
        assert (run.complete, run.counts.compared, run.counts.missing, run.counts.repaired) == (True, 4, 3, 3)

    async def test_skips_objects_has_each_of_them_looked_at_and_left(self, harness: Harness) -> None:
        made = stock(harness, 5)
        await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in made))
        harness.clock.advance(100)
        harness.stripe.lists[LIST] = [*made[:2], *made[3:]]
        run = await harness.passed(ROW)
        assert (run.complete, run.counts.equal, run.counts.false_alarms) == (True, 4, 1)
        assert run.counts.found == 0


class TestWhatNoListShows:
    async def test_is_found_with_one_fetch_for_each_and_no_write_for_what_is_well(self, harness: Harness) -> None:
        made = stock(harness, 60)
        harness.stripe.page_size = 10
        for some in (made[:30], made[30:]):
            await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in some))
        gone = {f"rcds_{number}" for number in (3, 31, 59)}
        harness.stripe.lists[LIST] = [body for body in made if body["id"] not in gone]
        for name in gone:
            del harness.stripe.objects[f"{LIST}/{name}"]
        harness.clock.advance(100)
        harness.stripe.requests.clear()
        life = CallLimit()
        dependencies = replace(
            harness.reconcile_dependencies, ports=replace(harness.ports, mirror=crashing(harness.mirror, life))
        )
        run = await start_run(ROW.name, Job.VERIFY, None, dependencies)
        run = await verify(ROW, run, dependencies, until=harness.clock.now() + 100)
        assert {drift.id for drift in await harness.drifts(run)} == gone
        assert (run.counts.not_listed, run.counts.repaired, run.counts.equal) == (3, 3, 57)
        fetched = [path for path in harness.stripe.paths if not path.startswith(f"{LIST}?")]
        assert sorted(fetched) == sorted(f"{LIST}/{name}" for name in gone)
        assert (life.counts["claim"], life.counts["put_tombstone"], life.counts["put"]) == (3, 3, 0)
        entries = sum(len(book) for book in harness.state_store.partitions.values())
        assert entries <= run.counts.pages + 1 + len(gone) + 1, "a page of a list, and evidence, and the record"
