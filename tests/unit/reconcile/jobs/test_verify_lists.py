"""Verify over plain lists, hidden lists, and lists of owners."""

import asyncio

import pytest

from billing_mirror.core import json_body
from billing_mirror.core.errors import FeatureUnavailable, NotFound, PermanentError, PermissionDenied, RequestRefused
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Drift, Resolution, Status
from billing_mirror.reconcile.lists.listing import OWNERS_AT_ONCE
from tests.doubles.samples import rate, version
from tests.unit.harness import Harness

from ..both_sides import CUSTOMERS_SHOWN, mirror, run_now, shown_on_request, thing


class TestAListForEachOwner:
    RATES = "/v2/billing/rate_cards/rcd_1/rates"

    async def test_is_requested_with_the_owner_and_the_parent_of_the_owner(self, harness: Harness) -> None:
        await mirror(harness, version("rcdv_1"), parent="rcd_1", members=(rate(),))
        await mirror(harness, version("rcdv_2", rate_card_id="rcd_2"), parent="rcd_2")
        harness.stripe.objects[f"{self.RATES}/rcdr_1"] = rate()
        harness.stripe.lists = {
            f"{self.RATES}?rate_card_version=rcdv_1": [rate()],
            "/v2/billing/rate_cards/rcd_2/rates?rate_card_version=rcdv_2": [],
        }
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.complete, run.counts.pages, run.counts.compared) == (True, 2, 1)
        assert await harness.drifts(run) == [Drift("rcdr_1", Difference.MISSING, Resolution.REPAIRED)]
        assert harness.item("rcdr_1")["parent"] == "rcd_1"
        assert f"{self.RATES}/rcdr_1" in harness.stripe.paths

    async def test_is_read_for_more_owners_than_one_batch(self, harness: Harness) -> None:
        for number in range(130):
            await mirror(harness, version(f"rcdv_{number}"), parent="rcd_1")
            harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_{number}"] = []
        assert (await run_now(harness, "v2.billing.rate_card_rate")).counts.pages == 130

    async def test_of_an_owner_that_was_deleted_meanwhile_is_skipped(self, harness: Harness) -> None:
        for name in ("rcdv_1", "rcdv_2"):
            await mirror(harness, version(name), parent="rcd_1")
        harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_2"] = []
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.complete, run.counts.pages) == (True, 1)

    async def test_that_lacks_an_object_has_it_fetched_under_its_parent(self, harness: Harness) -> None:
        await mirror(harness, version(), parent="rcd_1")
        await mirror(harness, rate(), parent="rcd_1")
        harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_1"] = []
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert await harness.drifts(run) == [Drift("rcdr_1", Difference.NOT_LISTED, Resolution.FALSE_ALARM)]
        assert harness.stripe.paths[-1] == f"{self.RATES}/rcdr_1"

    async def test_may_need_the_customer_of_the_owner(self, harness: Harness) -> None:
        await mirror(harness, thing("billing.credit_grant", "credgr_1", customer="cus_1"), customer="cus_1")
        await mirror(harness, thing("billing.credit_grant", "credgr_2"))
        path = "/v1/billing/credit_balance_transactions"
        moved = thing("billing.credit_balance_transaction", "cbtxn_1", credit_grant="credgr_1")
        harness.stripe.objects[f"{path}/cbtxn_1"] = moved
        harness.stripe.lists[f"{path}?customer=cus_1&credit_grant=credgr_1"] = [moved]
        run = await run_now(harness, "billing.credit_balance_transaction")
        assert (run.complete, run.counts.pages) == (True, 1), "an owner without a customer has no such list"
        item = harness.item("cbtxn_1")
        assert (item["customer"], item["parent"]) == ("cus_1", "credgr_1")

    async def test_may_need_the_account_that_is_the_owners_customer(self, harness: Harness) -> None:
        grant = thing("billing.credit_grant", "credgr_1", customer=None, customer_account="acct_1")
        await mirror(harness, grant, customer="acct_1")
        path = "/v1/billing/credit_balance_transactions"
        moved = thing("billing.credit_balance_transaction", "cbtxn_1", credit_grant="credgr_1")
        harness.stripe.objects[f"{path}/cbtxn_1"] = moved
        harness.stripe.lists[f"{path}?customer_account=acct_1&credit_grant=credgr_1"] = [moved]
        assert (await run_now(harness, "billing.credit_balance_transaction")).complete
        assert harness.item("cbtxn_1")["customer"] == "acct_1"

    async def test_is_read_beside_the_list_of_all(self, harness: Harness) -> None:
        """Customers of a test clock are in no other list."""
        await mirror(harness, thing("test_helpers.test_clock", "clock_1", status="ready"))
        for name in ("cus_1", "cus_2"):
            harness.stripe.objects[f"/v1/customers/{name}"] = thing("customer", name)
        harness.stripe.lists = {
            f"/v1/customers?{CUSTOMERS_SHOWN}": [thing("customer", "cus_1")],
            f"/v1/customers?test_clock=clock_1&{CUSTOMERS_SHOWN}": [thing("customer", "cus_2")],
        }
        run = await run_now(harness, "customer")
        assert {drift.id: drift.resolution for drift in await harness.drifts(run)} == dict.fromkeys(
            ("cus_1", "cus_2"), Resolution.REPAIRED
        )

    async def test_that_differs_from_the_members_of_its_owner_has_the_owner_verified(self, harness: Harness) -> None:
        """Otherwise the members of a version would stay wrong: its body does not show them."""
        await mirror(harness, version(), parent="rcd_1")
        await mirror(harness, rate(), parent="rcd_1")
        harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_1"] = [rate()]
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert [(drift.id, drift.resolution) for drift in await harness.drifts(run)] == [
            ("rcdv_1", Resolution.REPAIRED)
        ]
        assert harness.stripe.paths.count("/v2/billing/rate_cards/rcd_1/versions/rcdv_1") == 1
        assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": ["rcdr_1"]}
        assert await harness.drifts(await run_now(harness, "v2.billing.rate_card_rate")) == []

    async def test_that_is_read_again_and_became_shorter_differs_from_the_members(self, harness: Harness) -> None:
        """What only the first reading has shown is not on the list."""
        await mirror(harness, version(), parent="rcd_1", members=(rate("rcdr_1"),))
        await mirror(harness, rate("rcdr_1"), parent="rcd_1")
        of_version = f"{self.RATES}?rate_card_version=rcdv_1"
        harness.stripe.page_size = 1
        harness.stripe.lists[of_version] = [rate("rcdr_1"), rate("rcdr_2")]

        async def remove(path: str) -> None:
            if "page=1" in path:
                harness.stripe.before_answer = None
                harness.stripe.lists[of_version] = []
                raise PermanentError("Stripe answered 400")

        harness.stripe.before_answer = remove
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.complete, run.counts.restarts) == (True, 1)
        assert "rcdv_1" in {drift.id for drift in await harness.drifts(run)}
        assert harness.item("rcdv_1")["members"] == {"v2.billing.rate_card_rate": []}

    async def test_that_lacks_a_member_names_it_in_the_evidence(self, harness: Harness) -> None:
        await mirror(harness, version(), parent="rcd_1", members=(rate(), rate("rcdr_2")))
        harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_1"] = [rate()]
        run = await run_now(harness, "v2.billing.rate_card_rate")
        [drift] = [one for one in await harness.drifts(run) if one.id == "rcdv_1"]
        assert "v2.billing.rate_card_rate/rcdr_2" in drift.fields
        assert "v2.billing.rate_card_rate/rcdr_1" not in drift.fields

    async def test_needs_no_owner_with_an_id_of_stripes_where_the_url_of_the_object_has_none(
        self, harness: Harness
    ) -> None:
        await mirror(harness, thing("customer", "25% OFF/you"))
        tax_id = thing("tax_id", "txi_1", customer="25% OFF/you")
        harness.stripe.objects["/v1/tax_ids/txi_1"] = tax_id
        harness.stripe.lists = {"/v1/tax_ids": [], "/v1/customers/25%25%20OFF%2Fyou/tax_ids": [tax_id]}
        run = await run_now(harness, "tax_id")
        assert (run.complete, await harness.drifts(run)) == (
            True,
            [Drift("txi_1", Difference.MISSING, Resolution.REPAIRED)],
        )

    async def test_that_is_refused_is_unresolved_and_does_not_stop_other_lists(self, harness: Harness) -> None:
        await mirror(harness, version("rcdv_1"), parent="rcd_1", members=(rate("rcdr_9"),))
        await mirror(harness, version("rcdv_2"), parent="rcd_1")
        await mirror(harness, rate("rcdr_9"), parent="rcd_1")
        harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_2"] = []
        harness.stripe.failures = [PermanentError("Stripe answered 400")]
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.complete, run.counts.pages) == (True, 1)
        assert len(harness.stripe.requests) == 2, "what no list shows may be in the one refused"
        assert [(drift.id, drift.resolution, drift.reason) for drift in await harness.drifts(run)] == [
            ("rcdv_1", Resolution.UNRESOLVED, "Stripe answered 400")
        ]

    async def test_that_lacks_a_filter_fails_the_run_at_the_first_owners(self, harness: Harness) -> None:
        """All lists of this kind lack it, so asking for more of them is a waste."""
        for number in range(2 * OWNERS_AT_ONCE):
            await mirror(harness, version(f"rcdv_{number}"), parent="rcd_1")
        reason = "Stripe answered 400 parameter_missing about lookup_keys"
        harness.stripe.failures = [RequestRefused(reason, code="parameter_missing", param="lookup_keys")]
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.status, run.reason, await harness.drifts(run)) == (Status.FAILED, reason, [])
        assert len(harness.stripe.requests) == OWNERS_AT_ONCE

    async def test_is_requested_at_the_same_time_as_those_of_the_next_owners(self, harness: Harness) -> None:
        for number in range(2 * OWNERS_AT_ONCE + 1):
            await mirror(harness, version(f"rcdv_{number:02}"), parent="rcd_1")
            harness.stripe.lists[f"{self.RATES}?rate_card_version=rcdv_{number:02}"] = []
        waiting: list[str] = []
        at_once: list[int] = []

        async def wait_for_others(path: str) -> None:
            waiting.append(path)
            await asyncio.sleep(0)
            at_once.append(len(waiting))
            waiting.remove(path)

        harness.stripe.before_answer = wait_for_others
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.complete, run.counts.pages) == (True, 2 * OWNERS_AT_ONCE + 1)
        assert max(at_once) == OWNERS_AT_ONCE

    @pytest.mark.parametrize(
        "error", [RequestRefused("Stripe answered 400"), FeatureUnavailable("Stripe answered 404")]
    )
    async def test_that_stripe_may_refuse_has_the_known_objects_fetched(
        self, harness: Harness, error: Exception
    ) -> None:
        """Stripe's library marks a filter of the list of license fees as required, and its values are unknown."""
        home = "/v2/billing/license_fees"
        fees = [thing("v2.billing.license_fee", f"licf_{number}", licensed_item="bli_1") for number in (1, 2, 3)]
        await mirror(harness, thing("v2.billing.licensed_item", "bli_1"))
        for body in fees:
            await mirror(harness, body)
        del harness.stripe.objects[f"{home}/licf_3"]
        harness.stripe.objects[f"{home}/licf_2"] = {**fees[1], "active": False}
        harness.stripe.lists["/v2/billing/licensed_items"] = []  # the account has the preview: a 404 is an answer
        harness.stripe.failures = [error]
        run = await run_now(harness, "v2.billing.license_fee")
        assert (run.complete, run.reason, run.counts.unresolved, run.counts.lists_unreadable) == (True, "", 0, 0)
        assert {drift.id: drift.resolution for drift in await harness.drifts(run)} == {
            "licf_2": Resolution.REPAIRED,
            "licf_3": Resolution.REPAIRED,
        }
        assert (harness.item("licf_3")["deleted"], run.counts.refreshed) == (True, 1)

    async def test_that_the_key_may_not_read_ends_the_run(self, harness: Harness) -> None:
        await mirror(harness, version(), parent="rcd_1")
        harness.stripe.failures = [PermissionDenied("Stripe answered 403")]
        run = await run_now(harness, "v2.billing.rate_card_rate")
        assert (run.status, run.reason) == (Status.UNAUTHORIZED, "Stripe answered 403")


