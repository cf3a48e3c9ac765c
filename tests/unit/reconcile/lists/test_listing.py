"""All lists of a type from any checkpoint on, and lists that misbehave."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import NotFound, PermanentError
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.checkpoints import ListCheckpoint
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.lists.listing import BEGINNING, read_lists
from billing_mirror.reconcile.lists.pages import ObjectPage, ResumePoint, on_request_in_list
from billing_mirror.reconcile.runs.active_run import MAX_RESTARTS
from billing_mirror.reconcile.runs.lifecycle import start_run
from tests.doubles.crashing import CallLimit, crashing
from tests.doubles.samples import event, rate, subscription, subscription_event, version
from tests.unit.harness import Harness

OBJECT_TYPE = TYPES["v2.billing.rate_card_subscription"]
RATE = TYPES["v2.billing.rate_card_rate"]
LIST = "/v2/billing/rate_card_subscriptions"
STATUSES = ("active", "canceled", "paused", "pending")
SCOPE = Scope(livemode=False)


async def ids_after(harness: Harness, name: str, start: ListCheckpoint) -> list[str]:
    """The ids that the lists show from a checkpoint on."""
    steps = read_lists(TYPES[name], SCOPE, harness.ports, start)
    return [identifier async for step in steps if isinstance(step, ObjectPage) for identifier in step.ids]


async def require_the_rest_after_each_checkpoint(harness: Harness, name: str) -> None:
    """From each checkpoint, the lists show exactly the ids that were not shown before it."""
    everything = await ids_after(harness, name, BEGINNING)
    before: list[str] = []
    async for step in read_lists(TYPES[name], SCOPE, harness.ports):
        match step:
            case ObjectPage(ids=ids):
                before += ids
            case ResumePoint(checkpoint):
                assert ListCheckpoint.from_item(checkpoint.to_item()) == checkpoint
                assert [*before, *await ids_after(harness, name, checkpoint)] == everything


@settings(max_examples=40)
@given(
    statuses=st.lists(st.sampled_from(STATUSES), max_size=12),
    hides=st.sets(st.sampled_from(STATUSES[1:])),
    size=st.integers(1, 4),
)
async def test_account_lists_resume_at_any_checkpoint(statuses: list[str], hides: set[str], size: int) -> None:
    harness = Harness()
    harness.stripe.page_size = size
    made = [subscription(f"rcds_{number}", servicing_status=status) for number, status in enumerate(statuses)]
    harness.stripe.lists = {LIST: [body for body in made if body["servicing_status"] not in hides]}
    for status in STATUSES[1:]:
        hidden = [body for body in made if body["servicing_status"] == status]
        harness.stripe.lists[f"{LIST}?servicing_status={status}"] = hidden
    shown = await ids_after(harness, OBJECT_TYPE.name, BEGINNING)
    assert set(shown) == {str(body["id"]) for body in made}
    await require_the_rest_after_each_checkpoint(harness, OBJECT_TYPE.name)


@settings(max_examples=20)
@given(
    created=st.lists(st.integers(1_700_000_000, 1_700_020_000), max_size=40),
    hidden=st.lists(st.integers(1_700_000_000, 1_700_020_000), max_size=12),
    in_order=st.booleans(),
)
async def test_a_list_that_is_read_in_parts_resumes_at_any_checkpoint(
    created: list[int], hidden: list[int], in_order: bool
) -> None:
    harness = Harness()
    harness.stripe.page_size = 2
    prices: dict[str, list[JsonObject]] = {
        path: [
            {"id": f"price_{path[-5:]}_{number}", "object": "price", "active": not path.endswith("e"), "created": at}
            for number, at in enumerate(sorted(moments, reverse=True) if in_order else moments)
        ]
        for path, moments in (("/v1/prices", created), ("/v1/prices?active=false", hidden))
    }
    harness.stripe.lists = {with_fields(path): entries for path, entries in prices.items()}
    everything = {str(one["id"]) for entries in prices.values() for one in entries}
    shown = await ids_after(harness, "price", BEGINNING)
    assert set(shown) == everything
    before: set[str] = set()
    async for step in read_lists(TYPES["price"], SCOPE, harness.ports):
        match step:
            case ObjectPage(ids=ids):
                before.update(ids)
            case ResumePoint(checkpoint):
                assert ListCheckpoint.from_item(checkpoint.to_item()) == checkpoint
                assert before.union(await ids_after(harness, "price", checkpoint)) == everything


def with_fields(path: str) -> str:
    """A list's path, as the double names it, with the fields that reconcile requests."""
    given = dict(parse_qsl(path.partition("?")[2]))
    return f"{path.partition('?')[0]}?{urlencode({**on_request_in_list(TYPES['price']), **given})}"


