"""The verdict about a stack, from facts alone."""

from dataclasses import replace

import pytest

from billing_mirror.core import times
from billing_mirror.core.catalog import RECONCILED_TYPES
from billing_mirror.core.runs.run import Counts, Job, Status
from billing_mirror.core.runs.schedule import DAY, HOUR, MINUTE, RECOVER, Schedule
from billing_mirror_cli.health.verdict import Facts, QueueFacts, State, problems, tick_seconds, verdict
from billing_mirror_cli.runs.records import RunState
from tests.documentation.pages import section, text_of

NOW = 1_750_000_000.0
PRODUCT = "product"
UNSTORABLE = Counts(compared=3, equal=1, unstorable=2)


def run(
    name: str,
    *,
    seconds_ago: float = 60,
    status: Status = Status.COMPLETE,
    job: Job = Job.VERIFY,
    reason: str = "",
    counts: Counts | None = None,
    watermark: str = "",
    failures: int = 0,
) -> RunState:
    at = times.iso(NOW - seconds_ago)
    counted = counts or Counts(compared=1, equal=1)
    return RunState(name, job, status, reason, at, at, watermark, counted, failures=failures)


def failing(ticks: int, name: str = PRODUCT) -> list[RunState]:
    """A run that as many ticks have not got further, after one that was complete."""
    return [run(name, status=Status.RUNNING, reason="Stripe answered 503", failures=ticks), run(name)]


def healthy(**changed: list[RunState]) -> Facts:
    """A stack whose every type was compared a minute ago, with the runs of some replaced."""
    runs = {one.name: [run(one.name)] for one in RECONCILED_TYPES}
    recovered = run(RECOVER, job=Job.RECOVER, watermark=times.iso(NOW - 180))
    return Facts(
        now=NOW,
        queue=QueueFacts(0, 0, 0, 0.0),
        quarantined=0,
        runs={**runs, RECOVER: [recovered], **changed},
        drifts={},
        schedule=Schedule(),
        tick_seconds=5 * MINUTE,
        livemode=False,
    )


def only(facts: Facts) -> tuple[State, str]:
    (problem,) = problems(facts)
    return problem.state, problem.sentence


def test_a_stack_without_problems_is_healthy() -> None:
    assert problems(healthy()) == []
    assert verdict([]) is State.HEALTHY


def test_a_stack_without_runs_is_failing() -> None:
    assert only(replace(healthy(), runs={})) == (State.FAILING, "Reconcile has never run")


@pytest.mark.parametrize(
    ("runs", "state", "sentence"),
    [
        ([run(PRODUCT, status=Status.FAILED, reason="Stripe answered 400"), run(PRODUCT)], State.FAILING, "failed"),
        ([run(PRODUCT, counts=Counts(unresolved=2))], State.FAILING, "2 differences unresolved: product"),
        ([run(PRODUCT, counts=UNSTORABLE)], State.FAILING, "2 objects that the table cannot hold: product"),
        ([run(PRODUCT, status=Status.RUNNING), run(PRODUCT, counts=UNSTORABLE)], State.FAILING, "cannot hold: product"),
        ([run(PRODUCT, seconds_ago=9 * DAY)], State.BEHIND, "product is 2 d past its interval"),
        ([run(PRODUCT, status=Status.RUNNING, job=Job.BACKFILL)], State.FILLING, "backfilling product"),
        ([], State.FILLING, "1 type of"),
    ],
)
def test_a_run_that_is_not_well_is_a_problem(runs: list[RunState], state: State, sentence: str) -> None:
    found, said = only(healthy(product=runs))
    assert found is state
    assert sentence in said


@pytest.mark.parametrize(
    "runs",
    [
        [run(PRODUCT, seconds_ago=7.5 * DAY)],
        [run(PRODUCT, status=Status.RUNNING), run(PRODUCT)],
        [run(PRODUCT, status=Status.UNAVAILABLE)],
        [run(PRODUCT, status=Status.UNAUTHORIZED)],
        [run(PRODUCT, counts=Counts(repaired=3))],
        [run(PRODUCT), run(PRODUCT, counts=UNSTORABLE)],
    ],
)
def test_a_run_that_no_alarm_would_report_is_no_problem(runs: list[RunState]) -> None:
    assert problems(healthy(product=runs)) == []


