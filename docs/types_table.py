"""The table of object types in the documentation, generated from the catalog by ``make docs``."""

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

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "docs" / "reading.md", ROOT / "README.md")
"""Pages that may contain the table."""
BEGIN, END = "<!-- types: made by `make docs` -->\n", "<!-- end of types -->"


def table() -> str:
    """The table, with one line for each type of the catalog."""
    lines = [
        f"| `{object_type.name}` | {object_type.category} | {_ids(object_type)} | {'; '.join(_ways(object_type))} |"
        for object_type in sorted(
            TYPES.values(), key=lambda object_type: not object_type.name.startswith("v2.billing.")
        )
    ]
    return "\n".join(["| type | category | id | reached by |", "| --- | --- | --- | --- |", *lines, "", ""])


def _ids(object_type: ObjectType) -> str:
    if object_type is USAGE:
        return "meter/customer/hour"
    return f"`{object_type.prefix}`" if object_type.prefix else "its path" if object_type.singleton else ""


def _ways(object_type: ObjectType) -> list[str]:
    if object_type is USAGE:
        return ["the usage job"]
    if object_type in EVENT_OBJECTS.values():
        return [f"itself an event: `{name}`" for name in object_type.events]
    events = [] if object_type.sends_no_events else ["events"]
    changed = [
        f"events of a {_plain(other)}"
        for other in TYPES.values()
        if other.changes and other.changes.type == object_type.name
    ]
    parts = [
        f"events of its {part.name}"
        for part in PARTS.values()
        if object_type.name in {owner.type for owner in part.owners}
    ]
    referrers = sorted(
        {
            _plain(other)
            for other in TYPES.values()
            for reference in other.references
            if reference.type == object_type.name
        }
    )
    owners = [_plain(other) for other in TYPES.values() if object_type.name in other.members]
    return [
        *events,
        *parts,
        *changed,
        *(f"named by a {name}" for name in referrers),
        *(f"the list of its {name}" for name in owners),
        *([_reconcile(object_type)] if object_type in RECONCILED_TYPES else []),
    ]


def _reconcile(object_type: ObjectType) -> str:
    interval = {
        CompareInterval.RATE_CARD_SUBSCRIPTIONS: "hourly",
        CompareInterval.ACTIVITY: "daily",
        CompareInterval.CONFIGURATION: "weekly",
        CompareInterval.CATALOG: "weekly",
    }[object_type.interval]
    return f"reconcile {interval}" if object_type.listings else f"reconcile {interval}, object by object"


def _plain(object_type: ObjectType) -> str:
    return object_type.name.rpartition(".")[2].replace("_", " ")


def written(page: str) -> str:
    """The page with its table replaced by the current one; unchanged if the page has no table."""
    if BEGIN not in page:
        return page
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    pages = [page for page in PAGES if page.exists() and BEGIN in page.read_text()]
    if not pages:
        sys.exit(f"No page contains the line {BEGIN.strip()}: add it, and {END} after it, where the table belongs.")
    for page in pages:
        page.write_text(written(page.read_text()))
        sys.stdout.write(f"{page.relative_to(ROOT)}: the table of types is up to date.\n")
