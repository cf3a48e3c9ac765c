"""Questions at the terminal. Without an answer nothing is changed, and the operator learns how to avoid the question.

No other module asks. Questions go to standard error: standard output holds the answer of a verb, and nothing else.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .failures import ExitCode, Failure

_AGREED = ("y", "yes")


class NoAnswer(Exception):
    """Ctrl-C, or the end of input at a question. No :class:`Failure`, which a check may report as what it has found."""

    def __init__(self, remedy: str) -> None:
        super().__init__(remedy)
        self.failure = Failure("Stopped at a question: nothing was changed", remedy, code=ExitCode.INTERRUPTED)


def confirm(question: str) -> None:
    """Returns if the operator agrees. Raises :class:`Failure` if not."""
    with _answered("Give --yes to do it without the question"):
        sys.stderr.write(f"{question} [y/N]: ")
        sys.stderr.flush()
        answer = _line()
    if not sys.stdin.isatty():
        sys.stderr.write("\n")  # as the operator's key does at a terminal
    if answer.strip().lower() not in _AGREED:
        raise Failure("Not confirmed: nothing was changed")


def ask_secret(what: str, *, instead: str) -> str:
    """What is typed and not shown. ``instead`` says how to give it without the question."""
    with _answered(instead):
        return getpass.getpass(f"{what} (not shown): ", stream=sys.stderr).strip()


def read_secret(what: str, *, instead: str) -> str:
    """What is piped in; at a terminal, what is typed and not shown."""
    if sys.stdin.isatty():
        return ask_secret(what, instead=instead)
    with _answered(instead):
        return _line().strip()


def _line() -> str:
    """Raises :class:`EOFError` where the input has ended."""
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


@contextmanager
def _answered(instead: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")  # ends the line of the question
        raise NoAnswer(instead) from None
