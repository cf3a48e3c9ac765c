"""The README's table of types, made from the catalog: ``make docs`` writes it."""

import sys
from pathlib import Path

from billing_mirror.core.catalog import EVENTS, PARTS, RECONCILED, TYPES, USAGE, ObjectType, Rhythm

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- types: made by `make docs` -->\n", "<!-- end of types -->"


def table() -> str:
    """The table, a row for each type of the catalog."""
    lines = [
        f"| `{row.name}` | {row.nature} | {_ids(row)} | {'; '.join(_ways(row))} |"
        for row in sorted(TYPES.values(), key=lambda row: not row.name.startswith("v2.billing."))
    ]
    return "\n".join(["| type | nature | id | reached by |", "| --- | --- | --- | --- |", *lines, "", ""])


def _ids(row: ObjectType) -> str:
    if row is USAGE:
        return "meter/customer/hour"
    return f"`{row.prefix}`" if row.prefix else "its path" if row.singleton else ""


def _ways(row: ObjectType) -> list[str]:
    if row is USAGE:
        return ["the usage sweep"]
    if row in EVENTS.values():
        return [f"itself an event: `{name}`" for name in row.events]
    told = [] if row.silent else ["events"]
    changed = [
        f"events of a {_plain(other)}" for other in TYPES.values() if other.changes and other.changes.type == row.name
    ]
    parts = [f"events of its {part.name}" for part in PARTS.values() if part.of == row.name]
    named = sorted({_plain(other) for other in TYPES.values() for via in other.references if via.type == row.name})
    owners = [_plain(other) for other in TYPES.values() if row.name in other.members]
    return [
        *told,
        *parts,
        *changed,
        *(f"named by a {name}" for name in named),
        *(f"the list of its {name}" for name in owners),
        *([f"{_how(row)} {_every(row)}"] if row in RECONCILED else []),
    ]


def _how(row: ObjectType) -> str:
    return "reconcile" if row.listings else "reconcile one by one"


def _every(row: ObjectType) -> str:
    return {Rhythm.SUBSCRIPTIONS: "hourly", Rhythm.ACTIVITY: "daily", Rhythm.PRICING: "weekly"}[row.rhythm]


def _plain(row: ObjectType) -> str:
    return row.name.rpartition(".")[2].replace("_", " ")


def written(page: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
    sys.stdout.write("README.md: the table of types is as the catalog says.\n")
