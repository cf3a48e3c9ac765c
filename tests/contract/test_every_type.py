"""Every type of the catalog, end to end: from an event or a refresh request to the reader."""

import asyncio
import re

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import Json, canonical
from billing_mirror.core.runs.run import Resolution
from billing_mirror.reader import MirroredObject, Reader
from dev.fake_stripe.api.encoding import dumps
from dev.fake_stripe.api.protocol import Request

from . import samples_by_type
from .end_to_end import PREVIEW, EndToEnd
from .samples_by_type import ENTITLEMENT, EVENT, OBJECT_TYPES, SAMPLES, SUMMARY, TESTS, Sample

EMULATOR = pytest.mark.parametrize("engine", ["emulator"], indirect=True)
DYNAMODB = pytest.mark.parametrize("engine", ["moto", "emulator"], indirect=True)
WITH_EVENTS = [object_type for object_type in OBJECT_TYPES if not object_type.sends_no_events]
WITHOUT_EVENTS = [object_type for object_type in OBJECT_TYPES if object_type.sends_no_events]
LISTED = [object_type for object_type in OBJECT_TYPES if object_type.listings]
DELETABLE = [object_type for object_type in OBJECT_TYPES if not object_type.singleton and object_type.name != EVENT]

PUBLISHED = {
    re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): line.split("+")
    for path, _, line in (
        one.partition(" ")
        for one in (TESTS / "published_paths.txt").read_text(encoding="utf-8").splitlines()
        if one.startswith("/")
    )
}
EVENT_TYPES = {
    one.partition(" ")[0] for one in (TESTS / "published_event_types.txt").read_text(encoding="utf-8").splitlines()
}


FURTHER_FIELDS = {
    "price": ["currency_options.eur.tiers", "currency_options.usd.tiers"],
    "quote": ["computed.upfront.total_details.breakdown", "computed.recurring.total_details.breakdown"],
    "subscription_schedule": ["phases.items.discounts.discount"],
}
"""What a second request for a sample asks for, as the sample has it and no list can show it."""


def of(object_types: list[ObjectType]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "sample", [Sample(object_type) for object_type in object_types], ids=lambda one: str(one.object_type.name)
    )


async def announced(end_to_end: EndToEnd, sample: Sample) -> None:
    """Loads all samples into Stripe, and delivers an event of one."""
    samples_by_type.load(end_to_end.backend, sample.object_type)
    if sample.object_type.name == EVENT:
        event_id = sample.ref.id
    else:
        event_id = await asyncio.to_thread(end_to_end.stand_in.announce, sample.ref.id)
    [event_type] = [one["type"] for one in end_to_end.events() if one["id"] == event_id]
    assert event_type in EVENT_TYPES
    await end_to_end.deliver(event_id)


async def refresh_requested(end_to_end: EndToEnd, sample: Sample) -> None:
    """Loads all samples into Stripe, and refreshes one without an event."""
    samples_by_type.load(end_to_end.backend, sample.object_type)
    await end_to_end.flows.request_refresh(sample.object_type.name, sample.ref.id, sample.owner)
    await end_to_end.deliver()


def require_found(reader: Reader, sample: Sample) -> None:
    """By its id and by every index key of its type, with the body that Stripe shows."""
    object_type, identifier = sample.object_type, sample.ref.id
    found = reader.get(identifier, object_type.name)
    assert found is not None
    assert (found.id, found.type, found.deleted) == (identifier, object_type.name, False)
    assert canonical(found.body) == canonical(sample.body)
    all_lists = lists(reader, sample)
    for listed in all_lists:
        assert [canonical(one.body) for one in listed if one.id == identifier] == [canonical(sample.body)]
    assert [one.id for one in all_lists[0]] == [identifier]


def lists(reader: Reader, sample: Sample) -> list[list[MirroredObject]]:
    """Every list that it belongs to: first that of its type."""
    object_type, body = sample.object_type, sample.body
    pages = [reader.by_type(object_type.name)]
    if object_type.customer or object_type.parent_is_customer:
        assert sample.customer
        pages += [reader.by_customer(sample.customer), reader.by_customer(sample.customer, object_type.name)]
    if object_type.parent or object_type.nested:
        assert sample.parent
        pages += [reader.children(sample.parent), reader.children(sample.parent, object_type.name)]
    if object_type.status:
        pages.append(reader.by_status(object_type.name, json_body.text_at(body, object_type.status) or ""))
    if object_type.collection_status:
        status = json_body.text_at(body, object_type.collection_status) or ""
        pages.append(reader.by_collection_status(object_type.name, status))
    return [[*page] for page in pages]


def is_in_its_category(reader: Reader, sample: Sample) -> bool:
    return sample.ref.id in {one.id for one in reader.by_category(sample.object_type.category)}


