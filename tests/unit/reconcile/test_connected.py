"""What ticks do about connected accounts."""

import asyncio
from dataclasses import replace

import pytest

from billing_mirror.core.errors import ConfigurationError, InvalidRequest, PermanentError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.metrics import Metric
from billing_mirror.core.runs.connected import NO_ACCOUNTS, PARTITION, ConnectedAccount, ConnectedAccounts
from billing_mirror.core.runs.run import Job, Status
from billing_mirror.core.runs.run_request import RunRequest, read_request
from billing_mirror.core.runs.schedule import DAY, HOUR, MINUTE, RECOVER, Schedule
from billing_mirror.reconcile.connected import known_accounts
from billing_mirror.reconcile.report import ForgetReport, ObjectsReport, TickReport
from billing_mirror.reconcile.tick import reconcile, tick
from tests.doubles.stripe import MemoryStripe
from tests.unit.harness import Harness

from .both_sides import thing
from .ticks import LONG, METERS, SHORT, TAX_RATES, JumpingClock, on_its_own_time

SEEN = ConnectedAccounts(seen=True)
BOTH = ConnectedAccounts(listed=("acct_1", "acct_2"))
ONE = ConnectedAccounts(listed=("acct_1",))


def account(name: str) -> MemoryStripe:
    """An account with one tax rate, whose id all accounts share."""
    return MemoryStripe(
        lists={LONG: [], SHORT: [thing("tax_rate", "txr_1", owner=name)]},
        objects={f"{SHORT}/txr_1": thing("tax_rate", "txr_1", owner=name)},
    )


def platform(*connected: str) -> Harness:
    harness = Harness(
        JumpingClock(), schedule=Schedule(object_types=(METERS, TAX_RATES)), stripe=account("the platform")
    )
    harness.stripe.connected = {name: account(name) for name in connected}
    return harness


async def ticked(harness: Harness, accounts: ConnectedAccounts, seconds: float = 800.0) -> TickReport:
    dependencies = replace(harness.reconcile_dependencies, connected=accounts)
    return await tick(dependencies, deadline=harness.clock.now() + seconds)


def owners(harness: Harness) -> dict[str, str]:
    """By scope, whose tax rate the mirror holds there."""
    found = {}
    for key in harness.mirror.objects:
        body = harness.mirror.body_of(key)
        assert body is not None
        found[key.partition("#")[0]] = str(body["owner"])
    return found


def test_every_listed_account_is_backfilled_into_its_own_scope() -> None:
    harness = platform("acct_1", "acct_2")
    report = on_its_own_time(ticked(harness, BOTH))
    assert owners(harness) == {"test": "the platform", "test/acct_1": "acct_1", "test/acct_2": "acct_2"}
    assert [(one.context, one.run.type) for one in report.all_worked if one.counts.inserted] == [
        (None, "tax_rate"),
        ("acct_1", "tax_rate"),
        ("acct_2", "tax_rate"),
    ]
    assert {request.context for request in harness.stripe.requests} == {None, "acct_1", "acct_2"}
    inserted = [value for metric, value in report.counts() if metric is Metric.OBJECTS_INSERTED]
    assert sum(inserted) == 3


def test_without_the_parameter_only_the_own_account_is_read() -> None:
    harness = platform("acct_1")
    on_its_own_time(ticked(harness, NO_ACCOUNTS))
    assert owners(harness) == {"test": "the platform"}
    assert {request.context for request in harness.stripe.requests} == {None}


def test_an_account_that_an_event_has_named_is_seen() -> None:
    async def story() -> tuple[dict[str, str], dict[str, str]]:
        harness = platform("acct_1")
        await ticked(harness, SEEN)
        before = owners(harness)
        seen = ConnectedAccount("acct_1")
        await harness.state_store.write(harness.reconcile_dependencies.scope, PARTITION, "acct_1", seen.to_item())
        await ticked(harness, SEEN)
        return before, owners(harness)

    before, after = on_its_own_time(story())
    assert before == {"test": "the platform"}
    assert after == {"test": "the platform", "test/acct_1": "acct_1"}


