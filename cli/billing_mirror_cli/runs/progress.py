"""How far runs have got: bars that move on a terminal, a line now and then elsewhere, nothing beside JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from billing_mirror.core.run import Status

from ..output import Output
from ..stack.session import Session
from ..words import age, count
from .records import RunState

NOTE_SECONDS = 10.0
"""Seconds between two lines where nothing moves."""

Draw: TypeAlias = Callable[[Sequence[RunState | None]], None]
"""Shows the runs as they are now; None is a run that has not started."""


@contextmanager
def drawn(session: Session, before: Mapping[str, RunState]) -> Iterator[Draw]:
    """Shows runs while the block runs. ``before`` are the runs before them, which tell how many objects there are."""
    if not session.output.moves:
        yield _Notes(session).show
        return
    with _progress(session.output) as progress:
        yield _Bars(progress, before).show


def _progress(output: Output) -> Progress:
    columns = [TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[counts]}")]
    return Progress(*columns, TimeElapsedColumn(), console=output.errors, transient=True)


class _Bars:
    def __init__(self, progress: Progress, before: Mapping[str, RunState]) -> None:
        self._progress = progress
        self._before = before
        self._tasks: dict[str, TaskID] = {}
        self._waiting = progress.add_task("waiting for reconcile", total=None, counts="")

    def show(self, states: Sequence[RunState | None]) -> None:
        """A bar for each run at work; those that have ended make room."""
        started = [state for state in states if state is not None]
        at_work = [state for state in started if state.running and state.counts.pages]
        done = len([state for state in started if not state.running])
        described = f"{done} of {count(len(states), 'type')} done" if started else "waiting for reconcile"
        self._progress.update(self._waiting, description=described, total=len(states) or None, completed=done)
        for name in self._tasks.keys() - {state.type for state in at_work}:
            self._progress.remove_task(self._tasks.pop(name))
        for state in at_work:
            self._draw(state)

    def _draw(self, state: RunState) -> None:
        total = expected_total(self._before.get(state.type))
        if state.type not in self._tasks:
            self._tasks[state.type] = self._progress.add_task(state.type, total=total, counts="")
        of = f" of ~{total:,}" if total else ""
        self._progress.update(
            self._tasks[state.type], completed=state.counts.compared, counts=f"{state.counts.compared:,}{of}"
        )


class _Notes:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._started_at = self._noted_at = session.now()

    def show(self, states: Sequence[RunState | None]) -> None:
        """A line, if the last one is old enough."""
        now = self._session.now()
        if now - self._noted_at < NOTE_SECONDS:
            return
        self._noted_at = now
        started = [state for state in states if state is not None]
        done = len([state for state in started if not state.running])
        compared = sum(state.counts.compared for state in started)
        self._session.output.note(
            f"{age(now - self._started_at)}: {done} of {count(len(states), 'type')} done, "
            f"{count(compared, 'object')} compared"
        )


def expected_total(before: RunState | None) -> int | None:
    """How many objects a run will compare: as many as the complete run before it; None where there is none."""
    return before.counts.compared or None if before is not None and before.status is Status.COMPLETE else None
