"""What the pages need of the history: the changes of some objects, and what is missing among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One member that a change has moved: its JSON path, and its values as text."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of an object. ``at`` is written as the table writes times; ``kind`` is created, updated and so on."""

    at: str
    id: str
    type: str
    kind: str
    fields: Sequence[FieldChange] = ()
    note: str = ""
    """What is uncertain about it, as a sentence."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Changes, the newest first. ``note`` says what is not among them, and why."""

    changes: Sequence[Change] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """An object of which the changes are asked for."""

    id: str
    type: str


class History(Protocol):
    """The former states of objects."""

    def timeline(self, objects: Sequence[Named]) -> Timeline:
        """The newest changes of these objects."""
        ...


class NoHistory:
    """The history of a stack that keeps none."""

    def timeline(self, objects: Sequence[Named]) -> Timeline:  # noqa: ARG002 - the port's
        return Timeline(
            note="History is off: this stack keeps no former states. To keep them, deploy it with its parameter "
            "HistoryDays above 0, such as HistoryDays=400 (docs/changes.md)."
        )
