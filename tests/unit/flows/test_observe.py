"""How a list is walked."""

import pytest

from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import ApiLine
from billing_mirror.core.errors import Refused
from billing_mirror.flows.observe import walk
from tests.doubles.stripe import MemoryStripe

LIST = "/v2/billing/rate_cards"


def page(*ids: str, then: str | None) -> JsonObject:
    return {"data": [{"id": one} for one in ids], "next_page_url": then, "previous_page_url": None}


async def walked(stripe: MemoryStripe) -> list[str]:
    pages = walk(LIST, {}, stripe, api=ApiLine.PREVIEW, context=None)
    return [str(entry["id"]) async for entries in pages for entry in entries]


async def test_every_page_is_read_until_there_is_none() -> None:
    stripe = MemoryStripe()
    stripe.objects = {
        f"{LIST}?limit=100": page("a", "b", then=f"{LIST}?page=2"),
        f"{LIST}?page=2": page("c", then=None),
    }
    assert await walked(stripe) == ["a", "b", "c"]


async def test_a_list_that_leads_back_is_given_up() -> None:
    stripe = MemoryStripe()
    stripe.objects = {
        f"{LIST}?limit=100": page("a", then=f"{LIST}?page=2"),
        f"{LIST}?page=2": page("b", then=f"{LIST}?page=2"),
    }
    with pytest.raises(Refused, match="already read"):
        await walked(stripe)


async def test_a_page_elsewhere_is_not_asked_for() -> None:
    stripe = MemoryStripe()
    stripe.objects = {f"{LIST}?limit=100": page("a", then="/v1/charges?page=2")}
    with pytest.raises(Refused):
        await walked(stripe)
    assert len(stripe.asked) == 1
