"""Following runs to their end, from the records that they keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..failures import ExitCode, Failure
from ..stack.session import Session
from ..words import count
from .invocation import Invocation
from .progress import WAITING, drawn
from .records import Request, RunState, newest, runs_in

POLL_SECONDS = 1.0
"""Seconds between two readings of the records."""


@dataclass
class Followed:
    """Runs that are followed, by name; those that have ended are no longer read."""

    names: list[str]
    before: Mapping[str, RunState] = field(default_factory=dict)
    """The newest run of each name before the request: one that had ended is none of ours."""
    states: dict[str, RunState] = field(default_factory=dict)
    answered: bool = False
    """Whether the function's answer has said which runs there are."""

    @property
    def open(self) -> list[str]:
        """The names whose run has not started or not ended."""
        return [name for name in self.names if name not in self.states or self.states[name].running]

    def read(self, session: Session) -> None:
        """Reads the records of the runs that were open."""
        for name, state in newest(session, self.open).items():
            if name in self.states or _is_new(state, self.before.get(name)):
                self.states[name] = state


def _is_new(state: RunState, earlier: RunState | None) -> bool:
    """Whether a request has started or resumed a run, by the newest run before the request."""
    return earlier is None or earlier.running or earlier.started_at != state.started_at


def run_now(session: Session, request: Request, *, timeout: float | None = None) -> list[RunState]:
    """Requests runs and follows them to their end, or until so many seconds have passed."""
    names = request.names(livemode=session.mode.livemode, now=session.now())
    if request.dry_run:
        return _dry_run(session, request, names)
    before = newest(session, names)
    followed = Followed(names, before)
    with _explained(session, _again(request)):
        invocation = Invocation(session.aws.functions, session.stack.reconcile_function, request.payload())
        return _follow(session, followed, _moments(session, followed, invocation, timeout), _again(request))


def attach(session: Session, request: Request, *, timeout: float | None = None) -> list[RunState]:
    """Follows the runs of a job that are running already."""
    known = newest(session, request.names(livemode=session.mode.livemode, now=session.now()))
    running = [name for name, state in known.items() if state.running and state.job is request.job]
    if not running:
        raise Failure(f"No {request.job} run is running", f"Start one: billing-mirror {request.job}")
    followed = Followed(running)
    with _explained(session, _again(request)):
        return _follow(session, followed, _moments(session, followed, None, timeout), _again(request))


def _moments(
    session: Session, followed: Followed, invocation: Invocation | None, timeout: float | None
) -> Iterator[None]:
    """Yields after each reading of the records, until all runs have ended or the time is over."""
    until = session.now() + timeout if timeout is not None else None
    while True:
        ended = invocation is None or invocation.ended
        if invocation is not None and ended:
            _take_answer(followed, invocation)
        followed.read(session)
        yield
        if not followed.open and ended:
            return
        if until is not None and session.now() >= until:
            return
        if invocation is not None and not ended:
            invocation.wait(POLL_SECONDS)
        else:
            session.sleep(POLL_SECONDS)


def _take_answer(followed: Followed, invocation: Invocation) -> None:
    """What the function's answer says about the runs: which there are. Raises :class:`Failure`."""
    answer = invocation.answer
    if invocation.lost is not None and not followed.states:
        raise invocation.lost
    if answer and not invocation.is_busy and not followed.answered:
        followed.answered = True
        followed.states = runs_in(answer)
        followed.names = [name for name in followed.names if name in followed.states]


def _again(request: Request) -> str:
    return f"The run continues in AWS. Follow it again: billing-mirror {request.job} --attach"


@contextmanager
def _explained(session: Session, what_continues: str) -> Iterator[None]:
    """Says at Ctrl-C what becomes of that which was started."""
    try:
        yield
    except KeyboardInterrupt:
        session.output.note(what_continues)
        raise


def _follow(session: Session, followed: Followed, moments: Iterator[None], again: str) -> list[RunState]:
    with drawn(session) as draw:
        for _ in moments:
            draw([followed.states.get(name) for name in followed.names])
    if followed.open:
        session.output.note(again)
    return [followed.states[name] for name in followed.names if name in followed.states]


def _dry_run(session: Session, request: Request, names: list[str]) -> list[RunState]:
    """The runs in the answer: a dry run keeps no record."""
    with _explained(session, "The dry run ends by itself, and changes nothing; its answer is lost"):
        invocation = Invocation(session.aws.functions, session.stack.reconcile_function, request.payload())
        total = sum(state.next_total for state in newest(session, names).values())
        with drawn(session, f"dry run of ~{count(total, 'object')}" if total else WAITING) as draw:
            while not invocation.ended:
                draw([])
                invocation.wait(POLL_SECONDS)
    answer = invocation.answer  # of a function that has failed it raises
    if invocation.lost is not None:
        raise invocation.lost
    if invocation.is_busy:
        raise Failure(
            "Another invocation of reconcile is at work, and a dry run does not wait",
            "Repeat it in some minutes; status shows what is running",
            code=ExitCode.UNDECIDED,
        )
    return [*runs_in(answer).values()]
