"""What is read of the event that Stripe sends, and why another text is refused."""

from datetime import UTC, datetime

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.events.messages import (
    Notification,
    RelatedObject,
    Unreadable,
    read_message,
    read_notification,
    write_message,
)
from billing_mirror.core.json_body import Json

from .sent import PUSHED, SECRET, pushed, without


class TestReadingANotification:
    def test_keeps_what_is_needed(self) -> None:
        read = read_notification(pushed())
        assert read.id == PUSHED["id"]
        assert read.type == "v2.billing.rate_card_subscription.activated"
        assert read.created == datetime(2025, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
        assert read.livemode is True
        assert read.context == "acct_1/acct_2"
        assert read.related_object == RelatedObject(
            id="rcds_1",
            type="v2.billing.rate_card_subscription",
            url="/v2/billing/rate_card_subscriptions/rcds_1",
        )

    def test_unknown_members_are_ignored(self) -> None:
        more = pushed(changes={"before": {}}, tomorrow=[{"a": 1}])
        assert read_notification(more) == read_notification(pushed())

    @pytest.mark.parametrize(
        ("snapshot", "shared"),
        [
            ("evt_2", True),
            ("evt_" + "1" * 251, True),
            ("evt_" + "1" * 252, False),
            (None, False),
            ("../x", False),
            (7, False),
        ],
    )
    def test_thin_and_snapshot_events_of_one_change_share_an_identity(self, snapshot: Json, shared: bool) -> None:
        event = read_notification(pushed(snapshot_event=snapshot))
        assert event.identity == (snapshot if shared else PUSHED["id"])
        assert read_message(write_message(event)) == event

    @pytest.mark.parametrize("name", ["context", "related_object", "reason"])
    def test_null_and_absent_mean_the_same(self, name: str) -> None:
        assert read_notification(pushed(**{name: None})) == read_notification(without(name))

    def test_a_singleton_has_no_id(self) -> None:
        read = read_notification(pushed(related_object={"type": "balance_settings", "url": "/v1/balance_settings"}))
        assert read.related_object is not None
        assert read.related_object.id is None

    def test_a_type_may_have_brackets(self) -> None:
        name = "v2.core.account[configuration.customer].updated"
        assert read_notification(pushed(type=name)).type == name

    @pytest.mark.parametrize("name", ["id", "type", "created", "livemode"])
    def test_a_member_that_is_missing_is_named(self, name: str) -> None:
        with pytest.raises(Unreadable, match=rf"not an event: {name}: Field required"):
            read_notification(without(name))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("object", "events"),
            ("object", "billing_mirror.refresh"),
            ("object", None),
            ("id", ""),
            ("id", "evt_"),
            ("id", "evt_1\n"),
            ("id", "evt_1/../x"),
            ("id", "cus_1"),
            ("id", "evt_" + "1" * 255),
            ("id", 1),
            ("type", ""),
            ("type", "a b"),
            ("type", "a\n"),
            ("type", "a#b"),
            ("type", "a" * 256),
            ("created", 1735689600),
            ("created", "2025-01-01"),
            ("created", "2025-01-01T00:00:00"),
            ("created", "yesterday"),
            ("created", None),
            ("livemode", "true"),
            ("livemode", 1),
            ("livemode", None),
            ("context", 1),
            ("context", "a" * 1001),
            ("related_object", "rcds_1"),
            ("related_object", []),
        ],
    )
    def test_a_malformed_member_is_named(self, name: str, value: Json) -> None:
        with pytest.raises(Unreadable, match=rf"^not an event: {name}: "):
            read_notification(pushed(**{name: value}))

    @pytest.mark.parametrize(
        ("related", "path"),
        [
            ({"id": "x", "type": "t"}, "related_object.url"),
            ({"id": "x", "url": "/v1/x"}, "related_object.type"),
            ({"id": 1, "type": "t", "url": "/v1/x"}, "related_object.id"),
            ({"id": "x" * 5001, "type": "t", "url": "/v1/x"}, "related_object.id"),
            ({"id": "x", "type": "t", "url": "/" * 65_001}, "related_object.url"),
            ({"id": "x", "type": "t t", "url": "/v1/x"}, "related_object.type"),
        ],
    )
    def test_a_malformed_member_of_the_related_object_is_named_by_its_path(
        self, related: dict[str, Json], path: str
    ) -> None:
        with pytest.raises(Unreadable, match=f"^not an event: {path}: "):
            read_notification(pushed(related_object=related))

    @pytest.mark.parametrize(
        "text", ["", "x", "null", "[]", '"evt_1"', "1", "{", "{}", "[" * 50_000, '{"a":' * 50_000, "\ufeff{}"]
    )
    def test_any_other_text_is_unreadable(self, text: str) -> None:
        for read in (read_notification, read_message):
            with pytest.raises(Unreadable, match=r"^not an event"):
                read(text)

    def test_half_a_surrogate_pair_is_unreadable(self) -> None:
        with pytest.raises(Unreadable):
            read_notification(pushed(context="acct_X").replace("acct_X", "\\ud800"))

    @pytest.mark.parametrize("name", ["object", "id", "type", "created", "livemode", "context", "related_object"])
    def test_the_reason_never_quotes_a_value(self, name: str) -> None:
        value = f"{SECRET} {SECRET * 100}"
        with pytest.raises(Unreadable) as unreadable:
            read_notification(pushed(**{name: value}))
        assert SECRET not in str(unreadable.value)
        assert unreadable.value.__cause__ is None


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_notification(pushed()).livemode = False  # type: ignore[misc]


def test_the_reason_never_quotes_the_kind() -> None:
    with pytest.raises(Unreadable) as raised:
        read_message('{"object": "hunter2"}')
    assert "hunter2" not in str(raised.value)


def test_an_event_must_say_what_it_is() -> None:
    with pytest.raises(Unreadable):
        read_notification('{"id":"evt_1","type":"a","created":"2025-01-01T00:00:00Z","livemode":true}')


class TestCreates:
    @pytest.mark.parametrize(
        ("event_type", "type_name"),
        [
            ("v2.billing.rate_card_rate.created", "v2.billing.rate_card_rate"),
            ("v2.billing.rate_card.rate.created", "v2.billing.rate_card_rate"),
            ("v1.invoice.created", "invoice"),
        ],
    )
    def test_an_object_whose_id_stripe_makes(self, event_type: str, type_name: str) -> None:
        assert notification(event_type).creates(TYPES[type_name])

    @pytest.mark.parametrize(
        ("event_type", "type_name"),
        [
            ("v1.invoice.updated", "invoice"),
            ("v1.invoice.created", "quote"),
            ("v1.customer.discount.created", "customer"),
            ("v1.product.created", "product"),
            ("v1.cash_balance.created", "cash_balance"),
        ],
        ids=["no creation", "another object", "a part of it", "its id may have been used before", "it has no id"],
    )
    def test_no_other(self, event_type: str, type_name: str) -> None:
        assert not notification(event_type).creates(TYPES[type_name])


def notification(event_type: str) -> Notification:
    return read_notification(pushed(type=event_type))