class TestAPlainList:
    async def test_of_v1_is_read_page_by_page(self, harness: Harness) -> None:
        harness.stripe.page_size = 2
        meters = [thing("billing.meter", f"mtr_{number}", status="active") for number in range(5)]
        for body in meters:
            await mirror(harness, body)
        harness.stripe.lists["/v1/billing/meters"] = meters
        run = await run_now(harness, "billing.meter")
        assert (run.complete, run.counts.pages, run.counts.compared, await harness.drifts(run)) == (True, 3, 5, [])
        assert [request.query.get("starting_after") for request in harness.stripe.requests] == [None, "mtr_1", "mtr_3"]

    async def test_shows_fields_on_request_below_its_data(self, harness: Harness) -> None:
        harness.stripe.lists["/v1/coupons?expand%5B0%5D=data.applies_to&expand%5B1%5D=data.currency_options"] = []
        assert (await run_now(harness, "coupon")).complete

    @pytest.mark.parametrize("odd", ["Pro plan $699/month", "735*%24", "..", "a?b=c"])
    async def test_with_an_id_that_no_url_can_hold_has_it_noted_and_continues(self, harness: Harness, odd: str) -> None:
        """Users could once choose any text: https://github.com/stripe/stripe-java/issues/736"""
        plain = thing("tax_rate", "txr_1")
        harness.stripe.objects["/v1/tax_rates/txr_1"] = plain
        harness.stripe.lists["/v1/tax_rates"] = [thing("tax_rate", odd), plain]
        run = await run_now(harness, "tax_rate")
        assert (run.complete, run.counts.compared) == (True, 2)
        assert {(drift.id, drift.resolution, drift.reason) for drift in await harness.drifts(run)} == {
            (odd, Resolution.UNSTORABLE, "an id has characters that no Stripe id has"),
            ("txr_1", Resolution.REPAIRED, ""),
        }
        assert harness.stripe.paths == ["/v1/tax_rates?limit=100", "/v1/tax_rates/txr_1"]

    async def test_may_have_an_id_that_users_have_chosen(self, harness: Harness) -> None:
        plan = thing("plan", "Pro plan $699/month")
        harness.stripe.objects["/v1/plans/Pro%20plan%20%24699%2Fmonth"] = plan
        harness.stripe.lists["/v1/plans?expand%5B0%5D=data.tiers"] = [plan]
        run = await run_now(harness, "plan")
        assert [(drift.id, drift.resolution) for drift in await harness.drifts(run)] == [
            ("Pro plan $699/month", Resolution.REPAIRED)
        ]
        assert harness.item("plan/Pro plan $699/month")["data"] == plan
        assert await harness.drifts(await run_now(harness, "plan")) == []

    async def test_is_requested_in_full_where_stripe_would_show_only_a_part(self, harness: Harness) -> None:
        shown = shown_on_request("subscription")
        harness.stripe.lists[f"/v1/subscriptions?status=all&{shown}"] = []
        assert (await run_now(harness, "subscription")).complete

    async def test_is_compared_by_bodies_as_sent(self, harness: Harness) -> None:
        """The mirror's body has the complete list that both answers truncate."""
        cut: JsonObject = {"object": "list", "data": [{"id": "il_1"}], "has_more": True}
        sent = thing("credit_note", "cn_1", lines=cut)
        harness.stripe.objects["/v1/credit_notes/cn_1"] = sent
        harness.stripe.lists = {
            f"/v1/credit_notes?{shown_on_request('credit_note')}": [sent],
            "/v1/credit_notes/cn_1/lines": [{"id": "il_1"}, {"id": "il_2"}],
        }
        assert [drift.id for drift in await harness.drifts(await run_now(harness, "credit_note"))] == ["cn_1"]
        assert json_body.texts_at(harness.item("cn_1")["data"], "lines.data.id") == {"il_1", "il_2"}  # type: ignore[arg-type]
        run = await run_now(harness, "credit_note")
        assert (await harness.drifts(run), [one.path for one in harness.stripe.requests]) == ([], ["/v1/credit_notes"])

    async def test_with_a_deleted_object_agrees_with_its_tombstone(self, harness: Harness) -> None:
        deleted: JsonObject = {"id": "cus_1", "object": "customer", "deleted": True}
        await mirror(harness, thing("customer", "cus_1"))
        harness.stripe.objects["/v1/customers/cus_1"] = deleted
        harness.stripe.lists[f"/v1/customers?{CUSTOMERS_SHOWN}"] = [deleted]
        assert [drift.resolution for drift in await harness.drifts(await run_now(harness, "customer"))] == [
            Resolution.REPAIRED
        ]
        assert await harness.drifts(await run_now(harness, "customer")) == []

    @pytest.mark.parametrize(
        ("type_name", "error"),
        [
            ("tax_rate", FeatureUnavailable("Stripe answered 404")),
            ("v2.billing.rate_card", FeatureUnavailable("Stripe answered 400 (feature_not_enabled)")),
            ("v2.billing.rate_card", NotFound("Stripe answered 404 not_found")),
        ],
    )
    async def test_that_the_account_does_not_have_is_reported(
        self, harness: Harness, type_name: str, error: Exception
    ) -> None:
        harness.stripe.failures = [error]
        run = await run_now(harness, type_name)
        assert (run.status, run.reason) == (Status.UNAVAILABLE, str(error))

    @pytest.mark.parametrize(
        ("type_name", "error"),
        [
            ("tax_rate", RequestRefused("Stripe answered 400 parameter_invalid", param="expand[0]")),
            ("tax_rate", RequestRefused("Stripe answered 400 parameter_missing", code="parameter_missing")),
            ("tax_rate", PermanentError("Stripe answered 410")),
            ("tax_rate", NotFound("Stripe answered 400 resource_missing")),
            ("v2.billing.rate_card", RequestRefused("Stripe answered 400 invalid_parameter")),
        ],
    )
    async def test_that_is_refused_for_another_reason_fails_the_run(
        self, harness: Harness, type_name: str, error: Exception
    ) -> None:
        """A wrong parameter says nothing of what the account has."""
        harness.stripe.failures = [error]
        run = await run_now(harness, type_name)
        assert (run.status, run.reason) == (Status.FAILED, str(error))

    async def test_is_compared_without_links_that_expire(self, harness: Harness) -> None:
        shown = f"/v1/invoices?{shown_on_request('invoice')}"
        sent = thing("invoice", "in_1", hosted_invoice_url="https://pay/1")
        harness.stripe.objects["/v1/invoices/in_1"] = sent
        harness.stripe.lists[shown] = [sent]
        assert [drift.id for drift in await harness.drifts(await run_now(harness, "invoice"))] == ["in_1"]
        harness.stripe.lists[shown] = [{**sent, "hosted_invoice_url": "https://pay/2"}]
        assert (await harness.drifts(await run_now(harness, "invoice")), len(harness.stripe.requests)) == ([], 1)

    async def test_that_shows_an_object_twice_has_it_verified_once(self, harness: Harness) -> None:
        harness.stripe.page_size = 1
        harness.stripe.objects["/v1/tax_rates/txr_1"] = thing("tax_rate", "txr_1", active=True)
        behind = thing("tax_rate", "txr_1", active=False)
        harness.stripe.lists["/v1/tax_rates"] = [behind, thing("tax_rate", "txr_2"), behind]
        harness.stripe.objects["/v1/tax_rates/txr_2"] = thing("tax_rate", "txr_2")
        await run_now(harness, "tax_rate")
        assert harness.stripe.paths.count("/v1/tax_rates/txr_1") == 1


