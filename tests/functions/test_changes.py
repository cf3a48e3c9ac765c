"""The function that reads the table's stream, in front of moto: Lambda's own records in, events and entries out."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.core import json_body
from billing_mirror.core.table.items import Item
from docs.change_schema import validated
from tests.doubles.changes import BEGINNING, STREAM, live
from tests.doubles.samples import subscription

from .conftest import Cloud, Context, Load

BUS = "a-stack-changes"
ARN = f"arn:aws:dynamodb:us-east-1:123456789012:table/a-table/stream/{STREAM}"
KEY = "test#rcds_1"


def image(item: Item) -> dict[str, Any]:
    """An item as Lambda passes it on: binaries are in base64."""
    return {
        name: {"B": b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in to_attributes({**item, "pk": KEY, "sk": "object"}).items()
    }


def record(sequence: int, before: Item | None, after: Item, **changed: Any) -> dict[str, Any]:  # noqa: ANN401
    data = {
        "ApproximateCreationDateTime": BEGINNING + sequence,
        "Keys": to_attributes({"pk": KEY, "sk": "object"}),
        "NewImage": image(after),
        **({"OldImage": image(before)} if before is not None else {}),
        "SequenceNumber": str(sequence),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        **changed,
    }
    return {"eventName": "MODIFY" if before else "INSERT", "eventSourceARN": ARN, "dynamodb": data}


@pytest.fixture
def listening(cloud: Cloud) -> Iterator[list[dict[str, str]]]:
    """The events that the bus is given."""
    taken: list[dict[str, str]] = []

    def note(params: dict[str, Any], **_: object) -> None:
        taken.extend(params["Entries"])

    boto3.client("events").create_event_bus(Name=BUS)
    boto3.setup_default_session()
    session = boto3.DEFAULT_SESSION
    assert session is not None
    session.events.register("provide-client-params.events.PutEvents", note)
    cloud.environment |= {"EVENT_BUS": BUS}
    yield taken
    boto3.setup_default_session()


@pytest.fixture
def large() -> Item:
    """An item whose body is compressed: a native map cannot hold it."""
    item = live({**subscription(), "exact": 10**40 + 1}, 2)
    assert isinstance(item["data_z"], bytes)
    return item


@pytest.mark.usefixtures("at_stripe")
@pytest.mark.parametrize(("bus", "word"), [(BUS, "published"), ("", "kept")])
def test_the_log_says_published_only_where_there_is_a_bus(
    load: Load, cloud: Cloud, listening: list[dict[str, str]], capsys: pytest.CaptureFixture[str], bus: str, word: str
) -> None:
    cloud.environment |= {"EVENT_BUS": bus, "HISTORY_DAYS": "30"}
    load("changes").lambda_handler({"Records": [record(1, None, live(subscription(), 1))]}, Context())
    (line,) = [one for one in map(json_body.parse, capsys.readouterr().out.splitlines()) if "change" in one]
    assert (line["message"], line["outcome"]) == (word, word)
    assert bool(listening) is (word == "published")


def test_a_change_becomes_an_event(load: Load, listening: list[dict[str, str]], large: Item) -> None:
    before = live(subscription(), 1)
    answer = load("changes").lambda_handler({"Records": [record(1, None, before), record(2, before, large)]}, Context())
    assert answer == {"batchItemFailures": []}
    created, updated = listening
    assert created["DetailType"] == "v2.billing.rate_card_subscription.created"
    assert updated["DetailType"] == "v2.billing.rate_card_subscription.updated"
    assert (updated["Source"], updated["EventBusName"]) == ("billing-mirror", BUS)
    detail = validated(json_body.parse(updated["Detail"]))
    assert detail["changed"] == [{"path": "/exact", "after": 10**40 + 1}]


@pytest.mark.usefixtures("at_stripe")
def test_a_former_state_is_kept_in_the_table(cloud: Cloud, load: Load) -> None:
    cloud.environment |= {"HISTORY_DAYS": "30"}
    before = live(subscription(), 1)
    after = live(subscription(collection_status="past_due"), 2)
    load("changes").lambda_handler({"Records": [record(2, before, after)]}, Context())
    table = boto3.resource("dynamodb").Table("a-table")
    entry = table.get_item(Key={"pk": KEY, "sk": f"history#{2:020}"})["Item"]
    assert (entry["kind"], entry["expires_at"]) == ("updated", int(BEGINNING + 120 + 30 * 86_400))
    assert (entry["replaced_token"], entry["replaced_at"]) == (1, before["fetched_at"])


def test_a_refused_event_is_delivered_again(cloud: Cloud, load: Load) -> None:
    """The bus does not exist."""
    cloud.environment |= {"EVENT_BUS": "another"}
    made = record(7, None, live(subscription(), 1))
    answer = load("changes").lambda_handler({"Records": [made]}, Context(seconds=10.5))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


@pytest.mark.usefixtures("listening")
def test_a_record_that_cannot_be_read_goes_to_the_dead_letters(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = record(3, None, {}, Keys=to_attributes({"pk": KEY, "sk": "claim"}))
    broken = record(4, None, live(subscription(email="ann@example.com"), 1), NewImage={"token": {"?": "1"}})
    assert load("changes").lambda_handler({"Records": [claim, broken]}, Context()) == {"batchItemFailures": []}
    assert len(cloud.waiting(cloud.environment["DEAD_LETTERS_URL"])) == 2
    said = capsys.readouterr().out
    assert "the filter lets too much through" in said


@pytest.mark.usefixtures("at_stripe")
def test_an_item_that_is_no_object_of_ours_goes_to_the_dead_letters(cloud: Cloud, load: Load) -> None:
    """Written by hand, say: the history asks every object for its scope."""
    cloud.environment |= {"HISTORY_DAYS": "30"}
    by_hand = {name: value for name, value in live(subscription(), 1).items() if name != "scope"}
    ours = record(7, None, live(subscription(), 1))
    answer = load("changes").lambda_handler({"Records": [record(6, None, by_hand), ours]}, Context())
    assert answer == {"batchItemFailures": []}
    assert len(cloud.waiting(cloud.environment["DEAD_LETTERS_URL"])) == 1


@pytest.mark.usefixtures("listening")
def test_a_stream_without_the_states_before_makes_no_change_a_creation(
    cloud: Cloud, load: Load, capsys: pytest.CaptureFixture[str], listening: list[dict[str, str]]
) -> None:
    made = record(5, None, live(subscription(), 2), StreamViewType="NEW_IMAGE")
    assert load("changes").lambda_handler({"Records": [made]}, Context()) == {"batchItemFailures": []}
    assert listening == []
    assert len(cloud.waiting(cloud.environment["DEAD_LETTERS_URL"])) == 1
    assert "the table's stream shows NEW_IMAGE: it has to show NEW_AND_OLD_IMAGES" in capsys.readouterr().out


def test_logs_hold_ids_only(load: Load, listening: list[dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    body = subscription(email="ann@example.com", metadata={"plan": "sesame"})
    load("changes").lambda_handler({"Records": [record(1, None, live(body, 1))]}, Context())
    said = capsys.readouterr().out
    assert '"key":"test#rcds_1"' in said
    assert "ann@example.com" not in said
    assert "sesame" not in said
    assert len(said) < 350, "docs/cost.md has what a line costs"
    assert len(listening) == 1
