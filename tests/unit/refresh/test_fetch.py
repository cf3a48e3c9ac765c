"""Walking lists, and fetching an object with the lists that belong to it."""

import pytest

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import TYPES, ApiChannel
from billing_mirror.core.errors import (
    FeatureUnavailable,
    NotFound,
    PermanentError,
    PermissionDenied,
    RequestRefused,
    TransientError,
)
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table.items import Observation
from billing_mirror.refresh.fetch import MAX_READINGS, ListMoved, fetch, list_pages
from tests.doubles.clock import ManualClock
from tests.doubles.samples import sample, version
from tests.doubles.stripe import MemoryStripe

LIST = "/v2/billing/rate_cards"
OVERAGE = "v2.billing.rate_card_custom_pricing_unit_overage_rate"


def page(*ids: str, then: str | None) -> JsonObject:
    return {"data": [{"id": one} for one in ids], "next_page_url": then, "previous_page_url": None}


async def walked(stripe: MemoryStripe) -> list[str]:
    pages = list_pages(LIST, {}, stripe, api=ApiChannel.PREVIEW, context=None)
    return [str(entry["id"]) async for entries in pages for entry in entries]


async def test_every_page_is_read_until_there_is_none() -> None:
    stripe = MemoryStripe()
    stripe.objects = {
        f"{LIST}?limit=100": page("a", "b", then=f"{LIST}?page=2"),
        f"{LIST}?page=2": page("c", then=None),
    }
    assert await walked(stripe) == ["a", "b", "c"]


async def test_a_list_that_repeats_a_page_is_to_be_read_again() -> None:
    stripe = MemoryStripe()
    stripe.objects = {
        f"{LIST}?limit=100": page("a", then=f"{LIST}?page=2"),
        f"{LIST}?page=2": page("b", then=f"{LIST}?page=2"),
    }
    with pytest.raises(ListMoved, match="already read"):
        await walked(stripe)


async def test_a_page_that_shows_only_what_was_shown_is_to_be_read_again() -> None:
    """Stripe repeats the first page at the URL of the last one."""
    stripe = MemoryStripe()
    stripe.objects = {
        f"{LIST}?limit=100": page("a", "b", then=f"{LIST}?page=2"),
        f"{LIST}?page=2": page("a", "b", then=None),
    }
    with pytest.raises(ListMoved, match="already read"):
        await walked(stripe)


async def test_a_page_elsewhere_is_not_requested() -> None:
    stripe = MemoryStripe()
    stripe.objects = {f"{LIST}?limit=100": page("a", then="/v1/charges?page=2")}
    with pytest.raises(ListMoved, match="somewhere else"):
        await walked(stripe)
    assert len(stripe.requests) == 1


SUBSCRIPTION = "/v1/subscriptions/sub_1"
ITEMS = "/v1/subscription_items"
WHOLE = f"{ITEMS}?subscription=sub_1&expand%5B0%5D=data.discounts"


def subscription_with(*shown: JsonObject, more: bool) -> JsonObject:
    items: JsonObject = {"object": "list", "data": [*shown], "has_more": more, "url": f"{ITEMS}?subscription=sub_1"}
    return {"id": "sub_1", "object": "subscription", "created": 1_600_000_000, "livemode": False, "items": items}


def numbered(count: int) -> list[JsonObject]:
    return [{"id": f"si_{number}", "object": "subscription_item"} for number in range(count)]


async def fetched(stripe: MemoryStripe, type_name: str = "subscription", identifier: str = "sub_1") -> Observation:
    ref = ref_to(Scope(livemode=False, context="acct_1"), type_name, identifier, "cus_1")
    return await fetch(ref, stripe, ManualClock(1_700_000_000))


