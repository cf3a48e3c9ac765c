"""The example of an entitlement gate ends right under repeated, reordered and killed invocations, and replays."""

import asyncio
import importlib.util
import json
from random import Random
from types import ModuleType
from typing import Any

import boto3
import pytest

from billing_mirror.core.table.items import Item
from tests.doubles.changes import live, removed
from tests.doubles.samples import subscription
from tests.template_file import ROOT
from tests.unit.changes.test_feed import Table

from .conftest import Cloud

STATES = [("active", "current"), ("active", "past_due"), ("active", "unpaid"), ("paused", "current")]
SUBSCRIPTIONS = ("rcds_1", "rcds_2", "rcds_3")


class Killed(Exception):
    """The function ends, before or after its write."""


@pytest.fixture
def gate(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: ARG001 - AWS is in this process
    boto3.client("dynamodb").create_table(
        TableName="gates",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "subscription", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "subscription", "AttributeType": "S"}],
    )
    monkeypatch.setenv("GATE_TABLE", "gates")
    spec = importlib.util.spec_from_file_location("gate", ROOT / "examples" / "entitlement_gate" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changed(random: Random) -> tuple[list[dict[str, Any]], dict[str, bool]]:
    """Events of some changes, and which gates are open after them."""
    table, expected = Table(), {}
    held: dict[str, Item] = {}
    for token in range(1, 15):
        identifier = random.choice(SUBSCRIPTIONS)
        status, collection = random.choice(STATES)
        if identifier in held and "created" in held[identifier] and random.random() < 0.2:
            held[identifier] = removed(held[identifier], token)
            expected[f"test#{identifier}"] = False
        else:
            body = subscription(identifier, servicing_status=status, collection_status=collection)
            held[identifier] = live(body, token)
            expected[f"test#{identifier}"] = status == "active" and collection in ("current", "past_due")
        table.write(held[identifier])
    asyncio.run(table.publish())
    return [{"detail-type": one.detail_type, "detail": json.loads(one.detail)} for one in table.bus.events], expected


def deliver(gate: ModuleType, events: list[dict[str, Any]], random: Random) -> None:
    """Each event at least once, in any order; an invocation that was killed comes again."""
    waiting = [*events, *random.sample(events, k=3)]
    random.shuffle(waiting)
    before, after = "before-call.dynamodb.PutItem", "after-call.dynamodb.PutItem"

    def perhaps_kill(**_: object) -> None:
        if random.random() < 0.2:
            raise Killed

    hooks = gate.table.meta.client.meta.events
    for moment in (before, after):
        hooks.register(moment, perhaps_kill)
    while waiting:
        try:
            gate.lambda_handler(waiting[0], None)
        except Killed:
            continue
        waiting.pop(0)
    for moment in (before, after):
        hooks.unregister(moment, perhaps_kill)


def gates() -> dict[str, bool]:
    found = boto3.resource("dynamodb").Table("gates").scan()["Items"]
    return {str(one["subscription"]): bool(one["open"]) for one in found}


@pytest.mark.parametrize("seed", range(8))
def test_the_gates_end_as_the_last_change_says(gate: ModuleType, seed: int) -> None:
    random = Random(seed)
    events, expected = changed(random)
    deliver(gate, events, random)
    assert gates() == expected
    deliver(gate, events, random)  # a replay of the archive
    assert gates() == expected
