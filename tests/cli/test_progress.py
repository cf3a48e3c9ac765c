"""How far runs have got, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from billing_mirror.core.runs.run import Counts, Job, Run, Status
from billing_mirror.reader.runs import run_in
from billing_mirror_cli.output import Output
from billing_mirror_cli.runs.progress import NOTE_SECONDS, drawn
from billing_mirror_cli.runs.records import RunState
from billing_mirror_cli.stack.session import Session

AT = 1_790_000_000.0


class Waiting(Session):
    """A session at a time that a test sets."""

    time = 0.0

    def now(self) -> float:
        return self.time


def session(*, terminal: bool) -> tuple[Waiting, io.StringIO]:
    """A session, and what it writes to standard error."""
    output, written = Output(as_json=False), io.StringIO()
    output.errors = Console(file=written, force_terminal=terminal, width=120, highlight=False)
    return Waiting(stack="s", sandbox=False, scope="test", region=None, output=output), written


def run(
    name: str, compared: int, status: Status = Status.RUNNING, *, job: Job = Job.VERIFY, expected: int = 0
) -> RunState:
    """A run as its record shows it."""
    counts = Counts(pages=1, compared=compared)
    return RunState.from_record(
        run_in(Run(name, job, AT, AT, status=status, expected=expected, counts=counts).to_item())
    )


def drawn_after(*shown_runs: RunState) -> str:
    """What a terminal shows of a run whose record is read every ten seconds."""
    shown, written = session(terminal=True)
    with drawn(shown) as draw:
        for number, one in enumerate(shown_runs):
            shown.time = number * 10.0
            draw([one])
    return written.getvalue()


def test_a_terminal_shows_a_bar_for_each_run_at_work() -> None:
    shown, written = session(terminal=True)
    with drawn(shown) as draw:
        draw([None, None])
        draw([run("invoice", 350), None])
        draw([run("invoice", 700, Status.COMPLETE), run("product", 20)])
    text = written.getvalue()
    assert "waiting for reconcile" in text
    assert "1 of 2 types done" in text
    assert "product" in text


def test_elsewhere_a_line_appears_now_and_then() -> None:
    shown, written = session(terminal=False)
    with drawn(shown) as draw:
        draw([run("invoice", 350), None])
        shown.time = NOTE_SECONDS
        draw([run("invoice", 1350, Status.COMPLETE), None])
        draw([run("invoice", 1350, Status.COMPLETE), None])
    assert written.getvalue() == "10 s: 1 of 2 types done, 1,350 objects compared\n"


def test_a_bar_shows_the_total_and_the_time_left() -> None:
    """From the record alone, so of a run that was followed late or was resumed, too."""
    text = drawn_after(*(run("invoice", compared, expected=700) for compared in (100, 200, 300)))
    assert "300 of ~700" in text
    assert "40 s left" in text


@pytest.mark.parametrize(
    ("expected", "job"),
    [(0, Job.BACKFILL), (250, Job.VERIFY), (700, Job.RECOVER)],
    ids=["no run before", "more than before", "other events than before"],
)
def test_no_total_and_no_time_left_is_shown_where_none_is_known(expected: int, job: Job) -> None:
    text = drawn_after(*(run("invoice", compared, job=job, expected=expected) for compared in (100, 200, 300)))
    assert "300" in text
    assert " of ~" not in text.rpartition("300")[2]
    assert "left" not in text.rpartition("300")[2]


def test_the_runs_done_have_no_time_left() -> None:
    """How long the other types take does not follow from the first ones."""
    shown, written = session(terminal=True)
    with drawn(shown) as draw:
        for done in range(3):
            shown.time = done * 10.0
            draw([run(f"type{number}", 9, Status.COMPLETE) for number in range(done)] + [None] * 5)
    assert "2 of 7 types done" in written.getvalue()
    assert "left" not in written.getvalue()


def test_a_run_whose_progress_is_not_known_shows_its_size() -> None:
    shown, written = session(terminal=True)
    with drawn(shown, "a dry run of ~700 objects") as draw:
        draw([])
    assert "a dry run of ~700 objects" in written.getvalue()
    shown, written = session(terminal=False)
    with drawn(shown, "a dry run of ~700 objects") as draw:
        shown.time = NOTE_SECONDS
        draw([])
    assert written.getvalue() == "10 s: a dry run of ~700 objects\n"