class TestAHiddenList:
    PRICES = "/v1/prices"
    SHOWN = "expand%5B0%5D=data.tiers&expand%5B1%5D=data.currency_options"

    async def test_is_requested_where_the_plain_list_shows_none_of_its_objects(self, harness: Harness) -> None:
        active, hidden = thing("price", "price_1", active=True), thing("price", "price_2", active=False)
        harness.stripe.objects |= {"/v1/prices/price_1": active, "/v1/prices/price_2": hidden}
        harness.stripe.lists = {
            f"{self.PRICES}?{self.SHOWN}": [active],
            f"{self.PRICES}?{self.SHOWN}&active=false": [hidden],
        }
        run = await run_now(harness, "price")
        assert (run.complete, run.counts.pages, len(await harness.drifts(run))) == (True, 2, 2)

    async def test_is_not_requested_where_the_plain_list_shows_its_objects(self, harness: Harness) -> None:
        both = [thing("price", "price_1", active=True), thing("price", "price_2", active=False)]
        harness.stripe.objects |= {f"/v1/prices/{body['id']}": body for body in both}
        harness.stripe.lists[f"{self.PRICES}?{self.SHOWN}"] = both
        run = await run_now(harness, "price")
        assert (run.complete, run.counts.pages, len(await harness.drifts(run))) == (True, 1, 2)

    async def test_that_is_refused_does_not_mean_that_the_account_has_none(self, harness: Harness) -> None:
        async def refuse(path: str) -> None:
            if "active=false" in path:
                raise PermanentError("Stripe answered 400")

        harness.stripe.lists = {f"{self.PRICES}?{self.SHOWN}": [], f"{self.PRICES}?{self.SHOWN}&active=false": []}
        harness.stripe.before_answer = refuse
        run = await run_now(harness, "price")
        assert (run.status, run.reason) == (Status.FAILED, "Stripe answered 400")

    async def test_may_lack_objects_of_an_id_that_users_have_chosen(self, harness: Harness) -> None:
        await mirror(harness, thing("price", "price_1", product="25% OFF/you"))
        harness.stripe.lists = {f"{self.PRICES}?{self.SHOWN}": [], f"{self.PRICES}?{self.SHOWN}&active=false": []}
        run = await run_now(harness, "price")
        assert (run.complete, await harness.drifts(run)) == (
            True,
            [Drift("price_1", Difference.NOT_LISTED, Resolution.FALSE_ALARM)],
        )

    async def test_may_be_one_of_several(self, harness: Harness) -> None:
        home, name = "/v2/billing/rate_card_subscriptions", "v2.billing.rate_card_subscription"
        bodies = {
            status: thing(name, f"rcds_{status}", servicing_status=status)
            for status in ("active", "canceled", "paused", "pending")
        }
        harness.stripe.objects |= {f"{home}/{body['id']}": body for body in bodies.values()}
        harness.stripe.lists = {f"{home}?servicing_status={status}": [body] for status, body in bodies.items()}
        harness.stripe.lists[home] = [bodies["active"], bodies["paused"]]
        run = await run_now(harness, name)
        assert {drift.id for drift in await harness.drifts(run)} == {body["id"] for body in bodies.values()}
        statuses = [
            request.query.get("servicing_status") for request in harness.stripe.requests if request.path == home
        ]
        assert statuses == [None, "canceled", "pending"], "what the plain list shows is not requested again"
