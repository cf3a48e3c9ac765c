"""Print the table's schema and the release that has it, right after a release: the next one is compared with it."""

import json
import re
import sys

from tests.template.templates import BUNDLE, ROOT, properties

SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")


def newest_release(changelog: str) -> str:
    found = re.search(r"^## (\d+\.\d+\.\d+) - \d", changelog, re.MULTILINE)
    return found[1] if found else ""


def is_right_after_a_release(changelog: str) -> bool:
    """Later, the template is no longer that of the release."""
    before, _, _ = changelog.partition(f"\n## {newest_release(changelog)} - ")
    return before.partition("## Unreleased")[2].strip() == ""


if __name__ == "__main__":
    if not is_right_after_a_release((ROOT / "CHANGELOG.md").read_text()):
        sys.exit("CHANGELOG.md has unreleased changes: check the release out, whose table it is.")
    table = {name: properties("Table")[name] for name in SCHEMA}
    print(json.dumps({"version": BUNDLE["Outputs"]["Version"]["Value"], **table}, indent=1))