class TestAListThatStripeCutsShort:
    async def test_is_read_from_its_start_to_its_end(self) -> None:
        everything = numbered(25)
        stripe = MemoryStripe(page_size=10)
        stripe.objects[SUBSCRIPTION] = subscription_with(*everything[:10], more=True)
        stripe.lists[WHOLE] = everything
        seen = await fetched(stripe)
        assert json_body.value_at(seen.body, "items") == {
            "object": "list",
            "data": everything,
            "has_more": False,
            "url": f"{ITEMS}?subscription=sub_1",
        }
        assert [request.path for request in stripe.requests] == [SUBSCRIPTION, ITEMS, ITEMS, ITEMS]
        assert [request.query.get("starting_after") for request in stripe.requests[1:]] == [None, "si_9", "si_19"]
        assert {request.query["subscription"] for request in stripe.requests[1:]} == {"sub_1"}
        assert {request.query["expand[0]"] for request in stripe.requests[1:]} == {"data.discounts"}, (
            "as in the body itself"
        )

    async def test_is_requested_in_the_account_of_its_object_and_with_its_version(self) -> None:
        stripe = MemoryStripe()
        stripe.objects[SUBSCRIPTION] = subscription_with(more=True)
        stripe.lists[WHOLE] = numbered(1)
        await fetched(stripe)
        assert {(request.context, request.api) for request in stripe.requests} == {("acct_1", ApiChannel.GA)}

    async def test_does_not_change_what_the_body_is_compared_by(self) -> None:
        """A list of subscriptions cuts it short as well: digests must be of the same."""
        stripe = MemoryStripe()
        sent = subscription_with(*numbered(1), more=True)
        stripe.objects[SUBSCRIPTION] = sent
        stripe.lists[WHOLE] = numbered(3)
        assert (await fetched(stripe)).digest == json_body.digest(sent)

    async def test_is_not_requested_when_it_is_complete(self) -> None:
        stripe = MemoryStripe()
        stripe.objects[SUBSCRIPTION] = subscription_with(*numbered(3), more=False)
        seen = await fetched(stripe)
        assert seen.body == subscription_with(*numbered(3), more=False)
        assert stripe.paths == [SUBSCRIPTION]

    async def test_is_not_requested_where_there_is_none(self) -> None:
        stripe = MemoryStripe()
        stripe.objects[SUBSCRIPTION] = {"id": "sub_1", "items": None}
        assert (await fetched(stripe)).body == {"id": "sub_1", "items": None}

    async def test_is_read_again_later_when_what_the_next_page_starts_after_is_removed_each_time(self) -> None:
        stripe = MemoryStripe(page_size=1)
        stripe.objects[SUBSCRIPTION] = subscription_with(more=True)
        stripe.lists[WHOLE] = numbered(9)

        async def remove(path: str) -> None:
            if "starting_after" not in path and path != SUBSCRIPTION:
                del stripe.lists[WHOLE][0]

        stripe.before_answer = remove
        with pytest.raises(TransientError):
            await fetched(stripe)

    async def test_that_stripe_does_not_show_is_waited_for_however_old_the_object_is(self) -> None:
        stripe = MemoryStripe()
        stripe.objects[SUBSCRIPTION] = subscription_with(more=True)
        with pytest.raises(TransientError):
            await fetched(stripe)

    async def test_may_lie_deep_in_the_body_and_there_may_be_two(self) -> None:
        quote = sample("quote")
        identifier = str(quote["id"])
        computed = json_body.value_at(quote, "computed.upfront")
        assert isinstance(computed, dict)
        cut: JsonObject = {"object": "list", "data": [], "has_more": True}
        quote = json_body.with_value({**quote, "line_items": cut}, "computed.upfront", {**computed, "line_items": cut})
        stripe = MemoryStripe()
        shown = "expand%5B0%5D=data.discounts&expand%5B1%5D=data.taxes"
        stripe.objects[f"/v1/quotes/{identifier}"] = quote
        stripe.lists = {
            f"/v1/quotes/{identifier}/line_items?{shown}": [{"id": "li_1"}],
            f"/v1/quotes/{identifier}/computed_upfront_line_items": [{"id": "li_2"}],
        }
        seen = (await fetched(stripe, "quote", identifier)).body
        assert json_body.texts_at(seen, "line_items.data.id") == {"li_1"}
        assert json_body.texts_at(seen, "computed.upfront.line_items.data.id") == {"li_2"}
        assert json_body.value_at(seen, "computed.recurring") == json_body.value_at(quote, "computed.recurring")
        assert stripe.requests[0].include == TYPES["quote"].include

    async def test_may_be_the_whole_of_a_singleton(self) -> None:
        path = "/v1/entitlements/active_entitlements?customer=cus_1"
        active: list[JsonObject] = [{"id": f"ent_{number}"} for number in range(150)]
        stripe = MemoryStripe()
        stripe.objects[path] = {"object": "list", "data": [*active[:10]], "has_more": True, "url": "/v1/x"}
        stripe.lists[path] = active
        seen = await fetched(stripe, "entitlements.active_entitlement_summary", "")
        assert seen.body == {"object": "list", "data": active, "has_more": False, "url": "/v1/x"}
        assert seen.digest == json_body.digest(seen.body), "no list shows it cut short: all of it can be compared"