@pytest.mark.parametrize(
    ("ticks", "minutes", "states"),
    [
        (1, 5, []),
        (2, 5, [State.BEHIND]),
        (23, 5, [State.BEHIND]),
        (24, 5, [State.FAILING]),
        (1, 60, []),
        (2, 60, [State.FAILING]),
    ],
)
def test_a_run_that_fails_tick_after_tick_is_a_problem(ticks: int, minutes: int, states: list[State]) -> None:
    found = problems(replace(healthy(product=failing(ticks)), tick_seconds=minutes * MINUTE))
    assert [one.state for one in found] == states
    for one in found:
        assert one.sentence == (
            f"The verify run of product met an error at each of its last {ticks} ticks: Stripe answered 503"
        )
        assert "docs/operations.md#typesfail" in one.remedy


def test_so_is_recover() -> None:
    watermark = times.iso(NOW - 180)
    runs = [replace(one, job=Job.RECOVER, watermark=watermark) for one in failing(3, RECOVER)]
    assert only(healthy(recover=runs))[1].startswith("The recover run met an error at each of its last 3 ticks")


def test_what_has_ended_fails_at_no_tick() -> None:
    ended = [replace(run, status=Status.UNAUTHORIZED) for run in failing(30)]
    assert problems(healthy(product=ended)) == []


def test_messages_in_quarantine_are_a_problem() -> None:
    state, sentence = only(replace(healthy(), quarantined=1))
    assert (state, sentence.startswith("1 message in quarantine")) == (State.FAILING, True)


@pytest.mark.parametrize(("oldest", "states"), [(None, []), (300.0, []), (301.0, [State.BEHIND])])
def test_an_old_queue_is_behind(oldest: float | None, states: list[State]) -> None:
    facts = replace(healthy(), queue=QueueFacts(5, 0, 0, oldest))
    assert [one.state for one in problems(facts)] == states


@pytest.mark.parametrize(("seconds", "states"), [(44 * MINUTE, []), (46 * MINUTE, [State.BEHIND])])
def test_unread_events_are_behind(seconds: float, states: list[State]) -> None:
    recovered = run(RECOVER, job=Job.RECOVER, watermark=times.iso(NOW - seconds), reason="Stripe answered 429")
    found = problems(healthy(recover=[recovered]))
    assert [one.state for one in found] == states
    assert all("Stripe answered 429" in one.sentence for one in found)


@pytest.mark.parametrize(
    ("minutes", "rate", "sentences"),
    [
        (59, 5, []),
        (61, 5, ["Reconcile has done nothing for 1 h"]),
        (61, 60, []),
        (121, 60, ["Reconcile has done nothing for 2 h"]),
    ],
)
def test_reconcile_may_not_be_silent_for_long(minutes: float, rate: float, sentences: list[str]) -> None:
    silent_since = times.iso(NOW - minutes * MINUTE)
    runs = {name: [replace(one, updated_at=silent_since) for one in runs] for name, runs in healthy().runs.items()}
    found = problems(replace(healthy(), runs=runs, tick_seconds=rate * MINUTE))
    assert [one.sentence for one in found] == sentences


def test_what_needs_a_person_comes_first() -> None:
    failed = [run("price", status=Status.FAILED), run("price")]
    facts = replace(healthy(product=[], price=failed), queue=QueueFacts(1, 0, 0, 999.0))
    assert [one.state for one in problems(facts)] == [State.FAILING, State.BEHIND, State.FILLING]


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(5 minutes)", 300), ("rate(1 hour)", HOUR), ("rate(1 day)", DAY), ("cron(0/5 * * * ? *)", HOUR), ("", HOUR)],
)
def test_the_rate_of_ticks(expression: str, seconds: float) -> None:
    assert tick_seconds(expression) == seconds


def test_the_page_says_how_ticks_of_a_cron_schedule_count() -> None:
    assert tick_seconds("cron(0/5 * * * ? *)") == HOUR
    said = " ".join(section(text_of("docs/command.md"), "## Status").split())
    assert "Ticks of a `cron` schedule count as an hour apart." in said
