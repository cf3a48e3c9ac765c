"""What publishes changes exists on request only, loses no record, and never stops the stream."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from billing_mirror.settings import ChangesSettings
from docs.change_schema import text
from tests.template.templates import BUNDLE, SCHEMA, environment, properties

RESOURCES = {name: one for name, one in BUNDLE["Resources"].items() if name.startswith("Changes")}
STREAM = properties("ChangesFunction")["Events"]["Stream"]["Properties"]


def test_off_costs_nothing() -> None:
    """Nothing of it exists by default, not even the stream."""
    assert BUNDLE["Parameters"]["Changes"]["Default"] == "off"
    assert BUNDLE["Parameters"]["HistoryDays"]["Default"] == 0
    conditions = {one["Condition"] for one in RESOURCES.values()}
    assert conditions == {"WithStream", "WithChanges", "WithArchive", "WithSchema"}
    is_on = {"Fn::Equals": [{"Ref": "Changes"}, "on"]}
    keeps = {"Fn::Not": [{"Fn::Equals": [{"Ref": "HistoryDays"}, 0]}]}
    assert BUNDLE["Conditions"]["WithChanges"] == is_on
    assert BUNDLE["Conditions"]["WithStream"] == {"Fn::Or": [{"Condition": "WithChanges"}, keeps]}
    for name in ("WithArchive", "WithSchema"):
        assert BUNDLE["Conditions"][name]["Fn::And"][0] == {"Condition": "WithChanges"}
    condition, on, off = properties("Table")["StreamSpecification"]["Fn::If"]
    assert (condition, on, off) == ("WithStream", {"StreamViewType": "NEW_AND_OLD_IMAGES"}, {"Ref": "AWS::NoValue"})


def test_only_writes_of_objects_reach_the_function() -> None:
    """Its own entries of the history do not: it would be invoked by what it writes."""
    (given,) = STREAM["FilterCriteria"]["Filters"]
    assert json.loads(given["Pattern"]) == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"sk": {"S": ["object"]}}},
    }


def test_a_failed_record_is_repeated_isolated_and_in_the_end_put_aside() -> None:
    assert STREAM["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert STREAM["BisectBatchOnFunctionError"] is True
    assert STREAM["StartingPosition"] == "TRIM_HORIZON"
    queue = STREAM["DestinationConfig"]["OnFailure"]
    assert queue == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["ChangesDeadLetters", "Arn"]}}


def test_an_outage_of_hours_does_not_use_up_the_attempts() -> None:
    """Each attempt waits until shortly before the timeout."""
    patience = properties("ChangesFunction")["Timeout"] - 20
    assert STREAM["MaximumRetryAttempts"] * patience > 2.5 * 3600


def test_a_taken_up_table_needs_the_arn_of_its_stream() -> None:
    """CloudFormation cannot find the stream of a table that the stack did not create."""
    rule = BUNDLE["Rules"]["StreamOfAnExistingTable"]
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TableStream"}, ""]}]}
    named = [*_referenced(rule["RuleCondition"])]
    assert named == ["TableName", "Changes", "HistoryDays"]
    assert STREAM["Stream"]["Fn::If"] == [
        "MakesTable",
        {"Fn::GetAtt": ["Table", "StreamArn"]},
        {"Ref": "TableStream"},
    ]


def _referenced(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [str(value)] if key == "Ref" else _referenced(value)
    elif isinstance(node, list):
        for value in node:
            yield from _referenced(value)


@pytest.mark.parametrize(
    ("value", "is_accepted"),
    [
        ("", True),
        ("arn:aws:dynamodb:eu-central-1:123456789012:table/a-table/stream/2026-01-01T00:00:00.000", True),
        ("arn:aws:dynamodb:eu-central-1:123456789012:table/a-table", False),
    ],
)
def test_the_arn_of_a_stream_is_one(value: str, is_accepted: bool) -> None:
    pattern = BUNDLE["Parameters"]["TableStream"]["AllowedPattern"]
    assert (re.fullmatch(pattern, value) is not None) is is_accepted


def test_days_have_the_bounds_that_the_function_accepts() -> None:
    assert environment("changes")["HISTORY_DAYS"] == {"Ref": "HistoryDays"}
    schema: dict[str, Any] = ChangesSettings.model_json_schema()["properties"]["history_days"]
    bounds = BUNDLE["Parameters"]["HistoryDays"]
    assert (bounds["MinValue"], bounds["MaxValue"]) == (schema["minimum"], schema["maximum"])


def test_the_registered_schema_is_the_published_one() -> None:
    """It is docs/change.schema.json, which ``make docs`` writes."""
    assert json.loads(properties("Schema", SCHEMA)["Content"]) == json.loads(text())