def require_published(requests: list[Request]) -> None:
    """Each request goes to a path that Stripe publishes, under a version that knows it."""
    for request in requests:
        lines = next((lines for path, lines in PUBLISHED.items() if path.fullmatch(request.path)), [])
        version = request.headers["stripe-version"]
        assert ("preview" if version == PREVIEW else "ga") in lines
        assert (version == PREVIEW) >= request.path.startswith("/v2/billing/")


def wanted_fields(request: Request) -> list[str]:
    lists = request.params.lists
    return [*lists.get("include", []), *lists.get("expand", [])]


def shows(value: Json, path: str) -> bool:
    """Whether there is something at a path that may lead through lists."""
    if isinstance(value, list):
        return any(shows(one, path) for one in value)
    step, _, rest = path.partition(".")
    inner = value.get(step) if isinstance(value, dict) else None
    return shows(inner, rest) if rest else inner is not None


class TestEveryType:
    def test_there_is_a_sample(self) -> None:
        assert {object_type.name for object_type in OBJECT_TYPES} - {SUMMARY} == SAMPLES.keys() - {ENTITLEMENT}

    @of(list(OBJECT_TYPES))
    def test_the_sample_has_every_path_of_its_type(self, sample: Sample) -> None:
        object_type, body = sample.object_type, sample.body
        for path in (object_type.status, object_type.collection_status, object_type.parent, object_type.customer):
            assert not isinstance(path, str) or json_body.text_at(body, path), path
        for sublist in object_type.sublists:
            assert json_body.value_at(body, sublist.path) is not None, sublist.path
        for path in object_type.include:
            assert shows(body, path), path

    @of(list(OBJECT_TYPES))
    def test_the_catalog_names_every_status_and_customer_of_the_sample(self, sample: Sample) -> None:
        object_type, body = sample.object_type, sample.body
        if "collection_status" in body:
            assert object_type.collection_status == "collection_status"
        if {"status", "servicing_status"} & body.keys():
            assert object_type.status == ("servicing_status" if "servicing_status" in body else "status")
        if json_body.text_at(body, "customer"):
            assert sample.customer == json_body.text_at(body, "customer")


@DYNAMODB
@of(WITH_EVENTS)
async def test_an_event_brings_an_object_into_the_mirror_and_all_its_lists(
    end_to_end: EndToEnd, sample: Sample
) -> None:
    await announced(end_to_end, sample)
    require_found(end_to_end.reader(), sample)
    assert is_in_its_category(end_to_end.reader(), sample)
    require_correct_requests(end_to_end, sample)


@DYNAMODB
@of(WITHOUT_EVENTS)
async def test_a_refresh_request_does_the_same_for_types_without_events(end_to_end: EndToEnd, sample: Sample) -> None:
    await refresh_requested(end_to_end, sample)
    require_found(end_to_end.reader(), sample)
    assert is_in_its_category(end_to_end.reader(), sample)
    require_correct_requests(end_to_end, sample)


def require_correct_requests(end_to_end: EndToEnd, sample: Sample) -> None:
    """Its own URL under the version of its type, with all that Stripe shows on request only."""
    require_published(end_to_end.requests)
    path = sample.at.partition("?")[0]
    own = [one for one in end_to_end.requests if one.path == path and "limit" not in one.params.names]
    assert own
    for request in own:
        further = FURTHER_FIELDS.get(sample.object_type.name, [])
        assert wanted_fields(request) in ([*sample.object_type.include], [*sample.object_type.include, *further])
        assert request.headers["stripe-version"] == end_to_end.stripe.version(sample.object_type.api)
    # The list of its owner, which is fetched for its customer, may name it before it is stored.
    assert len(own) in ({2} if sample.object_type.name in FURTHER_FIELDS else {1, 2}), "again for more fields"


@EMULATOR
@of([object_type for object_type in OBJECT_TYPES if object_type.sublists and object_type.name != SUMMARY])
async def test_lists_that_stripe_cuts_short_are_complete(end_to_end: EndToEnd, sample: Sample) -> None:
    end_to_end.backend.faults.set({"sublist_size": 0})
    await announced(end_to_end, sample)
    require_found(end_to_end.reader(), sample)
    urls = {sublist.url.format(id=sample.ref.id) for sublist in sample.object_type.sublists}
    assert urls <= {request.path for request in end_to_end.requests}


