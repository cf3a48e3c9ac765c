"""``verify``, ``recover`` and ``backfill`` request runs, follow their records, and end with their verdict."""

import _thread
import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from billing_mirror.core import times
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.core.runs.schedule import RECOVER
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.worked_run import WorkedRun
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.output import Output
from billing_mirror_cli.runs.following import run_now
from billing_mirror_cli.runs.records import Request
from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import TEST, Cloud, Command, values

NOW = 1_750_000_000.0
EQUAL = Counts(pages=1, compared=3, equal=3)
DRIFT = Counts(pages=1, compared=3, equal=1, different=2, repaired=2)
UNSTORABLE = Counts(pages=1, compared=3, equal=2, unstorable=1)


@pytest.fixture
def test_stack(cloud: Cloud) -> Cloud:
    cloud.pin()
    return cloud


def run(
    name: str,
    counts: Counts,
    *,
    job: Job = Job.VERIFY,
    status: Status = Status.COMPLETE,
    reason: str = "",
    started_at: float = NOW,
    watermark: str = "",
) -> Run:
    finished_at = 0.0 if status is Status.RUNNING else started_at + 1
    return Run(
        name,
        job,
        started_at,
        updated_at=started_at + 1,
        finished_at=finished_at,
        status=status,
        reason=reason,
        counts=counts,
        watermark=watermark,
    )


def reconciling(cloud: Cloud, *runs: Run, dry: bool = False, scope: Scope = TEST) -> Callable[[JsonObject], JsonObject]:
    """Reconcile that works on these runs, keeps their records, and answers."""

    def answer(_: JsonObject) -> JsonObject:
        for one in () if dry else runs:
            cloud.record(one, scope)
        worked = [WorkedRun(one, one.counts, dry, [{"id": "prod_1"}] if dry else []) for one in runs]
        return dict(TickReport(worked=worked, dry_run=dry).answer())  # type: ignore[arg-type]  # JSON, as Lambda makes it

    return answer


def busy(cloud: Cloud, *runs: Run) -> Callable[[JsonObject], JsonObject]:
    """Reconcile that is at work elsewhere; ticks work on the runs."""

    def answer(_: JsonObject) -> JsonObject:
        for one in runs:
            cloud.record(one)
        return dict(TickReport(leased=False).answer())  # type: ignore[arg-type]  # JSON, as Lambda makes it

    return answer


@pytest.mark.parametrize(
    ("counts", "status", "code", "verdict"),
    [
        (EQUAL, Status.COMPLETE, ExitCode.OK, "EQUAL  3 objects compared"),
        (DRIFT, Status.COMPLETE, ExitCode.DRIFT, "DRIFT  2 objects repaired"),
        (Counts(compared=3, unresolved=1), Status.COMPLETE, ExitCode.UNDECIDED, "UNDECIDED  product"),
        (Counts(compared=3, in_flight=1), Status.COMPLETE, ExitCode.UNDECIDED, "UNDECIDED  product"),
        (Counts(lists_unreadable=1), Status.COMPLETE, ExitCode.UNDECIDED, "UNDECIDED  product"),
        (EQUAL, Status.FAILED, ExitCode.UNDECIDED, "UNDECIDED  product"),
        (EQUAL, Status.UNAUTHORIZED, ExitCode.UNDECIDED, "UNDECIDED  product"),
        (Counts(), Status.UNAVAILABLE, ExitCode.OK, "EQUAL  0 objects compared"),
        (UNSTORABLE, Status.COMPLETE, ExitCode.DRIFT, "DIFFERS  1 object that the table cannot hold: product"),
    ],
)
def test_verify_ends_with_a_verdict(
    test_stack: Cloud, command: Command, counts: Counts, status: Status, code: ExitCode, verdict: str
) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", counts, status=status))
    result = command("verify", "product")
    assert result.exit_code == code
    assert result.stdout.splitlines()[-1] == verdict
    assert test_stack.function.requests == [{"job": "verify", "types": ["product"]}]


