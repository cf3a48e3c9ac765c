"""docs/architecture.md and docs/decisions, compared with the package and the tests."""

import ast
import re
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, PACKAGE, code_spans, first_column, headings, named, section, text_of
from tests.template.templates import ROOT

ARCHITECTURE = text_of("docs/architecture.md")
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
MOST_WORDS_OF_A_TITLE = 7
each_decision = pytest.mark.parametrize("page", DECISIONS, ids=named)


def names_of_tests(path: Path) -> set[str]:
    """The tests of a file: ``test_it``, or ``TestThis::test_it``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}::{method.name}" for method in methods}
    return found


def test_every_module_is_in_the_code_map_once() -> None:
    spans = code_spans(section(ARCHITECTURE, "## Code map"))
    paths = {base: base.rglob("*.py") for base in (PACKAGE, ROOT / "cli")}
    modules = [str(path.relative_to(base)) for base in paths for path in paths[base] if path.name != "__init__.py"]
    assert sorted(span for span in spans if span.endswith(".py")) == sorted(modules)


def test_every_package_is_in_the_code_map() -> None:
    spans = code_spans(section(ARCHITECTURE, "## Code map"))
    packages = [str(path.parent.relative_to(PACKAGE)) + "/" for path in PACKAGE.glob("*/**/__init__.py")]
    assert [package for package in packages if package not in spans and package != "core/catalog/"] == []


def test_every_invariant_names_a_test_that_exists() -> None:
    invariants = re.split(r"^(?=\d+\. )", section(ARCHITECTURE, "## Invariants"), flags=re.MULTILINE)[1:]
    assert len(invariants) > 10
    for invariant in invariants:
        identifiers = [span for span in code_spans(invariant) if "::" in span]
        assert identifiers, invariant
        for identifier in identifiers:
            path, _, name = identifier.partition("::")
            assert name in names_of_tests(ROOT / path)


def test_every_folder_of_tests_is_described() -> None:
    folders = {str(path.parent.relative_to(ROOT)) for path in (ROOT / "tests").glob("*/test_*.py")}
    folders |= {"tests/unit"}
    assert folders <= set(first_column(ARCHITECTURE, "folder"))


@each_decision
def test_a_decision_has_its_four_sections(page: Path) -> None:
    assert headings(page.read_text())[1:] == ["Context", "Decision", "Consequences", "Alternatives"]


@each_decision
def test_a_decision_has_a_number_a_short_title_and_a_date(page: Path) -> None:
    title, _, date = page.read_text().splitlines()[:3]
    number, _, words = title.removeprefix("# ").partition(". ")
    assert int(number) == int(page.name[:4])
    assert len(words.split()) <= MOST_WORDS_OF_A_TITLE
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)


def test_the_index_lists_every_decision_by_its_title() -> None:
    listed = re.findall(r"^\d+\. \[(.*)\]\((.*)\)$", text_of("docs/decisions/README.md"), re.MULTILINE)
    titles = [(headings(page.read_text())[0].partition(". ")[2], page.name) for page in DECISIONS]
    assert listed == titles


def test_the_picture_can_be_read_on_a_phone() -> None:
    drawn = text_of("docs/architecture.svg")
    width = float(re.findall(r'width="(\d+)"', drawn)[0])
    sizes = [float(size) for size in re.findall(r'font-size="(\d+)"', drawn)]
    shown = 390 - 2 * 16  # GitHub's margins
    assert min(sizes) * shown / width >= 10
