"""What SQS is sent: only the characters that it takes."""

import json

import boto3
from botocore.stub import Stubber

from billing_mirror.adapters.blocking import call_directly
from billing_mirror.adapters.sqs import SqsQueue

ALLOWED = [0x9, 0xA, 0xD, *range(0x20, 0xD800), *range(0xE000, 0xFFFE), *range(0x10000, 0x110000)]
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
ESCAPED = sorted({*range(0x110000)} - {*ALLOWED})


async def sent(text: str) -> str:
    """The body of the message that a client is given for a text."""
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a")
    bodies: list[str] = []
    client.meta.events.register(
        "provide-client-params.sqs.SendMessage", lambda params, **_: bodies.append(params["MessageBody"])
    )
    with Stubber(client) as stubber:
        stubber.add_response("send_message", {})
        await SqsQueue(client, "https://queue", "https://quarantine", call=call_directly).send(text, group="test")
    return bodies[0]


async def test_what_sqs_takes_is_sent_as_it_is() -> None:
    text = "".join(map(chr, ALLOWED))
    assert await sent(text) == text


async def test_each_character_that_sqs_refuses_is_sent_as_its_escape() -> None:
    text = "".join(map(chr, ESCAPED))
    body = await sent(text)
    assert all(32 <= ord(character) < 127 for character in body)
    assert json.loads(f'"{body}"') == json.loads(json.dumps(text))
