"""What the tests of the documentation read from its pages."""

import re
from pathlib import Path

from tests.template.templates import ROOT

PACKAGE = ROOT / "layers" / "billing_mirror"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "dev").rglob("*.md")])


def text_of(name: str) -> str:
    """A file by its path from the root, such as ``docs/deploy.md``."""
    return (ROOT / name).read_text(encoding="utf-8")


def table(page: str, first_heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading, without the headings."""
    lines = page[page.index(f"| {first_heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")] for line in lines]


def first_column(page: str, first_heading: str) -> list[str]:
    return [cells[0].strip("`") for cells in table(page, first_heading)]


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next heading of the same level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    assert f"\n{heading}\n" in page, f"add the heading {heading!r}"
    after = page[page.index(f"\n{heading}\n") + len(heading) + 2 :]
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of this language, without their indentation."""
    found = re.findall(rf"^( *)```{re.escape(language)}\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def without_blocks(page: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", page, flags=re.DOTALL | re.MULTILINE)


def code_spans(page: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", without_blocks(page))


def headings(page: str) -> list[str]:
    return [line.lstrip("#").strip() for line in without_blocks(page).splitlines() if re.match(r"#+ ", line)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings(page.read_text(encoding="utf-8")))
    return {heading.replace(" ", "-") for heading in plain}


def named(page: Path) -> str:
    """The path of a page from the root: it names a test."""
    return str(page.relative_to(ROOT))
