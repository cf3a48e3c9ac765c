"""How a verb ends: its exit code, or a failure as one sentence and what to do."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, for scripts. docs/command.md explains them."""

    OK = 0
    FAILED = 1
    """It could not be done, or what was asked about is not well."""
    USAGE = 2
    """The command line is wrong; nothing was done."""
    DRIFT = 3
    """The mirror and Stripe differed, whether it was repaired or not."""
    UNDECIDED = 4
    """Whether they differ is not known, or not yet."""
    INTERRUPTED = 130


class Failure(Exception):
    """What went wrong, as one sentence, and what the operator can do about it."""

    def __init__(self, sentence: str, remedy: str = "", *, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.code = code


def usage(sentence: str, remedy: str = "") -> Failure:
    """The failure of a command line that is wrong."""
    return Failure(sentence, remedy, code=ExitCode.USAGE)
