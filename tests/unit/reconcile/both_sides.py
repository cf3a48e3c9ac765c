"""Shared by the tests of lists: objects that both sides hold, and runs over their types."""

from urllib.parse import urlencode

from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.runs.run import Run
from billing_mirror.core.table.items import Observation, item
from tests.unit.harness import Harness

SCOPE = Scope(livemode=False)
CUSTOMERS_SHOWN = "expand%5B0%5D=data.invoice_credit_balance&expand%5B1%5D=data.tax"
VERSION_OF = {"v1": "2026-01-01.ga", "v2": "2026-01-01.preview"}


def shown_on_request(type_name: str) -> str:
    """The query by which a list shows everything that it can show on request."""
    return urlencode({f"expand[{n}]": f"data.{path}" for n, path in enumerate(TYPES[type_name].include)})


def thing(type_name: str, identifier: str, **fields: json_body.Json) -> JsonObject:
    return {"id": identifier, "object": type_name, "created": 1_600_000_000, "livemode": False, **fields}


async def mirror(
    harness: Harness, body: JsonObject, *, parent: str | None = None, members: tuple[JsonObject, ...] = (), **about: str
) -> None:
    """Stores an object in the mirror as Stripe shows it."""
    ref = ref_to(SCOPE, str(body["object"]), str(body.get("id", "")), parent)
    harness.stripe.objects.setdefault(ref.path, body)
    api = VERSION_OF["v2" if ref.type.startswith("v2.billing") else "v1"]
    types = {str(one["object"]) for one in members}
    listed = {name: tuple(one for one in members if one["object"] == name) for name in types}
    version_of = about.get("stripe_version", api)
    seen = Observation(harness.clock.now(), version_of, "req_1", body, json_body.digest(body), listed)
    token, _ = await harness.mirror.claim(ref, 0.0)
    await harness.mirror.put(ref, token, item(ref, seen, about.get("customer")))


async def run_now(harness: Harness, type_name: str) -> Run:
    harness.clock.advance(10)
    harness.stripe.requests.clear()
    return await harness.run_now(TYPES[type_name])