def test_an_account_that_is_not_listed_is_left_even_if_it_is_known() -> None:
    async def story() -> Harness:
        harness = platform("acct_1", "acct_2")
        await ticked(harness, BOTH)
        await asyncio.sleep(HOUR)
        harness.stripe.requests.clear()
        await ticked(harness, ConnectedAccounts(listed=("acct_2",)))
        return harness

    assert {request.context for request in on_its_own_time(story()).stripe.requests} == {None, "acct_2"}


@pytest.mark.parametrize("named", ["acct_1", None])
def test_lost_events_of_an_account_are_queued_in_its_context(named: str | None) -> None:
    """Whether its own list of events says whose they are, or not."""

    async def story() -> Harness:
        harness = platform("acct_1")
        await ticked(harness, ONE)
        await asyncio.sleep(HOUR)
        event: JsonObject = {
            "id": "evt_1",
            "object": "v2.core.event",
            "type": "v1.tax_rate.updated",
            "created": "2023-11-14T22:30:00.000Z",
            "livemode": False,
            "context": named,
            "related_object": {"id": "txr_2", "type": "tax_rate", "url": f"{SHORT}/txr_2"},
        }
        harness.stripe.connected["acct_1"].events = [event]
        harness.stripe.connected["acct_1"].objects[f"{SHORT}/txr_2"] = thing("tax_rate", "txr_2", owner="acct_1")
        await ticked(harness, ONE)
        await harness.work()
        return harness

    assert "test/acct_1#txr_2" in on_its_own_time(story()).mirror.objects


def test_a_long_run_of_the_own_account_leaves_time_for_the_others() -> None:
    harness = platform("acct_1")
    harness.stripe.page_size = 1
    harness.stripe.lists[LONG] = [thing(METERS.name, f"mtr_{one}", owner="the platform") for one in range(200)]

    async def answer_late(path: str) -> None:
        if path.startswith(LONG):
            await asyncio.sleep(20)

    harness.stripe.before_answer = answer_late
    report = on_its_own_time(ticked(harness, ONE))
    assert owners(harness)["test/acct_1"] == "acct_1"
    assert report.is_cut_short
    assert sum(worked.counts.compared for worked in report.worked if worked.run.type == METERS.name) > 30, (
        "the own account uses the rest of the time"
    )


def test_the_account_that_waits_longest_is_next() -> None:
    """Each takes more time than a tick has for all; in the end none was left out."""
    names = [f"acct_{number}" for number in range(5)]

    async def answer_late(path: str) -> None:
        if path.startswith(SHORT):
            await asyncio.sleep(25)

    async def story() -> list[list[str]]:
        harness = platform(*names)
        for one in harness.stripe.connected.values():
            one.before_answer = answer_late
        reports = []
        for _ in range(3):
            reports.append(await ticked(harness, ConnectedAccounts(listed=tuple(names)), seconds=80))
            await asyncio.sleep(220)
        assert owners(harness).keys() == {"test", *(f"test/{name}" for name in names)}
        waits = [dict(report.seconds(0.0))[Metric.VERIFY_OVERDUE] for report in reports]
        assert waits[0] == 0, "no account counts as late before its first turn"
        return [[*report.connected] for report in reports]

    first, second, _ = on_its_own_time(story())
    assert first == names[:3]
    assert second[:2] == names[3:]


def test_an_account_with_nothing_due_is_left_until_its_events_are_due_again() -> None:
    async def story() -> tuple[list[str], list[str]]:
        harness = platform("acct_1")
        await ticked(harness, ONE)
        early = await ticked(harness, ONE)
        await asyncio.sleep(5 * MINUTE)
        return [*early.connected], [*(await ticked(harness, ONE)).connected]

    assert on_its_own_time(story()) == ([], ["acct_1"])


