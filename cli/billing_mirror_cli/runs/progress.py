"""How far runs have got: bars that move on a terminal, a line now and then elsewhere, nothing beside JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..stack.session import Session
from ..words import age, count
from .records import RunState

NOTE_SECONDS = 10.0
"""Seconds between two lines where nothing moves."""
SPEED_SECONDS = 60.0
"""Seconds that the speed is measured over: a record is stored every ten seconds or so."""
WAITING = "waiting for reconcile"

Draw: TypeAlias = Callable[[Sequence[RunState | None]], None]
"""Shows the runs as they are now; None is a run that has not started."""


@contextmanager
def drawn(session: Session, waiting: str = WAITING) -> Iterator[Draw]:
    """Shows runs while the block runs. ``waiting`` says what is waited for while none has started."""
    if not session.output.moves:
        yield _Notes(session, waiting).show
        return
    with _progress(session) as progress:
        yield _Bars(progress, waiting).show


def _progress(session: Session) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=session.output.errors,
        transient=True,
        get_time=session.now,
        speed_estimate_period=SPEED_SECONDS,
    )


class _Bars:
    def __init__(self, progress: Progress, waiting: str) -> None:
        self._progress = progress
        self._waiting = waiting
        self._tasks: dict[str, TaskID] = {}
        self._all = progress.add_task(waiting, total=None, counts="", left="")

    def show(self, states: Sequence[RunState | None]) -> None:
        """A bar for each run at work; those that have ended make room."""
        started = [state for state in states if state is not None]
        at_work = [state for state in started if state.running and state.counts.pages]
        done = len([state for state in started if not state.running])
        described = f"{done} of {count(len(states), 'type')} done" if started else self._waiting
        self._progress.update(self._all, description=described, total=len(states) or None, completed=done)
        for name in self._tasks.keys() - {state.type for state in at_work}:
            self._progress.remove_task(self._tasks.pop(name))
        for state in at_work:
            self._draw(state)

    def _draw(self, state: RunState) -> None:
        total, compared = state.total, state.counts.compared
        if state.type not in self._tasks:
            # What a resumed run had compared before is no speed.
            self._tasks[state.type] = self._progress.add_task(
                state.type, total=total, completed=compared, counts="", left=""
            )
        of = f" of ~{total:,}" if total else ""
        self._progress.update(self._tasks[state.type], completed=compared, counts=f"{compared:,}{of}")
        self._progress.update(self._tasks[state.type], left=self._left(state) if total else "")

    def _left(self, state: RunState) -> str:
        """About how long a run still reads, at the speed of the last minute; empty while that is not known."""
        (seconds,) = [one.time_remaining for one in self._progress.tasks if one.id == self._tasks[state.type]]
        return f"{age(seconds)} left" if seconds is not None else ""


class _Notes:
    def __init__(self, session: Session, waiting: str) -> None:
        self._session = session
        self._waiting = waiting
        self._started_at = self._noted_at = session.now()

    def show(self, states: Sequence[RunState | None]) -> None:
        """A line, if the last one is old enough."""
        now = self._session.now()
        if now - self._noted_at < NOTE_SECONDS:
            return
        self._noted_at = now
        started = [state for state in states if state is not None]
        if not states:
            self._session.output.note(f"{age(now - self._started_at)}: {self._waiting}")
            return
        done = len([state for state in started if not state.running])
        compared = sum(state.counts.compared for state in started)
        self._session.output.note(
            f"{age(now - self._started_at)}: {done} of {count(len(states), 'type')} done, "
            f"{count(compared, 'object')} compared"
        )
