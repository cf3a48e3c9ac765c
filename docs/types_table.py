"""The table of types in docs/reading.md, made from the catalog: ``make docs`` writes it."""

import sys
from pathlib import Path

from billing_mirror.core.catalog import (
    EVENT_OBJECTS,
    PARTS,
    RECONCILED_TYPES,
    TYPES,
    USAGE,
    CompareInterval,
    ObjectType,
)

PAGE = Path(__file__).parent / "reading.md"
BEGIN, END = "<!-- types: made by `make docs` -->\n", "<!-- end of types -->"


def table() -> str:
    """The table, a row for each type of the catalog."""
    lines = [
        f"| `{object_type.name}` | {object_type.category} | {_ids(object_type)} | {'; '.join(_ways(object_type))} |"
        for object_type in sorted(
            TYPES.values(), key=lambda object_type: not object_type.name.startswith("v2.billing.")
        )
    ]
    return "\n".join(["| type | nature | id | reached by |", "| --- | --- | --- | --- |", *lines, "", ""])


def _ids(object_type: ObjectType) -> str:
    if object_type is USAGE:
        return "meter/customer/hour"
    return f"`{object_type.prefix}`" if object_type.prefix else "its path" if object_type.singleton else ""


def _ways(object_type: ObjectType) -> list[str]:
    if object_type is USAGE:
        return ["the usage sweep"]
    if object_type in EVENT_OBJECTS.values():
        return [f"itself an event: `{name}`" for name in object_type.events]
    told = [] if object_type.sends_no_events else ["events"]
    changed = [
        f"events of a {_plain(other)}"
        for other in TYPES.values()
        if other.changes and other.changes.type == object_type.name
    ]
    parts = [f"events of its {part.name}" for part in PARTS.values() if part.of == object_type.name]
    named = sorted(
        {_plain(other) for other in TYPES.values() for via in other.references if via.type == object_type.name}
    )
    owners = [_plain(other) for other in TYPES.values() if object_type.name in other.members]
    return [
        *told,
        *parts,
        *changed,
        *(f"named by a {name}" for name in named),
        *(f"the list of its {name}" for name in owners),
        *([f"{_how(object_type)} {_every(object_type)}"] if object_type in RECONCILED_TYPES else []),
    ]


def _how(object_type: ObjectType) -> str:
    return "reconcile" if object_type.listings else "reconcile one by one"


def _every(object_type: ObjectType) -> str:
    return {
        CompareInterval.RATE_CARD_SUBSCRIPTIONS: "hourly",
        CompareInterval.ACTIVITY: "daily",
        CompareInterval.PRICING: "weekly",
    }[object_type.interval]


def _plain(object_type: ObjectType) -> str:
    return object_type.name.rpartition(".")[2].replace("_", " ")


def written(page: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write("docs/reading.md: the table of types is as the catalog says.\n")