def test_an_account_without_trouble_does_not_hide_the_trouble_of_another() -> None:
    async def story() -> TickReport:
        harness = platform("acct_1")
        await ticked(harness, ONE)

        async def refuse(path: str) -> None:
            if path.startswith(SHORT):
                raise PermanentError("no sense in it")

        harness.stripe.connected["acct_1"].before_answer = refuse
        await asyncio.sleep(8 * DAY)
        return await ticked(harness, ONE)

    report = on_its_own_time(story())
    assert [value for metric, value in report.counts() if metric is Metric.FAILING_TYPES] == [1]
    assert dict(report.connected["acct_1"].counts())[Metric.FAILING_TYPES] == 1


@pytest.mark.parametrize(("accounts", "filling"), [(SEEN, 0), (ONE, 3)])
def test_alarms_wait_for_the_first_backfill_of_listed_accounts_only(accounts: ConnectedAccounts, filling: int) -> None:
    async def story() -> TickReport:
        harness = platform("acct_1")
        await ticked(harness, NO_ACCOUNTS)
        seen = ConnectedAccount("acct_1")
        await harness.state_store.write(harness.reconcile_dependencies.scope, PARTITION, "acct_1", seen.to_item())
        await asyncio.sleep(2 * HOUR)
        return await ticked(harness, accounts)

    report = on_its_own_time(story())
    assert "acct_1" in report.connected
    assert sum(value for metric, value in report.counts() if metric is Metric.FILLING) == filling


class TestRevokedAccess:
    def test_it_is_reported_once_and_the_account_is_tried_once_a_day(self) -> None:
        async def story() -> tuple[list[TickReport], Harness]:
            harness = platform("acct_1", "acct_2")
            await ticked(harness, BOTH)
            harness.stripe.revoked = {"acct_1"}
            reports = []
            for _ in range(3):
                await asyncio.sleep(10 * HOUR)
                reports.append(await ticked(harness, BOTH))
            return reports, harness

        reports, harness = on_its_own_time(story())
        assert [report.newly_revoked for report in reports] == [["acct_1"], [], []]
        assert [list(report.connected) for report in reports] == [["acct_1", "acct_2"], ["acct_2"], ["acct_2"]]
        ended = [(one.run.type, one.run.status) for one in reports[0].connected["acct_1"].worked]
        assert ended == [(RECOVER, Status.REVOKED)], "the other types would be refused, too"
        assert "test/acct_1#txr_1" in harness.mirror.objects, "what is mirrored stays"
        counts = dict(reports[0].connected["acct_1"].counts())
        assert counts[Metric.FAILING_TYPES] == 0, "no alarm: the operator can change nothing"

    def test_it_makes_nothing_late(self) -> None:
        async def story() -> tuple[TickReport, float]:
            harness = platform("acct_1")
            await ticked(harness, ONE)
            harness.stripe.revoked = {"acct_1"}
            for _ in range(12):
                await asyncio.sleep(25 * HOUR)
                report = await ticked(harness, ONE)
            return report, harness.clock.now()

        report, now = on_its_own_time(story())
        assert report.connected["acct_1"].is_revoked
        late = dict(sorted(report.seconds(now), key=lambda one: one[1]))  # of several values, the longest
        assert (late[Metric.VERIFY_OVERDUE], late[Metric.EVENTS_UNREAD_SINCE] < DAY) == (0, True)

    def test_an_account_that_is_connected_again_is_caught_up(self) -> None:
        async def story() -> tuple[TickReport, ConnectedAccount]:
            harness = platform("acct_1")
            await ticked(harness, ONE)
            harness.stripe.revoked = {"acct_1"}
            await asyncio.sleep(HOUR)
            await ticked(harness, ONE)
            harness.stripe.revoked.clear()
            await asyncio.sleep(25 * HOUR)
            report = await ticked(harness, ONE)
            return report, (await known_accounts(harness.reconcile_dependencies))["acct_1"]

        report, known = on_its_own_time(story())
        assert report.connected["acct_1"].last[RECOVER].complete
        assert known.revoked_at == 0.0


