"""CloudWatch charges for ages by the hour: they are emitted where they say something, and else in one hour of three."""

from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, RECOVER
from billing_mirror.reconcile.report import AGES_EVERY, TickReport

METERS = TYPES["billing.meter"].name
WEEK = 7 * DAY
SHOWN = AGES_EVERY * HOUR * 80_000
"""When an hour with ages begins."""
QUIET = SHOWN + HOUR
"""When one without begins."""


def shows_ages(
    *,
    verified: float | None = DAY,
    events_read: float = 0.0,
    at: float = QUIET,
    connected: dict[str, TickReport] | None = None,
) -> bool:
    """Of an account whose meters were verified so many seconds ago, and whose events are read up to so many ago."""
    return report(verified, events_read, at, connected or {}).shows_ages(at)


def report(verified: float | None, events_read: float, at: float, connected: dict[str, TickReport]) -> TickReport:
    read = times.iso(at - events_read)
    last = {RECOVER: Run(RECOVER, Job.RECOVER, at, updated_at=at, status=Status.COMPLETE, watermark=read)}
    if verified is not None:
        then = at - verified
        last[METERS] = Run(METERS, Job.VERIFY, then, updated_at=then, finished_at=then, status=Status.COMPLETE)
    return TickReport(last=last, intervals={METERS: WEEK}, at=at, connected=connected)


def test_ages_that_say_nothing_are_shown_in_one_hour_of_three() -> None:
    hours = [shows_ages(at=SHOWN + number * HOUR) for number in range(2 * AGES_EVERY)]
    assert hours == [True, False, False] * 2
    assert shows_ages(at=SHOWN + HOUR - 1), "at each tick of the hour"


def test_a_type_that_is_overdue_for_an_hour_shows_them_always() -> None:
    assert not shows_ages(verified=WEEK + HOUR)
    assert shows_ages(verified=WEEK + HOUR + 1)


def test_events_that_are_not_read_for_an_hour_show_them_always() -> None:
    assert not shows_ages(events_read=HOUR - 1)
    assert shows_ages(events_read=HOUR + 1)


def test_a_new_stack_shows_them_always() -> None:
    assert shows_ages(verified=None)


def test_a_connected_account_that_is_late_or_new_shows_them_always() -> None:
    assert not shows_ages(connected={"acct_1": report(DAY, 0.0, QUIET, {})})
    assert shows_ages(connected={"acct_1": report(WEEK + DAY, 0.0, QUIET, {})})
    assert shows_ages(connected={"acct_1": report(None, 0.0, QUIET, {})})
