"""The contract of the queue and the quarantine."""

import contextlib
import json

import pytest

from billing_mirror.core.errors import TransientError

from .conftest import Inbox


async def test_what_is_sent_is_received(inbox: Inbox) -> None:
    await inbox.queue.send("a body", group="test:webhook")
    await inbox.queue.send("another", group="test/acct_1:repair")
    assert {body for _, body in inbox.receive()} == {"a body", "another"}


async def test_what_is_received_is_hidden_for_a_while(inbox: Inbox) -> None:
    await inbox.queue.send("a body", group="test")
    inbox.receive()
    assert inbox.receive() == []


async def test_a_postponed_message_is_seen_again_when_its_time_has_come(inbox: Inbox) -> None:
    await inbox.queue.send("a body", group="test")
    [(receipt, _)] = inbox.receive()
    await inbox.queue.postpone(receipt, 0)
    assert [body for _, body in inbox.receive()] == ["a body"]


async def test_a_postponed_message_is_hidden_until_then(inbox: Inbox) -> None:
    await inbox.queue.send("a body", group="test")
    [(receipt, _)] = inbox.receive()
    await inbox.queue.postpone(receipt, 60)
    assert inbox.receive() == []


async def test_the_quarantine_keeps_a_message_with_its_reason(inbox: Inbox) -> None:
    await inbox.queue.quarantine("a body", reason="it is bad")
    assert inbox.quarantined() == [("a body", "it is bad")]
    assert inbox.receive() == []


async def test_a_message_that_is_not_ours_any_more_cannot_harm(inbox: Inbox) -> None:
    # AWS lets some old receipts pass; where it does not, the message comes back by itself.
    with contextlib.suppress(TransientError):
        await inbox.queue.postpone("an old receipt", 10)


@pytest.mark.parametrize("body", ["ü 漢 😀", "\t\r\n", "x" * 262_144])
async def test_a_body_comes_back_as_it_went(inbox: Inbox, body: str) -> None:
    await inbox.queue.quarantine(body, reason="it is bad")
    assert inbox.quarantined() == [(body, "it is bad")]


@pytest.mark.parametrize("text", ["\x00", "\x1f\x7f", "\ufffe\uffff", "\\\uffff", "ü 漢 😀"])
async def test_a_message_with_characters_that_sqs_refuses_comes_back_as_it_went(inbox: Inbox, text: str) -> None:
    await inbox.queue.send(json.dumps({"id": text}, ensure_ascii=False), group="test")
    [(_, body)] = inbox.receive()
    assert json.loads(body) == {"id": text}


async def test_a_delayed_message_is_not_received_yet(inbox: Inbox) -> None:
    await inbox.queue.send("now", group="test")
    await inbox.queue.send("later", group="test", delay=60)
    assert [body for _, body in inbox.receive()] == ["now"]
