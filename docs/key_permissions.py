"""The permissions of the restricted key in docs/deploy.md, made from the catalog by ``make docs``."""

import sys
from pathlib import Path
from urllib.parse import urlencode

from billing_mirror.core.catalog import EVENT_OBJECTS, RECONCILED_TYPES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deploy.md"
BEGIN, END = "<!-- key permissions: made by `make docs` -->\n", "<!-- end of key permissions -->"
FORM = "https://dashboard.stripe.com/apikeys/create"
PREFIX = "rak_"
"""Before a permission's name in Stripe's errors, and in the address of the form."""
EVENTS = next(iter(EVENT_OBJECTS.values())).permission
FOR_CHECKS = {
    "connected_account_read": "not needed; says at once whose the key is",
    "webhook_read": "not needed; `billing-mirror doctor` checks the event destination with it",
}


def permissions() -> dict[str, list[str]]:
    """By permission, the types whose name it has."""
    found: dict[str, list[str]] = {EVENTS: ["the list of events"]}
    for object_type in RECONCILED_TYPES:
        if object_type.permission:
            found.setdefault(object_type.permission, []).append(f"`{object_type.name}`")
    return dict(sorted(found.items()))


def unknown() -> list[str]:
    """The types whose permission this project does not know."""
    return sorted(one.name for one in RECONCILED_TYPES if not one.permission)


def form() -> str:
    """The address of Stripe's form with the permissions chosen."""
    chosen = [("permissions[]", f"{PREFIX}{name}") for name in (*permissions(), *FOR_CHECKS)]
    return f"{FORM}?{urlencode([('name', 'Billing Mirror'), *chosen])}"


def section() -> str:
    lines = [f"| `{name}` | {', '.join(types)} |" for name, types in permissions().items()]
    lines += [f"| `{name}` | {why} |" for name, why in FOR_CHECKS.items()]
    others = ", ".join(f"`{name}`" for name in unknown())
    return "\n".join(
        [
            f"[Stripe's form with these permissions chosen]({form()})",
            "",
            "| permission | reads |",
            "| --- | --- |",
            *lines,
            "",
            f"Not known here, look them up: {others}.",
            "",
            "",
        ]
    )


def written(page: str) -> str:
    """The page with the section as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join((before, BEGIN, section(), END, after))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write("docs/deploy.md: the permissions of the key are as the catalog says.\n")
