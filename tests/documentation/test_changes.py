"""docs/changes.md: its consumer runs, its rule is the one that the sandbox listens by, and its event is valid."""

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import cast

import boto3
import pytest

from billing_mirror.core import json_body
from billing_mirror.core.changes.change import change_between, detail
from billing_mirror.core.json_body import JsonObject
from dev.sandbox.listener import PAST_DUE
from docs.change_schema import validated
from tests.documentation.pages import blocks, section, text_of
from tests.doubles.changes import StreamedItems, live
from tests.doubles.samples import subscription
from tests.emulated_aws import emulated_aws

PAGE = text_of("docs/changes.md")
PLACEHOLDER = "a table of yours, with the key id"
TABLE = "seen"

IsNew = Callable[[JsonObject], bool]


@pytest.fixture
def is_new(tmp_path: Path) -> Iterator[IsNew]:
    """The function of the page, with a table of its own."""
    (code,) = (one for one in blocks(PAGE, "python") if "def is_new(" in one)
    assert PLACEHOLDER in code
    (tmp_path / "example.py").write_text(code.replace(PLACEHOLDER, TABLE))
    with emulated_aws():
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield cast(IsNew, runpy.run_path(str(tmp_path / "example.py"))["is_new"])


def details() -> list[JsonObject]:
    """The details of the changes of two objects, in order."""
    items = StreamedItems()
    for token in range(1, 5):
        for identifier in ("rcds_1", "rcds_2"):
            items[f"test#{identifier}"] = live(subscription(identifier, collection_status=f"s{token}"), token)
    changes = [change_between(record.before, record.after) for record in items.records]
    return [json_body.parse(json_body.write(detail(change))) for change in changes if change is not None]


def test_the_example_takes_each_change_once_and_none_that_comes_too_late(is_new: IsNew) -> None:
    events, random = [*details(), *details()], Random(0)
    random.shuffle(events)
    highest: dict[object, int] = {}
    for one in events:
        token = one["token"]
        assert isinstance(token, int)
        assert is_new(one) == (token > highest.get(one["id"], 0))
        highest[one["id"]] = max(token, highest.get(one["id"], 0))
    assert [*highest.values()] == [4, 4]


def test_the_example_tells_objects_of_other_scopes_and_types_apart(is_new: IsNew) -> None:
    first, *_ = details()
    assert [is_new(first), is_new({**first, "scope": "live"}), is_new({**first, "type": "price"})] == [True] * 3
    assert not is_new(first)


def test_the_rule_is_the_one_that_the_sandbox_listens_by() -> None:
    (rule,) = blocks(section(PAGE, "## Rules"), "json")
    assert json.loads(rule) == PAST_DUE


def test_the_event_that_is_shown_follows_the_schema() -> None:
    (event,) = blocks(section(PAGE, "## The events"), "json")
    shown = json_body.parse(event)
    assert isinstance(shown["detail"], dict)
    validated(shown["detail"])
