"""The verdict on a stack for the head of every page: read now and then, and not for each page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from ..health.facts import read_facts
from ..health.verdict import Facts, Problem, State, problems, verdict
from ..stack.session import Session

KEPT_SECONDS = 30.0
"""A verdict reads some seventy queries: for so long it stands."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts of a moment, and the verdict on them."""

    facts: Facts
    problems: Sequence[Problem]

    @property
    def state(self) -> State:
        return verdict(self.problems)

    @property
    def is_well(self) -> bool:
        return not self.problems


class VerdictBadge:
    """The newest verdict, at most :data:`KEPT_SECONDS` old. Threads share it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._judged: Judged | None = None

    def read(self) -> Judged:
        """The verdict that stands. Raises what the clients of AWS raise."""
        with self._lock:
            known = self._judged
            if known is None or self._session.now() - known.facts.now > KEPT_SECONDS:
                facts = read_facts(self._session)
                known = self._judged = Judged(facts, problems(facts))
            return known

    def forget(self) -> None:
        """Has the next page read the facts again: a person has changed something."""
        with self._lock:
            self._judged = None
