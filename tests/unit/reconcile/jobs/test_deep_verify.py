"""What verify runs find of stored bodies and columns that something else than a write has changed."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.messages import write_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Job, Resolution, Run
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.stored import StoredObject
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.work import execute_job
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.lifecycle import start_run
from billing_mirror.reconcile.tick import reconcile, run_on_demand
from billing_mirror.refresh.related_objects import refresh_request
from tests.doubles.crashing import CallLimit, crashing
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import event, subscription, subscription_event
from tests.unit.harness import Harness

from ..scenarios import OBJECT_TYPE, at

INVOICES = "/v1/invoices"
INVOICE_TYPE = catalog.TYPES["invoice"]
SHOWN = "&".join(f"expand%5B{number}%5D=data.{name}" for number, name in enumerate(INVOICE_TYPE.include))

Change = Callable[[Item], object]


@pytest.fixture
async def equal(harness: Harness) -> Harness:
    """Both sides hold the same three subscriptions, and every verify run reads all that is stored."""
    harness.deep_verify_percent = 100
    bodies = [subscription(f"rcds_{number}") for number in range(3)]
    at(harness, *bodies)
    await harness.deliver(*(subscription_event(identifier=str(body["id"])) for body in bodies))
    harness.clock.advance(100)
    return harness


def set_to(name: str, value: json_body.Json) -> Change:
    return lambda item: item.update({name: value})


def without(name: str) -> Change:
    return lambda item: item.pop(name)


def changes_the_body(item: Item) -> None:
    assert isinstance(item["data"], dict)
    item["data"] = {**item["data"], "servicing_status": "paused", "metadata": {"by": "hand"}}


def compresses(item: Item, *, body: JsonObject) -> None:
    item["data_z"] = zlib.compress(json_body.write(body).encode())
    del item["data"]


def corrupts(item: Item) -> None:
    assert isinstance(item["data"], dict)
    compresses(item, body=item["data"])
    assert isinstance(item["data_z"], bytes)
    item["data_z"] = item["data_z"][:-9]


CHANGES: list[tuple[str, Change, tuple[str, ...]]] = [
    ("body", changes_the_body, ("metadata", "servicing_status", "column/digest", "column/status")),
    ("compressed body", lambda item: compresses(item, body=subscription(note="x")), ("note", "column/digest")),
    ("unreadable body", corrupts, ("column/data",)),
    ("no body", without("data"), ("column/data",)),
    ("no map", set_to("data", "text"), ("column/data",)),
    ("status", set_to("status", "paused"), ("column/status",)),
    ("no status", without("status"), ("column/status",)),
    ("collection status", set_to("collection_status", "unpaid"), ("column/collection_status",)),
    ("parent", set_to("parent", "rcd_2"), ("column/parent",)),
    ("created", set_to("created", "2020-01-01T00:00:00.000Z"), ("column/created",)),
    ("hidden from every index", without("created"), ("column/created",)),
    ("scope", set_to("scope", "live"), ("column/scope",)),
    ("type", set_to("type", "customer"), ("column/type",)),
    ("id", set_to("id", "rcds_2"), ("column/id",)),
    ("long id", set_to("long_id", "rcds_2"), ("column/long_id",)),
    ("marked as deleted, but not so that a tombstone is", set_to("deleted", "yes"), ("column/deleted",)),
]


@pytest.mark.parametrize(("change", "fields"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
async def test_what_no_write_stores_is_found_and_stored_anew(
    equal: Harness, change: Change, fields: tuple[str, ...]
) -> None:
    before = {**equal.item("rcds_1")}
    change(equal.item("rcds_1"))
    run = await equal.run_now(OBJECT_TYPE)
    assert await equal.drifts(run) == [Drift("rcds_1", Difference.STORED_WRONG, Resolution.REPAIRED, fields=fields)]
    assert (run.counts.compared, run.counts.equal, run.counts.stored_read) == (3, 2, 3)
    assert (run.counts.found, run.counts.stored_wrong, run.counts.false_alarms) == (1, 1, 0)
    assert _state(equal.item("rcds_1")) == _state(before)
    again = await equal.run_now(OBJECT_TYPE)
    assert (again.counts.equal, again.counts.found, again.counts.false_alarms) == (3, 0, 0)


def _state(item: Item) -> Item:
    """The item without what each fetch changes."""
    return {name: value for name, value in item.items() if name not in ("token", "fetched_at", "stripe_request_id")}


async def test_what_is_stored_right_is_not_fetched(equal: Harness) -> None:
    compresses(equal.item("rcds_2"), body=subscription("rcds_2"))
    equal.stripe.requests.clear()
    run = await equal.run_now(OBJECT_TYPE)
    assert (run.counts.equal, run.counts.stored_read, len(equal.stripe.requests)) == (3, 3, run.counts.pages)


async def test_a_sample_of_nothing_reads_nothing(equal: Harness) -> None:
    equal.deep_verify_percent = 0
    changes_the_body(equal.item("rcds_1"))
    life = CallLimit()
    run = await _run(_with_mirror(equal, life), Job.VERIFY)
    assert (life.counts["heads"] > 0, life.counts["stored"], life.counts["body"]) == (True, 0, 0)
    assert (run.counts.equal, run.counts.stored_read) == (3, 0)


async def test_a_backfill_reads_nothing_that_is_stored(equal: Harness) -> None:
    life = CallLimit()
    run = await _run(_with_mirror(equal, life), Job.BACKFILL)
    assert (life.counts["stored"], run.counts.stored_read) == (0, 0)


def _with_mirror(harness: Harness, life: CallLimit) -> ReconcileDependencies:
    """Dependencies that count the calls of the mirror."""
    ports = replace(harness.ports, mirror=crashing(harness.mirror, life))
    return replace(harness.reconcile_dependencies, ports=ports)


async def _run(dependencies: ReconcileDependencies, job: Job) -> Run:
    started = await start_run(OBJECT_TYPE.name, job, None, dependencies)
    return await execute_job(started, dependencies, until=dependencies.ports.clock.now() + 100)


async def test_each_run_reads_another_part_until_all_is_read(harness: Harness) -> None:
    harness.deep_verify_percent = 30
    bodies = [subscription(f"rcds_{number}") for number in range(40)]
    at(harness, *bodies)
    first = await harness.run_now(OBJECT_TYPE)
    assert (first.counts.repaired, first.counts.stored_read) == (40, 0)
    for body in bodies:
        del harness.item(str(body["id"]))["created"]
    repaired = []
    for _ in range(4):
        harness.clock.advance(3600)
        repaired.append((await harness.run_now(OBJECT_TYPE)).counts.repaired)
    assert sum(repaired) == 40
    assert all(0 < number < 30 for number in repaired)


async def test_a_run_that_left_a_stored_object_wrong_is_followed_by_one_that_reads_it_again(equal: Harness) -> None:
    equal.deep_verify_percent = 99
    del equal.item("rcds_1")["created"]

    async def fail(path: str) -> None:
        if path.endswith("/rcds_1"):
            raise TransientError("Stripe answered 500")

    equal.stripe.before_answer = fail
    first = await equal.run_now(OBJECT_TYPE)
    assert [(one.difference, one.resolution) for one in await equal.drifts(first)] == [
        (Difference.STORED_WRONG, Resolution.UNRESOLVED)
    ]
    equal.stripe.before_answer = None
    second = await equal.run_now(OBJECT_TYPE)
    assert (second.deep, second.counts.repaired) == (first.deep, 1)
    assert (await equal.run_now(OBJECT_TYPE)).deep.first == first.deep.end


async def test_a_write_between_the_reads_is_no_difference(equal: Harness) -> None:
    """The head was read with the page, the item after it: only under one token do they belong together."""
    equal.mirror = mirror = WrittenBetweenReads(equal.mirror)
    run = await equal.run_now(OBJECT_TYPE)
    assert mirror.written == 1
    assert (run.counts.stored_read, run.counts.equal, run.counts.found, run.counts.false_alarms) == (3, 3, 0, 0)


class WrittenBetweenReads(MemoryMirror):
    """Gets another state of an object under a later token, once its head was read."""

    def __init__(self, before: MemoryMirror) -> None:
        super().__init__()
        self.objects, self.counters = before.objects, before.counters
        self.written = 0

    async def stored(self, ref: ObjectRef) -> StoredObject | None:
        if ref.id == "rcds_1":
            self.written += 1
            self.objects[ref.key] |= {"token": 7, "status": "paused"}
        return await super().stored(ref)


async def test_an_object_with_a_refresh_in_flight_is_left_to_it(equal: Harness) -> None:
    del equal.item("rcds_1")["created"]
    ref = ref_to(Scope(livemode=False), OBJECT_TYPE.name, "rcds_1")
    await equal.mirror.claim(ref, equal.clock.now())
    run = await equal.run_now(OBJECT_TYPE)
    assert (run.counts.in_flight, run.counts.found) == (1, 0)


async def test_a_wrong_item_is_repaired_with_the_difference_that_a_list_shows(equal: Harness) -> None:
    """Another difference is repaired anyway: nothing is read for it before its fetch."""
    del equal.item("rcds_1")["created"]
    at(equal, *(subscription(f"rcds_{number}", collection_status="past_due") for number in range(3)))
    run = await equal.run_now(OBJECT_TYPE)
    assert (run.counts.stored_read, run.counts.different, run.counts.stored_wrong) == (0, 3, 0)
    fields = {one.id: one.fields for one in await equal.drifts(run)}
    assert fields["rcds_1"] == ("collection_status", "column/created")
    assert equal.item("rcds_1")["created"]


class TestOnRequest:
    async def test_a_deep_verify_reads_everything(self, equal: Harness) -> None:
        equal.deep_verify_percent = 0
        changes_the_body(equal.item("rcds_1"))
        report = await self.request(equal, {"types": [OBJECT_TYPE.name], "deep": True})
        [worked] = report.worked
        assert (worked.run.deep.percent, worked.counts.stored_read, worked.counts.repaired) == (100, 3, 1)

    async def test_a_dry_run_finds_what_is_stored_wrong_and_leaves_it(self, equal: Harness) -> None:
        changes_the_body(equal.item("rcds_1"))
        before = {**equal.item("rcds_1")}
        report = await self.request(equal, {"types": [OBJECT_TYPE.name], "deep": True, "dry_run": True})
        [worked] = report.worked
        assert [(one["id"], one["difference"]) for one in worked.differences] == [("rcds_1", "stored_wrong")]
        assert equal.item("rcds_1") == before

    async def test_it_replaces_a_running_run_that_reads_less(self, equal: Harness) -> None:
        equal.deep_verify_percent = 5
        stopped = await equal.run_now(OBJECT_TYPE, seconds=0)
        assert stopped.deep.percent == 5
        equal.clock.advance(1)
        report = await self.request(equal, {"types": [OBJECT_TYPE.name], "deep": True})
        assert [(one.run.deep.percent, one.run.complete) for one in report.worked] == [(100, True)]

    async def test_it_resumes_a_running_one(self, equal: Harness) -> None:
        request = RunRequest(((OBJECT_TYPE.name, Job.VERIFY),), deep=True)
        dependencies = equal.reconcile_dependencies
        now = equal.clock.now()
        first = await run_on_demand(request, dependencies, deadline=now)
        again = await run_on_demand(request, dependencies, deadline=now + 100)
        assert [one.run.started_at for one in again.worked] == [one.run.started_at for one in first.worked]

    async def request(self, harness: Harness, event: dict[str, object]) -> TickReport:
        request = RunRequest.parse(event)
        report = await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)
        assert isinstance(report, TickReport)
        return report


class TestAnInvoiceWithMoreLinesThanStripeShows:
    """Its digest covers the lines that lists show; a digest of its own covers the whole body."""

    @pytest.fixture
    async def invoice(self, harness: Harness) -> Harness:
        harness.deep_verify_percent = 100
        lines: list[JsonObject] = [{"id": f"il_{number}", "amount": number} for number in range(13)]
        shown: JsonObject = {
            "id": "in_1",
            "object": "invoice",
            "customer": "cus_1",
            "status": "open",
            "created": 1_600_000_000,
            "livemode": False,
            "hosted_invoice_url": "https://invoice.example/1",
            "lines": {"object": "list", "data": [*lines[:10]], "has_more": True},
        }
        harness.stripe.objects[f"{INVOICES}/in_1"] = shown
        harness.stripe.lists |= {f"{INVOICES}?{SHOWN}": [shown]}
        harness.stripe.lists[f"{INVOICES}/in_1/lines?expand%5B0%5D=data.discounts"] = lines
        await harness.deliver(event("v1.invoice.created", shown, url=f"{INVOICES}/in_1"))
        harness.clock.advance(100)
        return harness

    async def test_is_equal_as_it_was_stored(self, invoice: Harness) -> None:
        run = await invoice.run_now(INVOICE_TYPE)
        assert (run.reason, run.counts.equal, run.counts.stored_read, run.counts.found) == ("", 1, 1, 0)

    async def test_is_repaired_where_a_line_changed_that_no_list_shows(self, invoice: Harness) -> None:
        data = invoice.item("in_1")["data"]
        assert isinstance(data, dict)
        assert isinstance(data["lines"], dict)
        assert isinstance(data["lines"]["data"], list)
        data["lines"]["data"][12] = {"id": "il_12", "amount": 1_000_000}
        run = await invoice.run_now(INVOICE_TYPE)
        assert await invoice.drifts(run) == [
            Drift("in_1", Difference.STORED_WRONG, Resolution.REPAIRED, fields=("lines", "column/body_digest"))
        ]
        assert invoice.item("in_1")["data"]["lines"]["data"][12] == {"id": "il_12", "amount": 12}  # type: ignore[index,call-overload]

    @pytest.mark.parametrize("value", [None, "cus_2"])
    async def test_is_repaired_where_its_customer_changed(self, invoice: Harness, value: str | None) -> None:
        invoice.item("in_1").pop("customer")
        if value:
            invoice.item("in_1")["customer"] = value
        run = await invoice.run_now(INVOICE_TYPE)
        assert [one.fields for one in await invoice.drifts(run)] == [("column/customer",)]
        assert invoice.item("in_1")["customer"] == "cus_1"

    async def test_is_repaired_where_a_field_changed_that_verify_ignores(self, invoice: Harness) -> None:
        data = invoice.item("in_1")["data"]
        assert isinstance(data, dict)
        data["hosted_invoice_url"] = "https://elsewhere.example"
        run = await invoice.run_now(INVOICE_TYPE)
        assert [one.fields for one in await invoice.drifts(run)] == [("hosted_invoice_url", "column/body_digest")]

    async def test_is_repaired_where_the_digest_of_its_body_was_removed(self, invoice: Harness) -> None:
        del invoice.item("in_1")["body_digest"]
        run = await invoice.run_now(INVOICE_TYPE)
        assert [one.fields for one in await invoice.drifts(run)] == [("column/digest",)]


class TestACashBalance:
    """Stripe has no list of its type: each is fetched in every run, and what is stored is read beside that fetch."""

    TYPE = catalog.TYPES["cash_balance"]
    URL = "/v1/customers/cus_1/cash_balance"

    @pytest.fixture
    async def balance(self, harness: Harness) -> Harness:
        body: JsonObject = {
            "object": "cash_balance",
            "customer": "cus_1",
            "livemode": False,
            "available": {"eur": 10000},
        }
        harness.stripe.objects = {self.URL: body}
        ref = ref_to(Scope(livemode=False), self.TYPE.name, "cus_1", "cus_1")
        await harness.deliver(write_message(refresh_request(ref)))
        harness.clock.advance(100)
        return harness

    def stored(self, harness: Harness) -> Item:
        [item] = [one for one in harness.mirror.objects.values() if one["type"] == self.TYPE.name]
        return item

    async def test_is_refreshed_where_it_is_stored_right(self, balance: Harness) -> None:
        run = await balance.run_now(self.TYPE)
        assert (run.reason, run.counts.refreshed, run.counts.found) == ("", 1, 0)

    async def test_is_counted_as_repaired_where_it_was_stored_wrong(self, balance: Harness) -> None:
        item = self.stored(balance)
        item |= {"data": {**item["data"], "available": {"eur": 1}}, "customer": "cus_2"}  # type: ignore[dict-item]
        run = await balance.run_now(self.TYPE)
        assert [(one.difference, one.resolution, one.fields) for one in await balance.drifts(run)] == [
            (Difference.NO_LIST, Resolution.REPAIRED, ("available", "column/digest", "column/customer"))
        ]
        assert (run.counts.refreshed, self.stored(balance)["customer"]) == (0, "cus_1")


async def test_an_owner_of_whose_customer_nothing_can_be_read_is_fetched_anew(equal: Harness) -> None:
    before = equal.item("bc_1")["data"]
    del equal.item("bc_1")["customer"]
    corrupts(equal.item("bc_1"))
    equal.clock.advance(100)
    [ended] = await equal.deliver(subscription_event("servicing_paused", identifier="rcds_1", at=equal.clock.now()))
    assert (ended.outcome, equal.item("rcds_1")["customer"]) == (Outcome.UNCHANGED, "cus_1")
    assert equal.item("bc_1")["data"] == before
