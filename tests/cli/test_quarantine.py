"""``quarantine`` shows messages without keeping them, and sends them back or drops them."""

import asyncio

import pytest

from billing_mirror.adapters.sqs import SqsQueue
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.quarantine import WITHOUT_REASON, Quarantined
from tests.cli.conftest import Cloud, Command, values

DENIED = "Stripe answered 403 at /v1/coupons/{id} (request req_{id}1): the key lacks the permission rak_coupon_read"


def quarantined(cloud: Cloud, reason: str, object_id: str, event_type: str = "v1.coupon.updated") -> str:
    """Puts a message into quarantine, as process does; returns its body."""
    body = f'{{"object":"v2.core.event","type":"{event_type}","related_object":{{"id":"{object_id}"}}}}'
    queue = SqsQueue(cloud.sqs, cloud.queue_url, cloud.quarantine_url)
    asyncio.run(queue.quarantine(body, reason=reason))
    return body


@pytest.fixture
def filled(cloud: Cloud) -> Cloud:
    """Three messages of one cause and one of another."""
    cloud.pin()
    for coupon in ("co_Abc12345", "co_Def67890", "co_Ghi13579"):
        quarantined(cloud, DENIED.replace("{id}", coupon), coupon)
    quarantined(cloud, "the object is too large", "in_55", "v1.invoice.updated")
    return cloud


def visible(cloud: Cloud) -> int:
    answer = cloud.sqs.get_queue_attributes(QueueUrl=cloud.quarantine_url, AttributeNames=["All"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def groups(command: Command) -> dict[str, str]:
    """The names of the groups by their first type."""
    found: dict[str, str] = {}
    for one in values(command("quarantine", "list", "--json")):
        assert isinstance(one["types"], list)
        found[str(one["types"][0])] = str(one["group"])
    return found


def test_messages_of_one_cause_are_one_group(filled: Cloud, command: Command) -> None:
    first, second = values(command("quarantine", "list", "--json"))
    assert isinstance(first["messages"], list)
    assert (len(first["messages"]), first["types"]) == (3, ["v1.coupon.updated"])
    assert first["reason"] == "Stripe answered 403 at /v1/coupons/...: the key lacks the permission rak_coupon_read"
    assert second["reason"] == "the object is too large"
    text = command("quarantine", "list").stdout
    assert text.startswith("4 messages, 2 reasons; the oldest is ")
    assert "v1.invoice.updated in_55" in text
    assert filled.quarantine_url not in text


def test_listed_messages_are_visible_to_others_afterwards(filled: Cloud, command: Command) -> None:
    command("quarantine", "list")
    assert visible(filled) == 4


def test_the_name_of_a_group_stays(filled: Cloud, command: Command) -> None:
    before = groups(command)
    quarantined(filled, "unreadable", "x", "other")
    assert groups(command).items() >= before.items()


def test_show_has_the_whole_message(filled: Cloud, command: Command) -> None:
    name = groups(command)["v1.invoice.updated"]
    (shown,) = values(command("quarantine", "show", name, "--json"))
    assert '"in_55"' in str(shown["body"])
    assert "the object is too large" in command("quarantine", "show", str(shown["message"])).stdout
    assert visible(filled) == 4


def test_retry_moves_the_messages_of_one_group(filled: Cloud, command: Command) -> None:
    name = groups(command)["v1.coupon.updated"]
    result = command("quarantine", "retry", name)
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "3 messages sent back to the queue.\n")
    assert {one["type"] for one in filled.queued()} == {"v1.coupon.updated"}
    assert groups(command).keys() == {"v1.invoice.updated"}
    assert visible(filled) == 1


def test_retry_all_sends_each_body_unchanged(filled: Cloud, command: Command) -> None:
    result = command("quarantine", "retry", "--all", "--json")
    (answer,) = values(result)
    assert isinstance(answer["retried"], list)
    assert len(answer["retried"]) == len(filled.queued()) == 4
    assert command("quarantine", "list").stdout == "The quarantine is empty.\n"


def test_drop_asks_first(filled: Cloud, command: Command) -> None:
    refused = command("quarantine", "drop", "--all", typed="n\n")
    assert refused.exit_code == ExitCode.FAILED
    assert visible(filled) == 4
    assert "4 messages deleted" in command("quarantine", "drop", "--all", typed="y\n").stdout
    assert visible(filled) == 0
    assert filled.queued() == []


def test_drop_with_yes_asks_nothing(filled: Cloud, command: Command) -> None:
    command("quarantine", "drop", groups(command)["v1.invoice.updated"], "--yes")
    assert visible(filled) == 3


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("names", [["nope"], [], ["--all", "nope"]])
def test_what_names_no_message_is_a_usage_failure(command: Command, names: list[str]) -> None:
    assert command("quarantine", "retry", *names).exit_code == ExitCode.USAGE


def test_more_messages_than_one_request_receives(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    for number in range(25):
        quarantined(cloud, "too large", f"in_{number}")
    (group,) = values(command("quarantine", "list", "--json"))
    assert isinstance(group["messages"], list)
    assert len(group["messages"]) == 25
    assert visible(cloud) == 25


def test_a_message_without_a_reason_and_one_of_eventbridge(cloud: Cloud, command: Command) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody="no JSON")
    error = {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}}
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody="{}", MessageAttributes=error)  # type: ignore[arg-type]
    reasons = {one["reason"] for one in values(command("quarantine", "list", "--json"))}
    assert reasons == {WITHOUT_REASON, "NO_PERMISSIONS"}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (
            "Stripe answered 404 resource_missing at /v1/prices/price_1Abc",
            "Stripe answered 404 resource_missing at /v1/prices/...",
        ),
        ("the id of in_1Xy is not known", "the id of in_1Xy is not known"),
        ("lacks the permission rak_coupon_read", "lacks the permission rak_coupon_read"),
        (
            "Stripe answered 400 (invalid_request_error) (request req_9Zx)",
            "Stripe answered 400 (invalid_request_error)",
        ),
    ],
)
def test_only_ids_are_left_out_of_a_group(reason: str, kind: str) -> None:
    assert Quarantined("m", "{}", reason, 0.0, "r").kind == kind