async def test_a_list_that_changes_while_it_is_read_is_read_again_later() -> None:
    """v1 answers as for a list that does not exist; that must not count as a missing list."""
    stripe = MemoryStripe(page_size=1)
    stripe.lists["/v1/tax_rates"] = [{"id": "txr_1"}, {"id": "txr_2"}]

    async def remove(_: str) -> None:
        stripe.lists["/v1/tax_rates"] = stripe.lists["/v1/tax_rates"][1:]

    stripe.before_answer = remove
    with pytest.raises(TransientError, match="changed between two pages"):
        async for _ in list_pages("/v1/tax_rates", {}, stripe, api=ApiChannel.GA, context=None):
            pass


async def test_a_missing_list_is_not_found() -> None:
    with pytest.raises(NotFound):
        await walked(MemoryStripe())


class TestMembers:
    VERSION = "/v2/billing/rate_cards/rcd_1/versions/rcdv_1"

    async def seen(self, created: float, *lists: str) -> Observation:
        stripe = MemoryStripe()
        stripe.objects[self.VERSION] = version(created=times.iso(created))
        stripe.lists = {f"/v2/billing/rate_cards/rcd_1/{name}?rate_card_version=rcdv_1": [] for name in lists}
        ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_version", "rcdv_1", "rcd_1")
        return await fetch(ref, stripe, ManualClock(1_700_000_000))

    async def test_are_all_listed(self) -> None:
        seen = await self.seen(1_700_000_000, "rates", "custom_pricing_unit_overage_rates")
        assert seen.member_lists == {"v2.billing.rate_card_rate": (), OVERAGE: ()}

    @pytest.mark.parametrize("age", [61, 86400, -61, -86400])
    async def test_of_an_old_object_may_have_no_list_at_all(self, age: int) -> None:
        seen = await self.seen(1_700_000_000 - age, "rates")
        assert seen.member_lists == {"v2.billing.rate_card_rate": ()}

    @pytest.mark.parametrize("age", [-30, 0, 30])
    async def test_of_a_new_object_are_waited_for(self, age: int) -> None:
        with pytest.raises(TransientError, match="does not show the list"):
            await self.seen(1_700_000_000 - age, "rates")

    async def refused(self, error: Exception) -> Observation:
        """Stripe shows the object, and answers its lists with an error."""
        stripe = MemoryStripe()
        stripe.objects[self.VERSION] = version(created=times.iso(1_600_000_000))

        async def refuse(path: str) -> None:
            if path != self.VERSION:
                raise error

        for name in ("rates", "custom_pricing_unit_overage_rates"):
            stripe.lists[f"/v2/billing/rate_cards/rcd_1/{name}?rate_card_version=rcdv_1"] = []
        stripe.before_answer = refuse
        ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_version", "rcdv_1", "rcd_1")
        return await fetch(ref, stripe, ManualClock(1_700_000_000))

    async def test_of_a_feature_that_the_account_lacks_do_not_keep_the_object_out(self) -> None:
        seen = await self.refused(FeatureUnavailable("Stripe answered 400 (feature_not_enabled)"))
        assert (seen.body is not None, seen.member_lists) == (True, {})

    @pytest.mark.parametrize(
        "error",
        [
            RequestRefused("Stripe answered 400 about limit", code="parameter_invalid_integer", param="limit"),
            PermanentError("the next page is somewhere else"),
            PermissionDenied("Stripe answered 403"),
            TransientError("Stripe answered 500"),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_whose_list_is_refused_for_another_reason_are_not_taken_for_none(self, error: Exception) -> None:
        with pytest.raises(type(error), match=str(error)):
            await self.refused(error)


class Moving:
    """A double of Stripe whose later pages of one list meet an error, for the next few times."""

    def __init__(self, stripe: MemoryStripe, path: str, error: Exception, *, times: int) -> None:
        self.left = times
        self.path = path
        self.error = error
        stripe.before_answer = self

    async def __call__(self, path: str) -> None:
        if path.startswith(self.path) and ("starting_after" in path or "page=" in path) and self.left:
            self.left -= 1
            raise self.error


REFUSALS = [PermanentError("Stripe answered 400"), NotFound("Stripe answered 404")]


class TestALaterPageOfAList:
    VERSION = TestMembers.VERSION
    RATES = "/v2/billing/rate_cards/rcd_1/rates"
    OVERAGES = "/v2/billing/rate_cards/rcd_1/custom_pricing_unit_overage_rates"

    def stripe(self) -> MemoryStripe:
        stripe = MemoryStripe(page_size=2)
        stripe.objects[self.VERSION] = version(created=times.iso(1_600_000_000))
        stripe.lists[f"{self.RATES}?rate_card_version=rcdv_1"] = [{"id": f"rcdr_{number}"} for number in range(5)]
        stripe.lists[f"{self.OVERAGES}?rate_card_version=rcdv_1"] = []
        return stripe

    async def members(self, stripe: MemoryStripe) -> list[str]:
        ref = ref_to(Scope(livemode=False), "v2.billing.rate_card_version", "rcdv_1", "rcd_1")
        seen = await fetch(ref, stripe, ManualClock(1_700_000_000))
        return [str(one["id"]) for one in seen.member_lists["v2.billing.rate_card_rate"]]

    @pytest.mark.parametrize("error", REFUSALS)
    async def test_that_is_refused_has_the_list_of_members_read_again(self, error: Exception) -> None:
        stripe = self.stripe()
        Moving(stripe, self.RATES, error, times=MAX_READINGS - 1)
        assert await self.members(stripe) == [f"rcdr_{number}" for number in range(5)]

    @pytest.mark.parametrize("error", REFUSALS)
    async def test_that_stays_refused_has_the_object_postponed(self, error: Exception) -> None:
        """The object is old: a missing list of its members would be believed."""
        stripe = self.stripe()
        Moving(stripe, self.RATES, error, times=MAX_READINGS)
        with pytest.raises(TransientError, match="changed between two pages"):
            await self.members(stripe)

    async def test_of_a_list_that_became_shorter_leaves_nothing_of_the_first_reading(self) -> None:
        stripe = self.stripe()

        async def remove(path: str) -> None:
            if "page=" in path:
                stripe.before_answer = None
                del stripe.lists[f"{self.RATES}?rate_card_version=rcdv_1"][:2]
                raise PermanentError("Stripe answered 400")

        stripe.before_answer = remove
        assert await self.members(stripe) == ["rcdr_2", "rcdr_3", "rcdr_4"]

    @pytest.mark.parametrize("error", REFUSALS)
    async def test_shows_that_there_is_such_a_list_whatever_comes_after(self, error: Exception) -> None:
        stripe = self.stripe()
        refusing: list[str] = []

        async def refuse(path: str) -> None:
            refusing.extend([path] if "page=" in path else [])
            if path.startswith(self.RATES) and refusing:
                raise error

        stripe.before_answer = refuse
        with pytest.raises(TransientError, match="of which it has shown a part"):
            await self.members(stripe)

    async def test_that_leads_elsewhere_is_no_sign_of_a_missing_list(self) -> None:
        stripe = self.stripe()
        stripe.objects[f"{self.RATES}?limit=100&rate_card_version=rcdv_1"] = page("rcdr_0", then="/v1/charges?page=2")
        with pytest.raises(TransientError, match="somewhere else"):
            await self.members(stripe)
        assert "/v1/charges?page=2" not in stripe.paths

    async def test_of_a_key_without_permission_is_no_later_matter(self) -> None:
        stripe = self.stripe()
        Moving(stripe, self.RATES, PermissionDenied("Stripe answered 403"), times=1)
        with pytest.raises(PermissionDenied):
            await self.members(stripe)

    @pytest.mark.parametrize("error", REFUSALS)
    @pytest.mark.parametrize("times", [1, 2])
    async def test_that_is_refused_has_what_was_cut_short_read_again(self, error: Exception, times: int) -> None:
        stripe = MemoryStripe(page_size=10)
        stripe.objects[SUBSCRIPTION] = subscription_with(more=True)
        stripe.lists[WHOLE] = numbered(25)
        Moving(stripe, ITEMS, error, times=times)
        assert json_body.value_at((await fetched(stripe)).body, "items.data") == numbered(25)

    async def test_or_the_first_of_what_was_cut_short_never_proves_that_there_is_no_list(self) -> None:
        """Stripe has just shown the beginning of it."""
        stripe = MemoryStripe()
        stripe.objects[SUBSCRIPTION] = subscription_with(more=True)

        async def refuse(path: str) -> None:
            if path.startswith(ITEMS):
                raise PermanentError("Stripe answered 400")

        stripe.lists[WHOLE] = numbered(3)
        stripe.before_answer = refuse
        with pytest.raises(TransientError, match="of which it has shown a part"):
            await fetched(stripe)
