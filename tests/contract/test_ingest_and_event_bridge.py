"""The ways in: thin events, snapshots, EventBridge's envelopes; and whose objects they are about."""

import asyncio
import json
from typing import Any

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import canonical
from billing_mirror.core.metrics import Metric
from dev.fake_stripe.api.encoding import dumps

from . import samples_by_type
from .end_to_end import EndToEnd
from .samples_by_type import Sample

EMULATOR = pytest.mark.parametrize("engine", ["emulator"], indirect=True)
DYNAMODB = pytest.mark.parametrize("engine", ["moto", "emulator"], indirect=True)

CUSTOMER = Sample(catalog.TYPES["customer"])
SNAPSHOTS = [
    object_type
    for object_type in samples_by_type.OBJECT_TYPES
    if object_type.retrieve.startswith("/v1/") and not object_type.sends_no_events
]


async def announced(
    end_to_end: EndToEnd, identifier: str, context: str = ""
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Both forms of one event: thin, and a snapshot."""
    event_id = await asyncio.to_thread(end_to_end.stand_in.announce, identifier, context=context or None)
    [thin] = [one for one in end_to_end.events(context) if one["id"] == event_id]
    return thin, end_to_end.backend.account(context, livemode=False).events[event_id].snapshot


async def loaded(end_to_end: EndToEnd) -> tuple[dict[str, Any], dict[str, Any]]:
    samples_by_type.load(end_to_end.backend, CUSTOMER.object_type)
    thin, snapshot = await announced(end_to_end, CUSTOMER.ref.id)
    assert snapshot is not None
    return thin, snapshot


def fetched(end_to_end: EndToEnd) -> int:
    return sum(request.path == CUSTOMER.at for request in end_to_end.requests)


@DYNAMODB
async def test_nothing_of_a_snapshot_is_kept_but_which_object_it_is_about(end_to_end: EndToEnd) -> None:
    _, snapshot = await loaded(end_to_end)
    snapshot["data"]["object"] |= {"email": "old@snapshot.example", "metadata": {"secret": "sesame"}}
    accepted = await end_to_end.flows.accept(snapshot)
    assert (accepted.status, accepted.metric) == (200, Metric.ACCEPTED)
    [message] = end_to_end.flows.queue.waiting
    assert "old@snapshot.example" not in message.body
    assert "sesame" not in message.body
    assert json.loads(message.body)["related_object"] == {"id": CUSTOMER.ref.id, "type": "customer"}
    await end_to_end.deliver()
    found = end_to_end.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert canonical(found.body) == canonical(CUSTOMER.body)
    assert fetched(end_to_end) == 1


@EMULATOR
@pytest.mark.parametrize(
    "sample", [Sample(object_type) for object_type in SNAPSHOTS], ids=lambda one: str(one.object_type.name)
)
async def test_a_snapshot_of_every_type_of_v1_leads_to_the_object(end_to_end: EndToEnd, sample: Sample) -> None:
    samples_by_type.load(end_to_end.backend, sample.object_type)
    _, snapshot = await announced(end_to_end, sample.ref.id)
    assert snapshot is not None
    await end_to_end.flows.accept(snapshot)
    await end_to_end.deliver()
    found = end_to_end.reader().get(sample.ref.id, sample.object_type.name)
    assert found is not None
    assert canonical(found.body) == canonical(sample.body)


@DYNAMODB
async def test_a_snapshot_and_its_thin_twin_cost_one_fetch(end_to_end: EndToEnd) -> None:
    for event in await loaded(end_to_end):
        await end_to_end.flows.accept(event)
    outcomes = {one.outcome for one in await end_to_end.deliver()}
    assert outcomes <= {Outcome.STORED, Outcome.UNCHANGED}
    assert fetched(end_to_end) == 1


@DYNAMODB
async def test_a_twin_that_is_received_later_is_already_fresh(end_to_end: EndToEnd) -> None:
    thin, snapshot = await loaded(end_to_end)
    await end_to_end.flows.accept(thin)
    await end_to_end.flows.accept(snapshot)
    twin = end_to_end.flows.queue.waiting.pop()
    end_to_end.clock.advance(10)
    await end_to_end.deliver()
    end_to_end.flows.queue.waiting.append(twin)
    assert [one.outcome for one in await end_to_end.deliver()] == [Outcome.ALREADY_FRESH]
    assert fetched(end_to_end) == 1


@DYNAMODB
@pytest.mark.parametrize("kind", ["thin", "snapshot"])
async def test_an_event_in_an_envelope_of_eventbridge_is_read_from_the_queue(end_to_end: EndToEnd, kind: str) -> None:
    thin, snapshot = await loaded(end_to_end)
    envelope = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "source": "aws.partner/stripe.com/ed_test_61",
        "detail-type": thin["type"],
        "account": "123456789012",
        "time": "2026-11-01T08:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": thin if kind == "thin" else snapshot,
    }
    await end_to_end.flows.queue.send(dumps(envelope), group="bus")
    assert [one.outcome for one in await end_to_end.deliver()] == [Outcome.STORED]
    found = end_to_end.reader().get(CUSTOMER.ref.id)
    assert found is not None
    assert canonical(found.body) == canonical(CUSTOMER.body)


@DYNAMODB
async def test_one_id_in_two_accounts_and_the_platform_is_three_objects(end_to_end: EndToEnd) -> None:
    contexts = ["", "acct_1", "acct_2", "acct_1/acct_2"]
    for context in contexts:
        body = {"id": "gold", "object": "product", "name": f"of {context}", "livemode": False, "created": 1_790_000_000}
        await asyncio.to_thread(end_to_end.stand_in.put, "product", body, context=context or None)
        thin, _ = await announced(end_to_end, "gold", context)
        assert thin["context"] == (context or None)
        await end_to_end.flows.accept(thin)
    await end_to_end.deliver()
    assert sorted(request.headers.get("stripe-context", "") for request in end_to_end.requests) == sorted(contexts)
    for context in contexts:
        reader = end_to_end.reader(f"test/{context}" if context else "test")
        assert [one.body["name"] for one in reader.by_type("product")] == [f"of {context}"]
        found = reader.get("gold", "product")
        assert found is not None
        assert (found.id, found.body["name"]) == ("gold", f"of {context}")
    assert end_to_end.reader("live").get("gold") is None


@DYNAMODB
async def test_what_one_account_removes_the_others_keep(end_to_end: EndToEnd) -> None:
    for context in ("", "acct_1"):
        body = {"id": "cus_1", "object": "customer", "livemode": False, "created": 1_790_000_000}
        await asyncio.to_thread(end_to_end.stand_in.put, "customer", body, context=context or None)
        thin, _ = await announced(end_to_end, "cus_1", context)
        await end_to_end.flows.accept(thin)
    await end_to_end.deliver()
    await asyncio.to_thread(end_to_end.stand_in.remove, "cus_1", context="acct_1")
    await end_to_end.flows.accept(end_to_end.events("acct_1")[-1])
    await end_to_end.deliver()
    found = [end_to_end.reader(scope).get("cus_1") for scope in ("test", "test/acct_1")]
    assert [one.deleted for one in found if one] == [False, True]


@EMULATOR
@pytest.mark.parametrize(
    "context",
    [
        "acct_1/",
        "/acct_1",
        "acct_1//acct_2",
        "acct_1/../acct_2",
        "..",
        "org_1",
        "ACCT_1",
        "acct_",
        "acct_1 ",
        "acct_1\r\nX-Header: 1",
        "acct_1\n",
        "acct_1?a=b",
        "acct_1%2facct_2",
        "acct_\uff11",
        "acct_1#claim",
    ],
)
async def test_a_context_that_is_no_path_of_accounts_is_quarantined(end_to_end: EndToEnd, context: str) -> None:
    thin, snapshot = await loaded(end_to_end)
    for event in (thin | {"context": context}, snapshot | {"context": context}, snapshot | {"account": context}):
        accepted = await end_to_end.flows.accept(event)
        assert (accepted.status, accepted.metric) == (200, Metric.QUARANTINED)
        [(_, reason)] = end_to_end.flows.queue.quarantined
        assert "context" in reason
        assert context.strip() not in reason
        end_to_end.flows.queue.quarantined.clear()
    assert end_to_end.flows.queue.waiting == []
    await end_to_end.flows.queue.send(json.dumps(thin | {"context": context}), group="bus")
    await end_to_end.flows.work()
    [(_, reason)] = end_to_end.flows.queue.quarantined
    assert "context" in reason
    assert end_to_end.requests == []
