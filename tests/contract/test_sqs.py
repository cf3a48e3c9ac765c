"""What SQS does not take, and how it is kept all the same."""

from base64 import b64decode

import boto3
import pytest

from billing_mirror.adapters.sqs import SqsQueue


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


@pytest.mark.usefixtures("in_process_aws")
async def test_a_body_of_nothing_but_refused_characters_is_kept_as_base64() -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="quarantine")["QueueUrl"]
    body = "\x00" * 256 * 1024
    await SqsQueue(client, url, url).quarantine(body, reason="not JSON")
    [message] = client.receive_message(QueueUrl=url)["Messages"]
    kind, _, text = message["Body"].partition(":")
    assert (kind, b64decode(text).decode()) == ("base64", body)
