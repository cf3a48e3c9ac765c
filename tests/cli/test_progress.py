"""How far runs have got, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from billing_mirror.core.run import Counts, Job, Status
from billing_mirror_cli.output import Output
from billing_mirror_cli.runs.progress import NOTE_SECONDS, drawn, expected_total
from billing_mirror_cli.runs.records import RunState
from billing_mirror_cli.stack.session import Session

AT = "2026-11-28T12:00:00.000Z"


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


def run(name: str, compared: int, status: Status = Status.RUNNING) -> RunState:
    return RunState(name, Job.VERIFY, status, "", AT, AT, "", Counts(pages=1, compared=compared))


def test_a_terminal_shows_a_bar_for_each_run_at_work() -> None:
    shown, written = session(terminal=True)
    before = {"invoice": run("invoice", 700, Status.COMPLETE)}
    with drawn(shown, before) as draw:
        draw([None, None])
        draw([run("invoice", 350), None])
        draw([run("invoice", 700, Status.COMPLETE), run("product", 20)])
    text = written.getvalue()
    assert "waiting for reconcile" in text
    assert "1 of 2 types done" in text
    assert "product" in text


def test_elsewhere_a_line_appears_now_and_then() -> None:
    shown, written = session(terminal=False)
    with drawn(shown, {}) as draw:
        draw([run("invoice", 350), None])
        shown.time = NOTE_SECONDS
        draw([run("invoice", 1350, Status.COMPLETE), None])
        draw([run("invoice", 1350, Status.COMPLETE), None])
    assert written.getvalue() == "10 s: 1 of 2 types done, 1,350 objects compared\n"


@pytest.mark.parametrize(
    ("before", "total"),
    [(None, None), (run("invoice", 700, Status.COMPLETE), 700), (run("invoice", 3, Status.FAILED), None)],
)
def test_the_total_is_what_the_last_complete_run_compared(before: RunState | None, total: int | None) -> None:
    assert expected_total(before) == total
