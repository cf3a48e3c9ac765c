"""Every page: what it links to, names and shows exists."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, PACKAGE, PAGES, anchors, blocks, code_spans, named, text_of
from tests.template.templates import BUNDLE, MONITORING, ROOT

FOLDERS = "functions|layers|dev|docs|ops|tests|ingest|process|refresh|reconcile|core|adapters"
PATH = re.compile(rf"(?:{FOLDERS})/[\w./-]*(?:::[\w:]+)?")
FILE = re.compile(r"\w[\w-]*\.(?:py|yaml|toml|md|txt|svg)")
OUTPUT = re.compile(r"\w+(?:Arn|Url)|TableName|(?:Ingest|Process|Reconcile)Function")
each_page = pytest.mark.parametrize("page", PAGES, ids=named)


def links(page: Path) -> list[tuple[str, str]]:
    """The targets of a page's links within the repository: a path, or nothing for the page itself; and an anchor."""
    found = re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)", page.read_text())
    return [(path, anchor) for path, anchor in found if "://" not in path and not path.startswith("mailto:")]


def is_file(name: str, page: Path) -> bool:
    """Whether a file is named by its mere name: at the root, beside the page, or somewhere in the package."""
    return (ROOT / name).exists() or (page.parent / name).exists() or any(PACKAGE.rglob(name))


@each_page
def test_every_link_leads_to_a_file(page: Path) -> None:
    assert [path for path, _ in links(page) if not (page.parent / path).exists()] == []


@each_page
def test_every_anchor_is_a_heading(page: Path) -> None:
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links(page) if anchor]
    assert [anchor for target, anchor in targets if target.exists() and anchor not in anchors(target)] == []


@each_page
def test_every_path_in_code_exists(page: Path) -> None:
    spans = code_spans(page.read_text())
    paths = [span.partition("::")[0] for span in spans if PATH.fullmatch(span)]
    files = [span for span in spans if FILE.fullmatch(span)]
    missing = [path for path in paths if not any((folder / path).exists() for folder in (ROOT, PACKAGE))]
    assert missing + [name for name in files if not is_file(name, page)] == []


@each_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    in_shell = [re.findall(r"^make ([a-z-]+)", code, re.MULTILINE) for code in blocks(page.read_text(), "sh")]
    shown = {name for names in in_shell for name in names} | set(re.findall(r"`make ([a-z-]+)", page.read_text()))
    assert shown <= targets


@each_page
def test_every_shell_block_parses(page: Path) -> None:
    for code in blocks(page.read_text(), "sh"):
        filled_in = re.sub(r"<(\w+)>", r"\1", code)
        done = subprocess.run(["/bin/bash", "-n"], input=filled_in, text=True, capture_output=True, check=False)
        assert done.stderr == ""


@each_page
def test_every_python_block_parses(page: Path) -> None:
    for code in blocks(page.read_text(), "python"):
        ast.parse(code)


@each_page
def test_every_output_of_the_stack_exists(page: Path) -> None:
    shown = {*re.findall(r"<(\w+)>", page.read_text()), *code_spans(page.read_text())}
    assert {name for name in shown if OUTPUT.fullmatch(name)} <= BUNDLE["Outputs"].keys() | MONITORING["Outputs"].keys()


def test_the_readme_links_every_page() -> None:
    linked = {path for path, _ in links(ROOT / "README.md")}
    assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in linked] == []
