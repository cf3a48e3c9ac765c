"""Which job reconcile works on next."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES, USAGE, CompareInterval
from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.core.runs.schedule import (
    DAY,
    EARLY_SHARE,
    HOUR,
    MAX_EARLY,
    MINUTE,
    RECOVER,
    DueJob,
    Schedule,
    events_due_at,
    next_job,
)

NOW = 1_700_000_000.0
SUBSCRIPTIONS, CADENCES = "v2.billing.rate_card_subscription", "v2.billing.cadence"
DAILY, WEEKLY = "customer", "product"
CONFIGURATION = "coupon"
SCHEDULE = Schedule()


def ran(name: str, ago: float, *, status: Status = Status.COMPLETE, job: Job = Job.VERIFY, **counts: int) -> Run:
    """A run that was started, worked on and, unless it is running, ended ``ago`` seconds ago."""
    ended = NOW - ago if status is not Status.RUNNING else 0.0
    return Run(name, job, NOW - ago, NOW - ago, ended, status, counts=Counts(**counts))


def everything(*runs: Run) -> dict[str, Run]:
    """These runs, and all other runs have just ended."""
    jobs = {RECOVER: Job.RECOVER, USAGE.name: Job.USAGE}
    names = [RECOVER, USAGE.name, *(object_type.name for object_type in RECONCILED_TYPES)]
    return {name: ran(name, 0, job=jobs.get(name, Job.VERIFY)) for name in names} | {run.type: run for run in runs}


def early(pause: float) -> float:
    """Seconds by which a run may start before its interval is over."""
    return min(pause * EARLY_SHARE, MAX_EARLY)


def due_after(*runs: Run, schedule: Schedule = SCHEDULE, later: float = 0.0, livemode: bool = False) -> DueJob | None:
    return next_job(everything(*runs), NOW + later, schedule, livemode=livemode)


def name_after(*runs: Run, schedule: Schedule = SCHEDULE, later: float = 0.0, livemode: bool = False) -> str | None:
    due = due_after(*runs, schedule=schedule, later=later, livemode=livemode)
    return due.name if due else None


def order_of(runs: dict[str, Run], schedule: Schedule = SCHEDULE) -> list[str]:
    """The names in the order in which the jobs are due, each once."""
    names: list[str] = []
    while due := next_job(runs, NOW, schedule, livemode=False, without=frozenset(names)):
        names.append(due.name)
    return names


def test_there_is_a_type_of_each_compare_interval() -> None:
    intervals = [TYPES[name].interval for name in (SUBSCRIPTIONS, CADENCES, DAILY, CONFIGURATION, WEEKLY)]
    assert intervals == [
        CompareInterval.RATE_CARD_SUBSCRIPTIONS,
        CompareInterval.RATE_CARD_SUBSCRIPTIONS,
        CompareInterval.ACTIVITY,
        CompareInterval.CONFIGURATION,
        CompareInterval.CATALOG,
    ]


def test_at_first_events_are_recovered_and_then_all_types_backfilled_parents_before_children() -> None:
    assert order_of({}) == [RECOVER, *(object_type.name for object_type in RECONCILED_TYPES)]
    due = next_job({}, NOW, SCHEDULE, livemode=False, without=frozenset({RECOVER}))
    assert due == DueJob(
        RECONCILED_TYPES[0].name, Job.BACKFILL, resumed=False, frequent=False, updated_at=0.0, failures=0
    )


def test_right_after_everything_there_is_nothing_to_do() -> None:
    assert name_after() is None


@pytest.mark.parametrize(
    ("name", "pause"),
    [
        (RECOVER, 5 * MINUTE),
        (SUBSCRIPTIONS, HOUR),
        (CADENCES, HOUR),
        (DAILY, DAY),
        (CONFIGURATION, 7 * DAY),
        (WEEKLY, 7 * DAY),
    ],
)
def test_a_job_is_due_when_its_time_is_over_or_a_little_early(name: str, pause: float) -> None:
    job = Job.RECOVER if name == RECOVER else Job.VERIFY
    assert name_after(ran(name, pause - early(pause) - 1, job=job)) is None
    assert name_after(ran(name, pause - early(pause), job=job)) == name


def test_a_run_may_start_a_little_early_and_never_by_more_than_a_minute() -> None:
    assert early(5 * MINUTE) == 30
    assert early(MINUTE) == 6
    assert early(DAY) == 60


def test_the_schedule_sets_the_intervals() -> None:
    schedule = Schedule(
        recover=DAY, rate_card_subscriptions=2 * HOUR, activity=3 * HOUR, configuration=5 * HOUR, catalog=4 * HOUR
    )
    assert name_after(ran(SUBSCRIPTIONS, 1.5 * HOUR), schedule=schedule) is None
    assert name_after(ran(DAILY, 3 * HOUR), schedule=schedule) == DAILY
    assert name_after(ran(WEEKLY, 4 * HOUR), schedule=schedule) == WEEKLY
    assert name_after(ran(CONFIGURATION, 4 * HOUR), schedule=schedule) is None
    assert name_after(ran(CONFIGURATION, 5 * HOUR), schedule=schedule) == CONFIGURATION
    assert name_after(ran(RECOVER, HOUR, job=Job.RECOVER), schedule=schedule) is None


def test_usage_is_swept_where_the_sweep_is_on() -> None:
    runs = everything()
    del runs[USAGE.name]
    assert next_job(runs, NOW, SCHEDULE, livemode=False) is None
    due = next_job(runs, NOW, Schedule(usage=DAY), livemode=False)
    assert due is not None
    assert (due.name, due.job) == (USAGE.name, Job.USAGE)


def test_events_come_first_and_hourly_types_before_the_rest() -> None:
    runs = everything(
        ran(RECOVER, HOUR, job=Job.RECOVER), ran(SUBSCRIPTIONS, HOUR), ran(DAILY, 3 * DAY), ran(WEEKLY, 20 * DAY)
    )
    assert order_of(runs) == [RECOVER, SUBSCRIPTIONS, WEEKLY, DAILY]


def test_of_the_rest_the_job_worked_on_longest_ago_comes_first() -> None:
    runs = everything(ran("invoice", 30 * HOUR), ran(DAILY, 1200, status=Status.RUNNING), ran("quote", 40 * HOUR))
    assert order_of(runs) == ["quote", "invoice", DAILY]


def test_after_an_unfinished_hourly_job_another_job_is_next() -> None:
    long, waiting = ran(SUBSCRIPTIONS, 10, status=Status.RUNNING), ran(DAILY, 20, status=Status.RUNNING)
    others = {name: replace(run, updated_at=NOW - 100) for name, run in everything().items()}
    runs = {**others, SUBSCRIPTIONS: long, DAILY: waiting}
    first = next_job(runs, NOW, SCHEDULE, livemode=False)
    assert first is not None
    assert first.name == DAILY
    runs[DAILY] = replace(waiting, updated_at=NOW)
    second = next_job(runs, NOW, SCHEDULE, livemode=False)
    assert second is not None
    assert second.name == SUBSCRIPTIONS


def test_a_run_that_has_not_ended_is_resumed() -> None:
    due = due_after(ran(WEEKLY, 60, status=Status.RUNNING))
    assert due is not None
    assert (due.name, due.job, due.resumed) == (WEEKLY, Job.VERIFY, True)


def test_a_requested_run_is_resumed_with_its_job() -> None:
    due = due_after(ran(WEEKLY, 60, status=Status.RUNNING, job=Job.BACKFILL))
    assert due is not None
    assert (due.job, due.resumed) == (Job.BACKFILL, True)


@pytest.mark.parametrize(("status", "is_resumed"), [(Status.RUNNING, True), (Status.COMPLETE, False)])
def test_a_requested_usage_run_is_resumed_where_the_sweep_is_off(status: Status, *, is_resumed: bool) -> None:
    assert SCHEDULE.usage is None
    due = due_after(ran(USAGE.name, 9 * DAY, status=status, job=Job.USAGE))
    assert (due is not None and (due.name, due.job) == (USAGE.name, Job.USAGE)) is is_resumed


@pytest.mark.parametrize(
    ("last", "job"),
    [
        (ran(DAILY, 2 * DAY, status=Status.FAILED, job=Job.BACKFILL), Job.BACKFILL),
        (ran(DAILY, 2 * DAY, status=Status.UNAUTHORIZED, job=Job.BACKFILL), Job.BACKFILL),
        (ran(DAILY, 2 * DAY, job=Job.BACKFILL), Job.VERIFY),
        (ran(DAILY, 2 * DAY, status=Status.FAILED), Job.VERIFY),
    ],
)
def test_a_type_is_backfilled_until_one_backfill_was_complete(last: Run, job: Job) -> None:
    due = due_after(last)
    assert due is not None
    assert (due.name, due.job) == (DAILY, job)


class TestTypesThatAreBackfilled:
    def test_are_backfilled_one_after_the_other(self) -> None:
        """The first type is resumed, although it was worked on last: children need their parents."""
        running = ran(RECONCILED_TYPES[0].name, 10, status=Status.RUNNING, job=Job.BACKFILL)
        due = next_job({running.type: running}, NOW, SCHEDULE, livemode=False, without=frozenset({RECOVER}))
        assert due is not None
        assert (due.name, due.resumed) == (running.type, True)

    def test_count_as_one_job_beside_the_rest(self) -> None:
        runs = everything(ran(DAILY, 50, status=Status.RUNNING), ran("invoice", 40, status=Status.RUNNING))
        for name in ("product", "price", "quote"):
            del runs[name]
        runs["coupon"] = ran("coupon", 45, status=Status.RUNNING, job=Job.BACKFILL)
        first = next_job(runs, NOW, SCHEDULE, livemode=False)
        assert first is not None
        assert first.name == DAILY
        runs[DAILY] = replace(runs[DAILY], updated_at=NOW)
        second = next_job(runs, NOW, SCHEDULE, livemode=False)
        assert second is not None
        assert second.job is Job.BACKFILL
        runs[second.name] = ran(second.name, 0, status=Status.RUNNING, job=Job.BACKFILL)
        third = next_job(runs, NOW, SCHEDULE, livemode=False)
        assert third is not None
        assert third.name == "invoice"

    def test_go_before_a_type_that_fails(self) -> None:
        first, second = (object_type.name for object_type in RECONCILED_TYPES[:2])
        failing = replace(ran(first, 10, status=Status.RUNNING, job=Job.BACKFILL), failures=1)
        due = next_job({first: failing}, NOW, SCHEDULE, livemode=False, without=frozenset({RECOVER}))
        assert due is not None
        assert due.name == second


class TestAJob:
    def test_that_fails_does_not_come_before_others(self) -> None:
        failing = replace(ran(SUBSCRIPTIONS, 60, status=Status.RUNNING), failures=1)
        assert name_after(failing, ran(DAILY, 2 * DAY)) == DAILY
        assert name_after(failing) == SUBSCRIPTIONS

    def test_that_failed_is_started_again_after_an_hour(self) -> None:
        assert name_after(ran(WEEKLY, HOUR - early(HOUR) - 1, status=Status.FAILED)) is None
        assert name_after(ran(WEEKLY, HOUR - early(HOUR), status=Status.FAILED)) == WEEKLY

    @pytest.mark.parametrize("status", [Status.UNAUTHORIZED, Status.UNAVAILABLE])
    @pytest.mark.parametrize(
        ("name", "pause"), [(SUBSCRIPTIONS, DAY), (DAILY, DAY), (CONFIGURATION, 7 * DAY), (WEEKLY, 7 * DAY)]
    )
    def test_that_lacks_a_permission_is_tried_once_a_day_at_most(self, name: str, pause: float, status: Status) -> None:
        assert name_after(ran(name, pause - early(pause) - 1, status=status)) is None
        assert name_after(ran(name, pause - early(pause), status=status)) == name

    @pytest.mark.parametrize("run", [ran(WEEKLY, 0, unresolved=1), ran(WEEKLY, 0, in_flight=1)], ids=str)
    def test_with_unresolved_drift_or_a_refresh_in_flight_is_repeated_after_an_hour(self, run: Run) -> None:
        assert name_after(run, later=HOUR - early(HOUR) - 1) not in (WEEKLY, SUBSCRIPTIONS, CADENCES)
        later = {name: replace(one, started_at=NOW + HOUR) for name, one in everything(run).items() if name != WEEKLY}
        due = next_job({**later, WEEKLY: run}, NOW + HOUR - early(HOUR), SCHEDULE, livemode=False)
        assert due is not None
        assert due.name == WEEKLY

    def test_with_unresolved_drift_is_not_due_sooner_where_it_is_frequent(self) -> None:
        assert name_after(ran(SUBSCRIPTIONS, HOUR / 2, unresolved=1)) is None


@pytest.mark.parametrize("livemode", [True, False])
def test_types_of_test_mode_are_only_verified_there(livemode: bool) -> None:
    clock = ran("test_helpers.test_clock", 30 * DAY)
    assert name_after(clock, livemode=livemode) == (None if livemode else clock.type)


def test_events_are_due_again_after_their_interval() -> None:
    assert events_due_at({}, SCHEDULE) == 0.0
    assert events_due_at({RECOVER: ran(RECOVER, 100, job=Job.RECOVER)}, SCHEDULE) == NOW - 100 + 300


SLICE = 5 * MINUTE
SIZES = st.dictionaries(
    st.sampled_from([object_type.name for object_type in RECONCILED_TYPES]), st.integers(1, 30), max_size=8
)


@settings(max_examples=30)
@example(sizes={SUBSCRIPTIONS: 30, CADENCES: 30}, filled={SUBSCRIPTIONS, CADENCES, DAILY})
@given(sizes=SIZES, filled=st.sets(st.sampled_from([object_type.name for object_type in RECONCILED_TYPES])))
def test_long_runs_do_not_starve_other_runs(sizes: dict[str, int], filled: set[str]) -> None:
    """``sizes`` are the slices of time that runs take; with more than 12, an hourly job is always due."""
    names = {object_type.name for object_type in RECONCILED_TYPES}
    runs = {name: ran(name, 30 * DAY) for name in filled}
    worked: dict[str, int] = {}
    now, done = NOW, set[str]()
    for _ in range(20 * (sum(sizes.values()) + len(names))):  # runs of daily types come again meanwhile
        due = next_job(runs, now, SCHEDULE, livemode=False, without=frozenset({RECOVER}))
        if due is None:
            break
        if not due.resumed:
            runs[due.name] = Run(due.name, due.job, now)
            worked[due.name] = 0
        now += SLICE
        worked[due.name] += 1
        runs[due.name].updated_at = now
        if worked[due.name] >= sizes.get(due.name, 1):
            runs[due.name].status = Status.COMPLETE
            done.add(due.name)
    assert done == names