def test_a_key_of_an_organization_has_only_connected_accounts() -> None:
    harness = platform("acct_1")
    dependencies = replace(harness.reconcile_dependencies, connected=ONE, has_own_account=False)

    async def story() -> TickReport:
        return await tick(dependencies, deadline=harness.clock.now() + 800)

    report = on_its_own_time(story())
    assert owners(harness) == {"test/acct_1": "acct_1"}
    assert report.worked == []
    assert {request.context for request in harness.stripe.requests} == {"acct_1"}


class TestOnDemand:
    def test_a_run_of_one_account(self) -> None:
        harness = platform("acct_1")
        request = RunRequest((("tax_rate", Job.BACKFILL),), context="acct_1")

        async def story() -> TickReport | ObjectsReport | ForgetReport:
            return await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)

        report = on_its_own_time(story())
        assert owners(harness) == {"test/acct_1": "acct_1"}
        assert report.answer()["result"] == "complete"

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_the_answer_names_the_account(self, dry_run: bool) -> None:
        harness = platform("acct_1")
        request = RunRequest((("tax_rate", Job.VERIFY),), context="acct_1", dry_run=dry_run)

        async def story() -> TickReport | ObjectsReport | ForgetReport:
            return await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)

        report = on_its_own_time(story())
        assert isinstance(report, TickReport)
        assert report.worked[0].columns()["context"] == "acct_1"
        assert report.worked[0].counts.found == 1

    def test_an_object_of_an_account(self) -> None:
        harness = platform("acct_1")
        request = read_request({"job": "refresh", "ids": ["txr_1"], "context": "acct_1"}, livemode=False, now=0.0)

        async def story() -> TickReport | ObjectsReport | ForgetReport:
            return await reconcile(request, harness.reconcile_dependencies, deadline=harness.clock.now() + 100)

        on_its_own_time(story())
        assert owners(harness) == {"test/acct_1": "acct_1"}

    @pytest.mark.parametrize("job", ["verify", "refresh"])
    @pytest.mark.parametrize("context", ["", "cus_1", "acct_1/", 7, "acct_1,acct_2"])
    def test_a_text_that_names_no_account_is_refused(self, job: str, context: object) -> None:
        with pytest.raises(InvalidRequest, match=r"context must be a connected account, such as acct_1; nothing was"):
            read_request(
                {"job": job, "ids": ["in_1"], "context": context}
                if job == "refresh"
                else {"job": job, "context": context},
                livemode=False,
                now=0.0,
            )


class TestParameter:
    @pytest.mark.parametrize(
        ("text", "accounts"),
        [
            ("none", NO_ACCOUNTS),
            ("seen", SEEN),
            ("acct_1", ConnectedAccounts(listed=("acct_1",))),
            ("acct_1, acct_2/acct_3,acct_1", ConnectedAccounts(listed=("acct_1", "acct_2/acct_3"))),
        ],
    )
    def test_it_is_none_seen_or_a_list(self, text: str, accounts: ConnectedAccounts) -> None:
        assert ConnectedAccounts.parse(text) == accounts
        assert bool(accounts) == (text != "none")

    @pytest.mark.parametrize("text", ["", "all", "acct_1,", "acct_1;acct_2", "seen,acct_1", "cus_1"])
    def test_any_other_text_is_an_error_that_says_what_to_write(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="write none, seen, or ids such as acct_1,acct_2"):
            ConnectedAccounts.parse(text)


def test_what_is_known_of_an_account_is_read_as_it_was_written() -> None:
    known = ConnectedAccount("acct_1/acct_2", due_at=1_700_000_000.5, revoked_at=1_700_000_000.25)
    assert ConnectedAccount.from_item(known.to_item()) == known
    assert ConnectedAccount.from_item(ConnectedAccount("acct_1").to_item()) == ConnectedAccount("acct_1")
