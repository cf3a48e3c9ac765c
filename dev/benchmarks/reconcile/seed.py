"""What does a mirror hold before a benchmark starts?"""

import asyncio

from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.attributes import Attributes, to_attributes
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.json_body import JsonObject, text_at
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.table import items
from billing_mirror.core.table.digest import digest
from billing_mirror.core.table.items import OBJECT, Item, Observation
from billing_mirror.core.table.mirror_state import UNCLAIMED_TOKEN
from dev.benchmarks.reconcile.ports import VERSION
from dev.benchmarks.reconcile.synthetic_data import CADENCE, CADENCES, SUBSCRIPTION, body_of, cadence

SCOPE = Scope(livemode=False)
LONG_AGO = 1_700_000_000.0


def stored(object_type: ObjectType, body: JsonObject) -> tuple[ObjectRef, Item]:
    """An object as a backfill stores it, without its token."""
    ref = ObjectRef(SCOPE, object_type, text_at(body, "id") or "")
    return ref, items.item(ref, Observation(LONG_AGO, VERSION, "req_1", body, digest(object_type, body)), "cus_1")


def attributes(number: int) -> Attributes:
    """A synthetic subscription as a backfill writes it into the table."""
    ref, item = stored(SUBSCRIPTION, body_of(number))
    return to_attributes({**item, "pk": ref.key, "sk": OBJECT, "token": UNCLAIMED_TOKEN})


def store_cadences(client: DynamoDBClient, table: str) -> None:
    """Stores the cadences by which the synthetic subscriptions belong to customers."""
    mirror = DynamoMirror(client, table)
    for number in range(CADENCES):
        asyncio.run(mirror.put(*_numbered(number)))


def _numbered(number: int) -> tuple[ObjectRef, int, Item]:
    ref, item = stored(CADENCE, cadence(number))
    return ref, UNCLAIMED_TOKEN, item
