"""What travels on the queue: every message comes back as it was sent, with nothing in it that is not needed."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.events.messages import (
    Message,
    Notification,
    RefreshRequest,
    RelatedObject,
    Unreadable,
    read_message,
    read_notification,
    write_message,
)
from billing_mirror.core.json_body import Json

from .sent import PUSHED, SECRET, pushed, without

NAMES = st.from_regex(r"[A-Za-z0-9_.\[\]-]{1,40}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
RELATED = st.builds(RelatedObject, id=st.none() | TEXTS, type=NAMES, url=TEXTS)
OF_A_SNAPSHOT = st.builds(RelatedObject, id=st.none() | TEXTS, type=NAMES, customer=st.none() | TEXTS)
PLAIN = st.builds(
    Notification,
    id=st.from_regex(r"evt_[A-Za-z0-9_]{1,40}", fullmatch=True),
    type=NAMES,
    created=st.datetimes(
        min_value=datetime(1000, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]),
    ),
    livemode=st.booleans(),
    context=st.none() | TEXTS,
    related_object=st.none() | RELATED,
)
NOTIFICATIONS = PLAIN | st.builds(
    lambda plain, related: plain.model_copy(update={"related_object": related}), PLAIN, OF_A_SNAPSHOT
)
REFRESH_REQUESTS = st.builds(
    RefreshRequest,
    livemode=st.booleans(),
    context=st.none() | TEXTS,
    type=NAMES,
    id=TEXTS,
    parent=st.none() | TEXTS,
)


class TestTheQueue:
    @given(NOTIFICATIONS | REFRESH_REQUESTS)
    def test_gives_back_the_message_that_was_sent(self, message: Message) -> None:
        assert read_message(write_message(message)) == message

    @given(PLAIN)
    def test_a_notification_from_the_queue_reads_like_one_from_stripe(self, message: Notification) -> None:
        assert read_notification(write_message(message)) == message

    def test_carries_nothing_that_is_not_needed(self) -> None:
        carried = json.loads(write_message(read_notification(pushed(data={"secret": SECRET}))))
        assert carried.keys() == PUSHED.keys() - {"reason"}

    def test_carries_no_null(self) -> None:
        assert "null" not in write_message(read_notification(pushed(context=None, related_object=None)))

    def test_distinguishes_the_two_kinds_of_messages(self) -> None:
        request = RefreshRequest(livemode=False, type="v2.billing.cadence", id="bc_1")
        assert isinstance(read_message(write_message(request)), RefreshRequest)
        assert isinstance(read_message(pushed()), Notification)

    @pytest.mark.parametrize("kind", ["event", "v2.core.events", "", None, 1])
    def test_refuses_a_message_of_no_kind(self, kind: Json) -> None:
        with pytest.raises(Unreadable):
            read_message(pushed(object=kind))

    def test_refuses_a_message_that_does_not_say_its_kind(self) -> None:
        with pytest.raises(Unreadable):
            read_message(without("object"))

    @pytest.mark.parametrize("name", ["livemode", "type", "id"])
    def test_names_the_member_that_a_refresh_request_lacks(self, name: str) -> None:
        request = json.loads(write_message(RefreshRequest(livemode=False, type="t", id="i")))
        del request[name]
        with pytest.raises(Unreadable, match=rf"\b{name}: Field required"):
            read_message(json.dumps(request))
