"""The event types to choose in Stripe, made from the catalog and Stripe's published list.

``python docs/event_types.py`` prints them; ``make docs`` writes them into docs/deploy.md and beside the command, whose
verb ``events`` prints them too.
"""

import sys
from pathlib import Path

from billing_mirror.core import catalog

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "tests" / "published_event_types.txt"
PAGE = ROOT / "docs" / "deploy.md"
LIST = ROOT / "cli" / "billing_mirror_cli" / "stripe" / "event_types.txt"
BEGIN, END = "<!-- event types: made by `make docs` -->\n", "<!-- end of event types -->"


def event_types() -> list[str]:
    """Every published event type that changes an object of the catalog."""
    published = [line.partition(" ")[0] for line in PUBLISHED.read_text().splitlines()]
    return sorted(name for name in published if _is_about_the_catalog(name))


def _is_about_the_catalog(name: str) -> bool:
    if name in catalog.IGNORED:
        return False
    return name in catalog.EVENT_OBJECTS or name.rpartition(".")[0] in catalog.RESOURCES


def written(page: str) -> str:
    """The page with the list as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join((before, BEGIN, "```text\n", *(f"{name}\n" for name in event_types()), "```\n\n", END, after))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(written(PAGE.read_text()))
        LIST.write_text("".join(f"{name}\n" for name in event_types()))
        sys.stdout.write("docs/deploy.md: the event types are as the catalog says.\n")
    else:
        sys.stdout.writelines(f"{name}\n" for name in event_types())
