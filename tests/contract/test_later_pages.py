"""What Stripe says of a later page is not said of the list: with the adapter, in front of the stand-in."""

import pytest

from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import texts_at
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation
from billing_mirror.refresh.fetch import MAX_READINGS, fetch
from dev.fake_stripe.client import StandIn
from tests.doubles.clock import ManualClock

from .accounts import Adapter

COMPONENT = "v2.billing.pricing_plan_component"
VERSION = "v2.billing.pricing_plan_version"
LATER = {"later_pages": True}
FAULTS = [
    {"status": 400, "code": "invalid_page_token"},
    {"status": 400, "code": "parameter_invalid"},
    {"status": 404, "code": "not_found"},
    {"body": "repeated"},
]


@pytest.fixture
def components(adapter: Adapter) -> list[str]:
    """The ids of the components of a version: more than a page."""
    adapter.stand_in.put("v2.billing.pricing_plan", _old("v2.billing.pricing_plan", "bpp_1"))
    version = {**_old(VERSION, "bppv_1"), "pricing_plan_id": "bpp_1"}
    adapter.stand_in.put(VERSION, version, parent="bpp_1")
    for number in range(120):
        of = {"pricing_plan": "bpp_1", "pricing_plan_version": "bppv_1", "type": "license_fee"}
        adapter.stand_in.put(COMPONENT, {**_old(COMPONENT, f"bppc_{number}"), **of}, parent="bpp_1")
    return [f"bppc_{number}" for number in range(120)]


def _old(type_name: str, identifier: str) -> dict[str, object]:
    """Old enough for Stripe to show its lists."""
    return {"id": identifier, "object": type_name, "created": "2020-01-01T00:00:00.000Z", "livemode": False}


async def version_of(adapter: Adapter) -> Observation:
    ref = ref_to(Scope(livemode=False), VERSION, "bppv_1", "bpp_1")
    return await fetch(ref, adapter.api(), ManualClock(1_700_000_000))


def strike(stand_in: StandIn, path: str, fault: dict[str, object], times: int) -> None:
    stand_in.faults(api=[{**LATER, **fault, "path_regex": f".*{path}", "count": times}])


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_members_are_read_again_where_a_later_page_fails(
    adapter: Adapter, components: list[str], fault: dict[str, object]
) -> None:
    strike(adapter.stand_in, "components", fault, MAX_READINGS - 1)
    members = (await version_of(adapter)).member_lists[COMPONENT]
    assert sorted(str(one["id"]) for one in members) == sorted(components)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.usefixtures("components")
async def test_a_version_is_postponed_where_a_later_page_keeps_failing(
    adapter: Adapter, fault: dict[str, object]
) -> None:
    strike(adapter.stand_in, "components", fault, MAX_READINGS)
    with pytest.raises(TransientError):
        await version_of(adapter)


async def invoice(adapter: Adapter, count: int) -> Observation:
    lines = [{"id": f"il_{number}", "object": "line_item", "amount": number} for number in range(count)]
    whole = {"object": "list", "has_more": False, "url": "/v1/invoices/in_1/lines", "data": lines}
    body = {"id": "in_1", "object": "invoice", "created": 1_600_000_000, "livemode": False, "lines": whole}
    adapter.stand_in.put("invoice", body)
    return await fetch(ref_to(Scope(livemode=False), "invoice", "in_1"), adapter.api(), ManualClock(1_700_000_000))


@pytest.mark.parametrize("fault", [*FAULTS, {"status": 400, "later_pages": False}], ids=str)
async def test_the_lines_of_an_invoice_are_read_again_or_postponed(adapter: Adapter, fault: dict[str, object]) -> None:
    if fault.get("later_pages", True):
        strike(adapter.stand_in, "/lines", fault, MAX_READINGS - 1)
        assert len(texts_at((await invoice(adapter, 230)).body, "lines.data.id")) == 230
    strike(adapter.stand_in, "/lines", fault, MAX_READINGS)
    with pytest.raises(TransientError):
        await invoice(adapter, 230)
