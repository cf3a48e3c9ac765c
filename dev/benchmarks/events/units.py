"""How many units does DynamoDB charge for what was written to a table and read from it?

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dev.benchmarks.events.model.ledger import Columns, Key, Read, Written

UNIT_WRITTEN, UNIT_READ = 1024, 4096
"""Bytes of a unit."""
OBJECT = "object"
KINDS = {OBJECT: "objects", "claim": "claims"}
"""Items by sort key; the rest is the budget, and notes of a run."""
INDEXES = "indexes"
OF_OBJECTS = (*KINDS.values(), INDEXES)
"""All but the budget."""


@dataclass
class Table:
    """What is known of the items of a table. ``indexes`` are the key columns of each: only keys are projected."""

    indexes: Mapping[str, tuple[str, ...]]
    sizes: dict[Key, int] = field(default_factory=dict)
    columns: dict[Key, Columns] = field(default_factory=dict)

    def written(self, all_written: Iterable[Written]) -> dict[str, float]:
        """Write units by what was written, in the order of time."""
        units: dict[str, float] = {}
        for _, partition, sort_key, size, columns in all_written:
            key = partition, sort_key
            self.sizes[key] = size
            _add(units, _kind(sort_key), -(-size // UNIT_WRITTEN))
            if columns is not None:
                _add(units, INDEXES, self._moved(self.columns.get(key, {}), columns))
                self.columns[key] = columns
        return units

    def _moved(self, before: Columns, after: Columns) -> int:
        """A unit for each entry of an index that is made, and one for each that is deleted.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
        """
        entries = [(_entry(names, before), _entry(names, after)) for names in self.indexes.values()]
        return sum((old is not None) + (new is not None) for old, new in entries if old != new)

    def read(self, all_read: Iterable[Read]) -> dict[str, float]:
        """Read units by what was read: half as many where a read need not be consistent."""
        units: dict[str, float] = {}
        for partition, sort_key, consistent in all_read:
            whole = -(-self.sizes.get((partition, sort_key), 1) // UNIT_READ)
            _add(units, _kind(sort_key), whole if consistent else whole / 2)
        return units


def _kind(sort_key: str) -> str:
    return KINDS.get(sort_key, "the budget")


def _add(units: dict[str, float], kind: str, count: float) -> None:
    if count:
        units[kind] = units.get(kind, 0) + count


def _entry(names: tuple[str, ...], columns: Columns) -> tuple[str, ...] | None:
    """The keys of an item in an index; None where it lacks one: it is not in the index."""
    return tuple(columns[name] for name in names) if all(name in columns for name in names) else None
