"""The README and docs/reading.md, compared with the reader, the catalog and the template."""

import ast
import inspect
import re

import pytest

from billing_mirror import reader
from billing_mirror.core import catalog
from billing_mirror.reader import Reader
from docs import terminal, types_table
from tests.documentation.pages import blocks, first_column, table, text_of
from tests.template.templates import properties

README, READING = "README.md", "docs/reading.md"
MOST_WORDS = 900


def code_of(page: str) -> ast.Module:
    return ast.parse("\n".join(blocks(text_of(page), "python")))


def calls_of_the_reader(page: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(code_of(page))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "reader"
    ]


def test_the_readme_is_short() -> None:
    assert len(text_of(README).split()) <= MOST_WORDS


@pytest.mark.parametrize("page", [README, READING])
def test_every_call_of_the_reader_has_its_arguments(page: str) -> None:
    calls = calls_of_the_reader(page)
    assert calls
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        signature = inspect.signature(getattr(Reader, call.func.attr))
        signature.bind(None, *call.args, **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})


def test_the_parameters_that_switch_the_stream_on_are_named() -> None:
    (condition, _, without) = properties("Table")["StreamSpecification"]["Fn::If"]
    assert (condition, without) == ("WithStream", {"Ref": "AWS::NoValue"})
    (said,) = re.findall(r"^- \*\*Streams:\*\* (.+?)^$", text_of(READING), re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", said) == ["Changes", "HistoryDays"]


def test_every_call_of_the_reader_is_shown() -> None:
    public = {name for name, _ in inspect.getmembers(Reader, inspect.isfunction) if not name.startswith("_")}
    shown = {call.func.attr for call in calls_of_the_reader(READING) if isinstance(call.func, ast.Attribute)}
    assert shown == public


@pytest.mark.parametrize("page", [README, READING])
def test_every_name_that_is_imported_from_the_reader_is_public(page: str) -> None:
    imports = [node for node in ast.walk(code_of(page)) if isinstance(node, ast.ImportFrom)]
    names = {name.name for node in imports if node.module == "billing_mirror.reader" for name in node.names}
    assert names
    assert names <= set(reader.__all__)


@pytest.mark.parametrize("page", [README, READING])
def test_every_type_that_a_call_names_is_in_the_catalog(page: str) -> None:
    strings = [arg.value for call in calls_of_the_reader(page) for arg in call.args if isinstance(arg, ast.Constant)]
    types = {text for text in strings if isinstance(text, str) and text.startswith(("v2.", "billing."))}
    assert types
    assert types <= catalog.TYPES.keys()


def test_the_table_of_types_is_that_of_the_catalog() -> None:
    page = text_of(READING)
    assert types_table.written(page) == page, "run `make docs`"
    assert sorted(first_column(page, "type")) == sorted(catalog.TYPES)


def test_a_type_sends_no_events_only_if_stripe_publishes_none() -> None:
    published = [line.split() for line in text_of("tests/published_event_types.txt").splitlines()]
    announced = {object_type for _, object_type in published} | {
        catalog.RESOURCES[resource]
        for name, _ in published
        if (resource := name.rpartition(".")[0]) in catalog.RESOURCES
    }
    without_events = {object_type.name for object_type in catalog.TYPES.values() if object_type.sends_no_events}
    assert without_events == {
        name for name, object_type in catalog.TYPES.items() if name not in announced and not object_type.events
    }


def test_the_table_of_indexes_is_that_of_the_template() -> None:
    shown = {index.strip("`"): key.strip("`").split(", ") for index, _, key in table(text_of(READING), "index")}
    indexes = properties("Table")["GlobalSecondaryIndexes"]
    assert shown == {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"] if key["KeyType"] == "HASH"]
        for index in indexes
    }


def test_the_picture_of_the_demo_is_that_of_the_recorded_run() -> None:
    assert text_of("docs/demo.svg") == terminal.picture(text_of("docs/demo.txt")), "run `make docs`"