def test_a_deep_verify_is_requested_as_one(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", EQUAL))
    assert command("verify", "product", "--deep").exit_code == ExitCode.OK
    assert test_stack.function.requests == [{"job": "verify", "types": ["product"], "deep": True}]


def test_drift_outweighs_what_is_not_known(test_stack: Cloud, command: Command) -> None:
    runs = [run("product", DRIFT), run("price", EQUAL, status=Status.FAILED, reason="Stripe answered 400")]
    test_stack.function.answer = reconciling(test_stack, *runs)
    result = command("verify", "product", "price")
    assert result.exit_code == ExitCode.DRIFT
    assert "price: Stripe answered 400" in result.stdout
    assert "UNDECIDED  price" in result.stdout


def test_verify_writes_a_value_for_each_run(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", DRIFT), run("price", EQUAL))
    result = command("verify", "product", "price", "--json")
    assert [(one["type"], one["found"], one["compared"]) for one in values(result)] == [
        ("product", 2, 3),
        ("price", 0, 3),
    ]
    assert result.stderr == ""


def test_a_dry_run_shows_what_it_would_repair(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", DRIFT), dry=True)
    result = command("verify", "product", "--dry-run", "--json")
    assert result.exit_code == ExitCode.DRIFT
    (shown,) = values(result)
    assert shown["differences"] == [{"id": "prod_1"}]
    assert test_stack.function.requests == [{"job": "verify", "types": ["product"], "dry_run": True}]
    assert "2 objects to repair" in command("verify", "product", "--dry-run").stdout


def test_a_dry_run_shows_how_many_objects_it_reads(test_stack: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps no record: the last runs tell."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", test_stack.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", test_stack.function.address)
    test_stack.record(run("product", EQUAL))
    test_stack.record(replace(run("price", Counts(), status=Status.FAILED), expected=1_200))
    test_stack.function.answer = reconciling(test_stack, run("product", EQUAL), run("price", EQUAL), dry=True)
    output, written = Output(as_json=False), io.StringIO()
    output.errors = Console(file=written, force_terminal=True, width=120, highlight=False)
    session = Session(stack=test_stack.name, sandbox=False, scope="test", region=None, output=output)
    run_now(session, Request(Job.VERIFY, ["product", "price"], dry_run=True))
    assert "dry run of ~1,203 objects" in written.getvalue()


def test_a_run_says_how_many_objects_it_expects(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, replace(run("product", EQUAL), expected=4))
    (shown,) = values(command("verify", "product", "--json"))
    assert shown["expected"] == 4


def test_a_dry_run_beside_another_run_is_undecided(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = busy(test_stack)
    result = command("verify", "product", "--dry-run")
    assert result.exit_code == ExitCode.UNDECIDED
    assert "Another invocation" in result.stderr


def test_a_run_that_ticks_work_on_is_followed_by_its_record(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = busy(test_stack, run("product", EQUAL))
    result = command("verify", "product")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (ExitCode.OK, "EQUAL  3 objects compared")


def test_the_verdict_is_never_that_of_an_earlier_run(test_stack: Cloud, command: Command) -> None:
    test_stack.record(run("product", DRIFT, started_at=NOW - 9))
    test_stack.function.answer = reconciling(test_stack, run("product", EQUAL))
    assert command("verify", "product").exit_code == ExitCode.OK
    test_stack.function.answer = busy(test_stack)
    assert command("verify", "product", "--timeout", "0").exit_code == ExitCode.UNDECIDED


def test_a_run_that_the_request_resumes_counts(test_stack: Cloud, command: Command) -> None:
    test_stack.record(run("product", Counts(pages=1), status=Status.RUNNING))
    test_stack.function.answer = reconciling(test_stack, run("product", DRIFT))
    assert command("verify", "product").exit_code == ExitCode.DRIFT


def test_when_the_time_is_over_the_run_continues_in_aws(test_stack: Cloud, command: Command) -> None:
    stopped = run("product", Counts(pages=1, compared=3, equal=3), status=Status.RUNNING, reason="out of time")
    test_stack.function.answer = reconciling(test_stack, stopped)
    test_stack.record(stopped)
    result = command("verify", "product", "--timeout", "0")
    assert result.exit_code == ExitCode.UNDECIDED
    assert "billing-mirror verify --attach" in result.stderr


def test_attach_follows_running_runs_and_starts_none(test_stack: Cloud, command: Command) -> None:
    test_stack.record(run("product", EQUAL, status=Status.RUNNING))
    test_stack.record(run("price", EQUAL))
    result = command("verify", "--attach", "--timeout", "0", "--json")
    assert [one["type"] for one in values(result)] == ["product"]
    assert result.exit_code == ExitCode.UNDECIDED
    assert test_stack.function.requests == []


def test_attach_without_a_running_run_says_so(test_stack: Cloud, command: Command) -> None:
    test_stack.record(run("product", EQUAL, status=Status.RUNNING, job=Job.BACKFILL))
    result = command("verify", "--attach")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[0] == "No verify run is running."


def test_ctrl_c_leaves_the_run_and_says_how_to_follow_it(test_stack: Cloud, command: Command) -> None:
    done = threading.Event()

    def interrupted(_: JsonObject) -> JsonObject:
        _thread.interrupt_main()
        done.wait(20)
        return {}

    test_stack.function.answer = interrupted
    result = command("verify", "product")
    done.set()
    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.stderr == "The run continues in AWS. Follow it again: billing-mirror verify --attach\n"


def test_an_unknown_type_is_refused_before_anything_starts(test_stack: Cloud, command: Command) -> None:
    result = command("verify", "charge")
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.splitlines()[0] == "Unknown type: charge; nothing was started."
    assert test_stack.function.requests == []


def test_confirmed_deletions_need_types(test_stack: Cloud, command: Command) -> None:
    assert command("verify", "--confirm-deletions").exit_code == ExitCode.USAGE
    test_stack.function.answer = reconciling(test_stack, run("product", EQUAL))
    command("verify", "product", "--confirm-deletions")
    assert test_stack.function.requests == [{"job": "verify", "types": ["product"], "confirm_deletions": True}]


def test_a_refusal_of_an_older_stack_is_a_usage_failure(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = lambda _: {
        "result": "refused",
        "reason": "unknown type: product; nothing was started",
    }
    result = command("verify", "product")
    assert result.exit_code == ExitCode.USAGE
    assert "nothing was started" in result.stderr


def test_a_function_that_fails_is_a_sentence(test_stack: Cloud, command: Command) -> None:
    test_stack.function.error = "STRIPE_KEY_ARN does not hold a key"
    result = command("verify", "product")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[0] == "The reconcile function failed: STRIPE_KEY_ARN does not hold a key."


def test_a_role_that_may_not_invoke_the_function_is_named_the_permission(test_stack: Cloud, command: Command) -> None:
    test_stack.function.denied = (
        "User: arn:aws:sts::1:assumed-role/ops is not authorized to perform: lambda:InvokeFunction on resource: x"
    )
    for verb in (["verify", "product"], ["verify", "product", "--dry-run"], ["refresh", "prod_1"]):
        result = command(*verb)
        assert result.exit_code == ExitCode.FAILED
        assert result.stderr.splitlines() == [
            "AWS does not allow Invoke.",
            "Your role needs the permission lambda:InvokeFunction.",
        ]


def test_backfill_says_what_it_inserted(test_stack: Cloud, command: Command) -> None:
    counts = Counts(pages=1, compared=5, inserted=4, queued=1)
    test_stack.function.answer = reconciling(test_stack, run("product", counts, job=Job.BACKFILL))
    result = command("backfill", "product")
    assert result.exit_code == ExitCode.OK
    assert result.stdout.splitlines()[-1] == "4 objects inserted, 1 queued to be fetched"
    assert test_stack.function.requests == [{"job": "backfill", "types": ["product"]}]


def test_a_backfill_of_a_refused_type_is_undecided(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(
        test_stack, run("product", Counts(), job=Job.BACKFILL, status=Status.UNAUTHORIZED)
    )
    assert command("backfill", "product").exit_code == ExitCode.UNDECIDED


def test_a_backfill_that_the_table_cannot_hold_differs(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", UNSTORABLE, job=Job.BACKFILL))
    assert command("backfill", "product").exit_code == ExitCode.DRIFT


def test_a_dry_run_with_an_object_that_the_table_cannot_hold_differs(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("product", UNSTORABLE), dry=True)
    assert command("verify", "product", "--dry-run").exit_code == ExitCode.DRIFT


def test_recover_says_until_when_all_events_are_read(test_stack: Cloud, command: Command) -> None:
    counts = Counts(pages=1, compared=40, queued=2)
    recovered = run("recover", counts, job=Job.RECOVER, watermark="2025-06-15T15:06:40.000Z")
    test_stack.function.answer = reconciling(test_stack, recovered)
    result = command("recover")
    assert result.exit_code == ExitCode.OK
    assert result.stdout.splitlines()[0] == "40 events read, 2 lost events queued"
    assert "All events are read until 2025-06-15 15:06:40 UTC (" in result.stdout
    assert "last two minutes" in result.stderr


def test_recover_reads_until_now_on_request(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("recover", Counts(), job=Job.RECOVER))
    assert "last two minutes" not in command("recover", "--until-now").stderr
    assert test_stack.function.requests == [{"job": "recover", "until_now": True}]


def test_recover_reads_events_again_on_request(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(test_stack, run("recover", Counts(), job=Job.RECOVER))
    given = times.iso(time.time() - 3600)
    assert command("recover", "--since", given).exit_code == ExitCode.OK
    assert test_stack.function.requests == [{"job": "recover", "since": given}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("2025-01-01", "Stripe keeps events for 30 days, so since may be "),
        ("2999-01-01", "Since is in the future: 2999-01-01"),
        ("yesterday", "Since is no time: yesterday; give a day"),
    ],
)
def test_recover_refuses_a_time_that_stripe_does_not_list(
    test_stack: Cloud, command: Command, given: str, said: str
) -> None:
    result = command("recover", "--since", given)
    assert (result.exit_code, said in result.stderr, result.stdout) == (ExitCode.USAGE, True, "")
    assert test_stack.function.requests == []


def test_the_answer_says_which_runs_there_are(test_stack: Cloud, command: Command) -> None:
    """Also where the record looks like that of an earlier run: the command must not wait for another one."""
    test_stack.record(run("product", DRIFT))
    test_stack.function.answer = reconciling(test_stack, run("product", DRIFT))
    assert command("verify", "product").exit_code == ExitCode.DRIFT


def test_a_recover_run_that_has_not_ended_is_undecided(test_stack: Cloud, command: Command) -> None:
    test_stack.function.answer = reconciling(
        test_stack, run("recover", Counts(), job=Job.RECOVER, status=Status.RUNNING, reason="Stripe is down")
    )
    result = command("recover", "--timeout", "0")
    assert result.exit_code == ExitCode.UNDECIDED


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["verify", "product"], {"job": "verify", "types": ["product"]}),
        (["backfill", "product"], {"job": "backfill", "types": ["product"]}),
        (["recover", "--until-now"], {"job": "recover", "until_now": True}),
    ],
)
def test_runs_of_a_connected_account(
    test_stack: Cloud, command: Command, arguments: list[str], wanted: JsonObject
) -> None:
    of_run = run(RECOVER if "recover" in arguments else "product", EQUAL, job=Job(arguments[0]))
    connected = Scope(livemode=False, context="acct_2")
    test_stack.function.answer = reconciling(test_stack, of_run, scope=connected)
    result = command(*arguments, "--scope", str(connected), "--json")
    assert test_stack.function.requests == [{**wanted, "context": "acct_2"}]
    assert [one["status"] for one in values(result)] == ["complete"]