@EMULATOR
async def test_more_items_of_a_subscription_than_a_page_holds_are_one_list(end_to_end: EndToEnd) -> None:
    sample = Sample(catalog.TYPES["subscription"])
    samples_by_type.load(end_to_end.backend, sample.object_type)
    body = samples_by_type.stand_in_body(sample.object_type)
    item = body["items"]["data"][0]
    body["items"]["data"] = [{**item, "id": f"si_{number}", "quantity": number} for number in range(230)]
    await asyncio.to_thread(end_to_end.stand_in.put, "subscription", body)
    clock = Sample(catalog.TYPES["test_helpers.test_clock"])
    await end_to_end.flows.request_refresh(clock.object_type.name, clock.ref.id)
    await end_to_end.flows.request_refresh("subscription", sample.ref.id)
    await end_to_end.deliver()
    found = end_to_end.reader().get(sample.ref.id)
    assert found is not None
    assert canonical(found.body) == canonical(json_body.parse(dumps(body)))
    run = await end_to_end.flows.reconcile(sample.object_type)
    assert (run.complete, await end_to_end.flows.drifts(run)) == (True, [])


@EMULATOR
async def test_more_entitlements_than_a_page_holds_are_one_list(end_to_end: EndToEnd) -> None:
    sample = Sample(catalog.TYPES[SUMMARY])
    samples_by_type.load(end_to_end.backend, sample.object_type)
    create_many = [
        {**samples_by_type.stand_in_body(sample.object_type)["data"][0], "id": f"ent_{number}"} for number in range(230)
    ]
    await asyncio.to_thread(end_to_end.stand_in.put, SUMMARY, {"data": create_many}, parent=sample.owner)
    await end_to_end.deliver(await asyncio.to_thread(end_to_end.stand_in.announce, sample.ref.id))
    found = end_to_end.reader().get(sample.ref.id)
    assert found is not None
    assert json_body.texts_at(found.body, "data.id") >= {one["id"] for one in create_many}
    assert found.body["has_more"] is False


@EMULATOR
@of([object_type for object_type in WITH_EVENTS if object_type.nested])
async def test_an_event_that_names_the_parent_is_not_fetched(end_to_end: EndToEnd, sample: Sample) -> None:
    end_to_end.backend.faults.set({"placeholder_urls": False})
    await announced(end_to_end, sample)
    require_found(end_to_end.reader(), sample)
    fetched = [request.path for request in end_to_end.requests if request.path.startswith("/v2/core/events/")]
    assert bool(fetched) is (sample.object_type.name == SUMMARY)


@EMULATOR
@of(LISTED)
async def test_reconcile_finds_an_object_and_then_nothing_more(end_to_end: EndToEnd, sample: Sample) -> None:
    samples_by_type.load(end_to_end.backend, sample.object_type)
    for owner in {listing.per for listing in sample.object_type.listings if listing.per}:
        one = Sample(catalog.TYPES[owner]).ref
        await end_to_end.flows.request_refresh(owner, one.id, one.parent)
        await end_to_end.deliver()
    await forget(end_to_end, sample)
    first = await end_to_end.flows.reconcile(sample.object_type)
    assert (first.complete, first.reason) == (True, "")
    found = await end_to_end.flows.drifts(first)
    assert [(drift.id, drift.resolution) for drift in found] == [(sample.ref.id, Resolution.REPAIRED)]
    await end_to_end.deliver()
    require_found(end_to_end.reader(), sample)
    second = await end_to_end.flows.reconcile(sample.object_type)
    assert (second.complete, await end_to_end.flows.drifts(second)) == (True, [])
    assert second.counts.refreshed == int(sample.object_type.name in FURTHER_FIELDS)
    require_published(end_to_end.requests)


async def forget(end_to_end: EndToEnd, sample: Sample) -> None:
    """Makes the mirror one that has never seen an object."""
    for sort_key in ("object", "claim"):
        await asyncio.to_thread(
            end_to_end.client.delete_item,
            TableName=end_to_end.table,
            Key={"pk": {"S": sample.ref.key}, "sk": {"S": sort_key}},
        )


@DYNAMODB
@of(DELETABLE)
async def test_what_stripe_has_removed_is_in_no_list_and_keeps_its_last_body(
    end_to_end: EndToEnd, sample: Sample
) -> None:
    await refresh_requested(end_to_end, sample)
    reader, known = end_to_end.reader(), {one["id"] for one in end_to_end.events()}
    await asyncio.to_thread(end_to_end.stand_in.remove, sample.ref.id)
    await end_to_end.flows.request_refresh(sample.object_type.name, sample.ref.id, sample.owner, unlisted=True)
    await end_to_end.deliver(*({one["id"] for one in end_to_end.events()} - known))
    found = reader.get(sample.ref.id, sample.object_type.name)
    assert found is not None
    assert found.deleted
    assert canonical(found.body) == canonical(sample.body)
    for listed in lists(reader, sample):
        assert sample.ref.id not in {one.id for one in listed}
