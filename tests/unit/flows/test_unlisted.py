"""Reconcile where a list tells little: doubtful ones, none at all, and objects of another version."""

import pytest

from billing_mirror.core.drift import Difference
from billing_mirror.core.errors import Gone, NotPermitted, Refused
from billing_mirror.core.run import Drift, Resolution, Status

from .both_sides import mirror, passed, thing
from .conftest import House


class TestADoubtfulList:
    LIST = "/v2/billing/profiles"
    NAME = "v2.billing.profile"

    async def refused(self, house: House, error: Exception) -> None:
        async def refuse(path: str) -> None:
            if path.startswith(f"{self.LIST}?"):
                raise error

        house.stripe.lists.setdefault(self.LIST, [])
        house.stripe.before_answer = refuse

    async def test_is_used_where_stripe_answers(self, house: House) -> None:
        house.stripe.objects[f"{self.LIST}/bilp_1"] = thing(self.NAME, "bilp_1")
        house.stripe.lists[self.LIST] = [thing(self.NAME, "bilp_1")]
        run = await passed(house, self.NAME)
        assert await house.drifts(run) == [Drift("bilp_1", Difference.MISSING, Resolution.REPAIRED)]

    @pytest.mark.parametrize("error", [Refused("Stripe answered 400"), Gone("nothing there")])
    async def test_that_is_refused_has_each_known_object_looked_at(self, house: House, error: Exception) -> None:
        for name in ("bilp_1", "bilp_2"):
            await mirror(house, thing(self.NAME, name))
        house.stripe.objects[f"{self.LIST}/bilp_2"] = thing(self.NAME, "bilp_2", status="inactive")
        await self.refused(house, error)
        run = await passed(house, self.NAME)
        assert (run.complete, run.counts.refreshed) == (True, 1)
        assert [(drift.id, drift.difference, drift.fields) for drift in await house.drifts(run)] == [
            ("bilp_2", Difference.NO_LIST, ("status",))
        ]

    async def test_that_our_key_may_not_read_ends_the_run(self, house: House) -> None:
        await mirror(house, thing(self.NAME, "bilp_1"))
        await self.refused(house, NotPermitted("Stripe answered 403"))
        run = await passed(house, self.NAME)
        assert (run.status, run.reason) == (Status.UNAUTHORIZED, "Stripe answered 403")


class TestATypeWithoutAList:
    ACTION = "v2.billing.service_action"

    async def test_has_each_known_object_looked_at(self, house: House) -> None:
        for number in range(130):
            await mirror(house, thing(self.ACTION, f"svca_{number}"))
        run = await passed(house, self.ACTION)
        assert (run.complete, run.counts.pages, run.counts.refreshed, await house.drifts(run)) == (True, 0, 130, [])
        assert len(set(house.stripe.paths)) == 130

    async def test_has_what_changed_or_went_repaired_and_told(self, house: House) -> None:
        for name in ("svca_1", "svca_2", "svca_3"):
            await mirror(house, thing(self.ACTION, name))
        house.stripe.objects["/v2/billing/service_actions/svca_1"] = thing(self.ACTION, "svca_1", lookup_key="x")
        del house.stripe.objects["/v2/billing/service_actions/svca_2"]
        run = await passed(house, self.ACTION)
        assert sorted((drift.id, drift.difference, drift.resolution) for drift in await house.drifts(run)) == [
            ("svca_1", Difference.NO_LIST, Resolution.REPAIRED),
            ("svca_2", Difference.NO_LIST, Resolution.REPAIRED),
        ]
        assert (run.counts.refreshed, house.item("svca_2")["deleted"]) == (1, True)

    async def test_has_what_could_not_be_looked_at_told(self, house: House) -> None:
        await mirror(house, thing(self.ACTION, "svca_1"))
        house.stripe.failures = [Refused("Stripe answered 400")]
        run = await passed(house, self.ACTION)
        assert [(drift.resolution, drift.reason) for drift in await house.drifts(run)] == [
            (Resolution.UNRESOLVED, "Stripe answered 400")
        ]
        assert run.counts.refreshed == 0

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("cash_balance", "/v1/customers/cus_1/cash_balance"),
            (
                "entitlements.active_entitlement_summary",
                "/v1/entitlements/active_entitlements?customer=cus_1",
            ),
        ],
    )
    async def test_may_be_that_of_a_singleton(self, house: House, name: str, path: str) -> None:
        await mirror(house, {"object": name, "livemode": False}, parent="cus_1", customer="cus_1")
        house.stripe.objects[path] = {"object": name, "livemode": False, "changed": True}
        run = await passed(house, name)
        assert house.stripe.paths == [path]
        assert [(drift.id, drift.fields) for drift in await house.drifts(run)] == [(path, ("changed",))]
        assert house.item(path)["customer"] == "cus_1"


class TestAnObjectOfAnotherVersion:
    METERS = "/v1/billing/meters"

    async def outdated(self, house: House, *names: str) -> None:
        for name in names:
            await mirror(house, thing("billing.meter", name, status="active"), stripe_version="2020-01-01.ga")
        house.stripe.lists[self.METERS] = [thing("billing.meter", name, status="active") for name in names]

    async def test_is_fetched_again_and_is_no_drift(self, house: House) -> None:
        await self.outdated(house, "mtr_1", "mtr_2")
        run = await passed(house, "billing.meter")
        assert (run.complete, run.counts.refreshed, await house.drifts(run)) == (True, 2, [])
        assert house.item("mtr_1")["stripe_version"] == "2026-01-01.ga"

    async def test_is_no_drift_even_if_its_shape_is_another_now(self, house: House) -> None:
        await self.outdated(house, "mtr_1")
        shaped = thing("billing.meter", "mtr_1", status="active", new_member="x")
        house.stripe.objects[f"{self.METERS}/mtr_1"] = shaped
        house.stripe.lists[self.METERS] = [shaped]
        run = await passed(house, "billing.meter")
        assert (run.counts.refreshed, await house.drifts(run), house.item("mtr_1")["data"]) == (1, [], shaped)

    async def test_is_fetched_once(self, house: House) -> None:
        await self.outdated(house, "mtr_1")
        await passed(house, "billing.meter")
        run = await passed(house, "billing.meter")
        assert (run.counts.refreshed, len(house.stripe.asked)) == (0, 1)

    async def test_that_cannot_be_fetched_is_told(self, house: House) -> None:
        await self.outdated(house, "mtr_1")

        async def refuse(path: str) -> None:
            if path.endswith("/mtr_1"):
                raise Refused("Stripe answered 400")

        house.stripe.before_answer = refuse
        run = await passed(house, "billing.meter")
        assert [(drift.difference, drift.resolution) for drift in await house.drifts(run)] == [
            (Difference.OUTDATED, Resolution.UNRESOLVED)
        ]