async def test_a_long_list_takes_a_fraction_of_its_pages_in_rounds(harness: Harness) -> None:
    made: list[JsonObject] = [{"id": f"cus_{n}", "object": "customer", "created": 10_000 - n} for n in range(400)]
    harness.stripe.page_size = 2
    path = (
        f"/v1/customers?{urlencode(fields)}" if (fields := on_request_in_list(TYPES["customer"])) else "/v1/customers"
    )
    harness.stripe.lists = {path: made}
    steps = [step async for step in read_lists(TYPES["customer"], SCOPE, harness.ports)]
    pages = [step for step in steps if isinstance(step, ObjectPage)]
    rounds = sum(isinstance(step, ResumePoint) for step in steps)
    assert sorted(identifier for page in pages for identifier in page.ids) == sorted(str(one["id"]) for one in made)
    assert rounds <= len(pages) / 3


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=45), same_time=st.booleans())
async def test_owner_lists_resume_at_any_checkpoint(sizes: list[int], same_time: bool) -> None:
    harness = Harness()
    card = "/v2/billing/rate_cards/rcd_1"
    for number, size in enumerate(sizes):
        name = f"rcdv_{number}"
        made = version(name) if same_time else version(name, created=f"2026-11-01T08:00:{59 - number:02}.000Z")
        harness.stripe.objects[f"{card}/versions/{name}"] = made
        rates: list[JsonObject] = [rate(f"rcdr_{number}_{one}") for one in range(size)]
        harness.stripe.lists[f"{card}/rates?rate_card_version={name}"] = rates
        event_text = event("v2.billing.rate_card_version.created", made, url=f"{card}/versions/{name}")
        await harness.deliver(event_text)
    await require_the_rest_after_each_checkpoint(harness, RATE.name)


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
    async def test_loses_a_page_is_read_again_and_the_restart_is_counted(
        self, harness: Harness, error: Exception
    ) -> None:
        stock(harness, 5)

        async def expire(path: str) -> None:
            if "page=4" in path:
                harness.stripe.before_answer = None
                raise error

        harness.stripe.before_answer = expire
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.status, run.counts.restarts, run.counts.missing) == (Status.COMPLETE, 1, 5)
        assert harness.stripe.paths.count(FIRST) == 2

    async def test_always_loses_its_pages_ends_the_run(self, harness: Harness) -> None:
        stock(harness, 5)

        async def expire(path: str) -> None:
            if "page=4" in path:
                raise PermanentError("Stripe answered 400: no such page")

        harness.stripe.before_answer = expire
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.status, run.counts.restarts) == (Status.FAILED, MAX_RESTARTS + 1)
        assert run.reason == f"the lists of {OBJECT_TYPE.name} do not end"

    @pytest.mark.parametrize("back_to", [FIRST, f"{LIST}?page=b"], ids=["its beginning", "the page itself"])
    async def test_leads_back_to_where_it_was_ends_the_run(self, harness: Harness, back_to: str) -> None:
        made = stock(harness, 3)
        harness.stripe.objects[FIRST] = page_of(made[0], following=f"{LIST}?page=b")
        harness.stripe.objects[f"{LIST}?page=b"] = page_of(made[1], following=back_to)
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.status, run.reason) == (Status.FAILED, f"the lists of {OBJECT_TYPE.name} do not end")

    async def test_never_ends_ends_the_run(self, harness: Harness) -> None:
        made = stock(harness, 40)
        for number, body in enumerate(made):
            following = f"{LIST}?page={(number + 1) % 40}" if number else f"{LIST}?page=1"
            harness.stripe.objects[FIRST if number == 0 else f"{LIST}?page={number}"] = page_of(
                body, following=following
            )
        harness.stripe.objects[f"{LIST}?page=0"] = harness.stripe.objects[FIRST]
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.status, run.reason) == (Status.FAILED, f"the lists of {OBJECT_TYPE.name} do not end")

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
    async def test_leads_to_another_url_ends_the_run_and_is_not_followed(self, harness: Harness, url: Json) -> None:
        made = stock(harness, 3)
        harness.stripe.objects[FIRST] = page_of(made[0], following=url)
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.status, run.reason) == (Status.FAILED, f"the next page of {LIST} is said to be somewhere else")
        assert harness.stripe.paths == [FIRST]

    async def test_repeats_objects_has_each_verified_once(self, harness: Harness) -> None:
        made = stock(harness, 3)
        harness.stripe.lists[LIST] = [made[0], made[1], made[1], made[2]]
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.complete, run.counts.compared, run.counts.missing, run.counts.repaired) == (True, 4, 3, 3)

    async def test_skips_objects_has_each_of_them_verified_and_kept(self, harness: Harness) -> None:
        made = stock(harness, 5)
        await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in made))
        harness.clock.advance(100)
        harness.stripe.lists[LIST] = [*made[:2], *made[3:]]
        run = await harness.run_now(OBJECT_TYPE)
        assert (run.complete, run.counts.equal, run.counts.false_alarms) == (True, 4, 1)
        assert run.counts.found == 0


class TestUnlistedObjects:
    async def test_are_found_with_one_fetch_for_each_and_no_write_for_equal_objects(self, harness: Harness) -> None:
        made = stock(harness, 60)
        harness.stripe.page_size = 10
        for some in (made[:30], made[30:]):
            await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in some))
        deleted = {f"rcds_{number}" for number in (3, 31, 59)}
        harness.stripe.lists[LIST] = [body for body in made if body["id"] not in deleted]
        for name in deleted:
            del harness.stripe.objects[f"{LIST}/{name}"]
        harness.clock.advance(100)
        harness.stripe.requests.clear()
        life = CallLimit()
        dependencies = replace(
            harness.reconcile_dependencies, ports=replace(harness.ports, mirror=crashing(harness.mirror, life))
        )
        run = await start_run(OBJECT_TYPE.name, Job.VERIFY, None, dependencies)
        run = await execute_job(run, dependencies, until=harness.clock.now() + 100)
        assert {drift.id for drift in await harness.drifts(run)} == deleted
        assert (run.counts.not_listed, run.counts.repaired, run.counts.equal) == (3, 3, 57)
        fetched = [path for path in harness.stripe.paths if not path.startswith(f"{LIST}?")]
        assert sorted(fetched) == sorted(f"{LIST}/{name}" for name in deleted)
        assert (life.counts["claim"], life.counts["put_tombstone"], life.counts["put"]) == (3, 3, 0)
        entries = sum(len(partition) for partition in harness.state_store.partitions.values())
        assert entries <= run.counts.pages + 1 + len(deleted) + 1, (
            "an entry for each page and each drift, and the record"
        )
