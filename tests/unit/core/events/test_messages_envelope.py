"""An event in EventBridge's envelope is read as if it had come without, and nothing else comes in that way."""

import json

import pytest

from billing_mirror.core.events.messages import (
    RefreshRequest,
    Unreadable,
    read_message,
    read_notification,
    write_message,
)
from billing_mirror.core.json_body import Json

from .sent import SECRET, carrying, pushed, snapshot


def enveloped(detail: str, **changes: Json) -> str:
    """As EventBridge puts it into a queue."""
    envelope: dict[str, Json] = {
        "version": "0",
        "id": "8c1d5e6c-4f0e-0d0a-9c0a-000000000000",
        "detail-type": "v1.customer.updated",
        "source": "aws.partner/stripe.com/ed_test_61Rc0Iuz3V1K",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_test_61Rc0Iuz3V1K"],
        "detail": json.loads(detail),
    }
    return json.dumps(envelope | changes)


class TestAnEnvelope:
    @pytest.mark.parametrize("event", [pushed(), snapshot()], ids=["thin", "snapshot"])
    def test_is_unwrapped(self, event: str) -> None:
        assert read_message(enveloped(event)) == read_notification(event)

    @pytest.mark.parametrize(
        "source",
        [
            "aws.s3",
            "aws.partner/stripe.com",
            "aws.partner/evil.example/stripe.com/x",
            "x aws.partner/stripe.com/",
            None,
        ],
    )
    def test_of_another_source_is_refused(self, source: Json) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: source: "):
            read_message(enveloped(pushed(), source=source))

    def test_is_nothing_that_ingest_takes(self) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: object: none that is known"):
            read_notification(enveloped(pushed()))

    def test_accepts_no_refresh_request(self) -> None:
        request = write_message(RefreshRequest(livemode=False, type="v2.billing.cadence", id="bc_1"))
        with pytest.raises(Unreadable, match="none that is known"):
            read_message(enveloped(request))

    def test_in_an_envelope_is_refused(self) -> None:
        with pytest.raises(Unreadable):
            read_message(enveloped(enveloped(pushed())))

    @pytest.mark.parametrize("detail", [None, [], "x", {}, {"object": SECRET}])
    def test_of_something_else_is_refused(self, detail: Json) -> None:
        with pytest.raises(Unreadable, match=r"^not an event") as unreadable:
            read_message(enveloped(json.dumps(detail)))
        assert SECRET not in str(unreadable.value)

    @pytest.mark.parametrize(
        ("event", "path"),
        [
            (pushed(created=SECRET), "created"),
            (pushed(related_object={"type": f"{SECRET} {SECRET}", "url": "/v1/x"}), "related_object.type"),
            (pushed(related_object={"type": "t", "id": "x"}), "related_object.url"),
            (snapshot(created=SECRET), "created"),
            (carrying(object=f"{SECRET} {SECRET}"), "data.object.object"),
            (carrying(id=SECRET * 500), "data.object.id"),
        ],
    )
    def test_names_the_path_in_the_event_and_never_quotes_the_value(self, event: str, path: str) -> None:
        with pytest.raises(Unreadable, match=f"^not an event: (detail\\.)?{path}: ") as unreadable:
            read_message(enveloped(event))
        assert SECRET not in str(unreadable.value)
        assert unreadable.value.__cause__ is None

    def test_that_says_what_it_is_of_itself_is_judged_by_that(self) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: "):
            read_message(enveloped(pushed(), object="v2.core.event"))
