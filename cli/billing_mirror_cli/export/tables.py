"""Objects as rows of text: a table for their type, and one for each list in them.

A table has fixed columns and then its *flat* columns: the members of its bodies that are text, a number, a boolean or
null in every row. Which these are is known after the last row, so rows are kept in a file until then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from billing_mirror.adapters.table.attributes import body_in
from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.table.items import INDEX_COLUMNS, Item, id_in, missing_fields_in

Row: TypeAlias = Sequence[str | None]

OBJECT_COLUMNS = ("id", "type", *INDEX_COLUMNS, "fetched_at", "token", "stripe_version", "missing_fields", "body")
"""The first columns of a type's table."""
LIST_COLUMNS = ("owner", "position", "body")
"""The first columns of a list's table: the id of the object that has the list, and the position from 1."""
MEMBERS = "members"
"""The list of what belongs to an object and is not in its body, such as the rates of a rate card version."""


class Table:
    """Rows of one table, kept in a file of ``folder``."""

    def __init__(self, name: str, columns: Sequence[str], folder: Path) -> None:
        self.name = name
        self.rows_added = 0
        self._own = tuple(columns)
        self._plain: set[str] = set()
        self._nested: set[str] = set()
        self._kept = (folder / name).open("w+", encoding="ascii")

    def add(self, own: Row, body: JsonObject) -> None:
        """Adds a row: the values of the fixed columns before ``body``, and the body."""
        plain = {name: value for name, value in body.items() if not isinstance(value, dict | list)}
        self._plain |= plain.keys()
        self._nested |= body.keys() - plain.keys()
        flat = {name: _text(value) for name, value in plain.items() if value is not None}
        self._kept.write(f"{json.dumps([[*own, json_body.write(body)], flat])}\n")
        self.rows_added += 1

    @property
    def columns(self) -> list[str]:
        """The fixed columns, then the flat ones by name. A fixed column hides a member with its name."""
        return [*self._own, *self._flat]

    def rows(self) -> Iterator[Row]:
        """Every row that was added, in its order."""
        flat = self._flat
        self._kept.seek(0)
        for line in self._kept:
            own, values = json.loads(line)
            yield [_storable(value) for value in (*own, *(values.get(name) for name in flat))]

    def close(self) -> None:
        """Removes what was kept."""
        self._kept.close()
        Path(self._kept.name).unlink()

    @property
    def _flat(self) -> list[str]:
        return sorted(self._plain - self._nested - set(self._own))


class TypeTables:
    """The table of a type and those of its lists, made as objects are added."""

    def __init__(self, type_name: str, folder: Path) -> None:
        self.name = table_name(type_name)
        self._folder = folder
        self._objects = Table(self.name, OBJECT_COLUMNS, folder)
        self._lists: dict[str, Table] = {}

    def add(self, item: Item) -> None:
        """Adds the rows of an object."""
        body = body_in(item) or {}
        object_id = id_in(item)
        self._objects.add(_own_values(item), body)
        for name, entries in {**_lists_in(body), **_members(item)}.items():
            table = self._list(name)
            for position, entry in enumerate(entries, 1):
                table.add((object_id, str(position)), entry)

    @property
    def tables(self) -> list[Table]:
        """The type's table, then those of its lists."""
        return [self._objects, *self._lists.values()]

    def _list(self, name: str) -> Table:
        if name not in self._lists:
            self._lists[name] = Table(f"{self.name}__{name}", LIST_COLUMNS, self._folder)
        return self._lists[name]


def table_name(type_name: str) -> str:
    """The name of a type's table, as SQL takes it without quotes."""
    return "".join(character if character.isalnum() else "_" for character in type_name)


def _own_values(item: Item) -> Row:
    """The values of :data:`OBJECT_COLUMNS` before the body."""
    values: dict[str, Json] = {name: value for name, value in item.items() if not isinstance(value, bytes)}
    values |= {"id": id_in(item), "missing_fields": ",".join(missing_fields_in(item)) or None}
    return [_text(value) if (value := values.get(name)) is not None else None for name in OBJECT_COLUMNS[:-1]]


def _lists_in(body: JsonObject) -> dict[str, list[JsonObject]]:
    """The lists of objects among the members: Stripe's own lists, and plain ones that are not empty."""
    found: dict[str, list[JsonObject]] = {}
    for name, value in body.items():
        is_list = isinstance(value, dict) and value.get("object") == "list"
        entries = value.get("data") if isinstance(value, dict) and is_list else value
        objects = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        if objects or is_list:
            found[name] = objects
    return found


def _members(item: Item) -> dict[str, list[JsonObject]]:
    """The ids on the lists that belong to the object, each with its type, as Stripe writes a reference."""
    listed = item.get(MEMBERS)
    references: list[JsonObject] = [
        {"id": identifier, "object": type_name}
        for type_name, identifiers in (listed if isinstance(listed, dict) else {}).items()
        for identifier in (identifiers if isinstance(identifiers, list) else [])
    ]
    return {MEMBERS: references} if references else {}


def _text(value: Json) -> str:
    """A text as it is; anything else as JSON writes it, digit for digit."""
    return value if isinstance(value, str) else json_body.write(value)


def _storable(value: str | None) -> str | None:
    """The text without half surrogate pairs, for which UTF-8 has no bytes; ``body`` spells them as JSON does."""
    return value if value is None or value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
