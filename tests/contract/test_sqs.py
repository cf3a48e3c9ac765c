"""What SQS does not take, and how it is kept all the same."""

import zlib
from base64 import b64decode
from random import Random

import boto3
import pytest

from billing_mirror.adapters.sqs import SqsQueue

from .conftest import Inbox


@pytest.mark.parametrize(
    ("body", "kept"), [("", "(empty)"), ("a\x00b", "a\\u0000b"), ("\ud800", "\\ud800"), ("\uffff", "\\uffff")]
)
@pytest.mark.usefixtures("in_process_aws")
async def test_a_character_that_sqs_refuses_is_spelled_out(body: str, kept: str) -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="quarantine")["QueueUrl"]
    await SqsQueue(client, url, url).quarantine(body, reason=body)
    [message] = client.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == kept


@pytest.mark.parametrize("size", [1_000_000, 2_000_000, 6_000_000])
async def test_a_body_that_no_message_holds_is_compressed(inbox: Inbox, size: int) -> None:
    body = ('{"note": "ü\x00"}' * size)[:size]
    await inbox.queue.quarantine(body, reason="not JSON")
    [(kept, _)] = inbox.quarantined()
    kind, _, text = kept.partition(":")
    assert kept == body or (kind, zlib.decompress(b64decode(text)).decode()) == ("zlib+base64", body)


async def test_of_a_body_that_does_not_compress_the_beginning_is_kept(inbox: Inbox) -> None:
    body = Random(0).randbytes(4_000_000).decode("latin-1")
    await inbox.queue.quarantine(body, reason="not JSON")
    [(kept, _)] = inbox.quarantined()
    kind, _, text = kept.partition(":")
    assert kept == body or (kind.startswith("the first") and body.encode().startswith(b64decode(text)))


@pytest.mark.usefixtures("in_process_aws")
async def test_a_body_of_nothing_but_refused_characters_is_kept_as_base64() -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="quarantine")["QueueUrl"]
    body = "\x00" * 256 * 1024
    await SqsQueue(client, url, url).quarantine(body, reason="not JSON")
    [message] = client.receive_message(QueueUrl=url)["Messages"]
    kind, _, text = message["Body"].partition(":")
    assert (kind, b64decode(text).decode()) == ("base64", body)


@pytest.mark.usefixtures("in_process_aws")
async def test_a_message_waits_in_its_group_and_for_its_delay() -> None:
    """Of a longer group the end is kept: it tells accounts apart, and says who sends."""
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="queue")["QueueUrl"]
    queue = SqsQueue(client, url, url)
    await queue.send("late", group="test:repair", delay=60)
    assert "Messages" not in client.receive_message(QueueUrl=url)
    await queue.send("now", group=f"live/{'acct_1/' * 20}acct_2:webhook")
    [message] = client.receive_message(QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"])["Messages"]
    group = message["Attributes"]["MessageGroupId"]
    assert (len(group), group.endswith("acct_1/acct_2:webhook")) == (128, True)
