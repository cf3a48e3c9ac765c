"""What Stripe sends, reduced to what is needed, and what travels on the queue."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.body import Json
from billing_mirror.core.notification import (
    Message,
    Notification,
    RelatedObject,
    Suspicion,
    Unreadable,
    read_message,
    read_notification,
    write_message,
)

SECRET = "hunter2hunter2"

PUSHED: dict[str, Json] = {
    "id": "evt_65SKkWu5OkQpDEMaiRW16RuKJoESSQUtPVJKIgeI4D2O4u",
    "object": "v2.core.event",
    "type": "v2.billing.rate_card_subscription.activated",
    "created": "2025-01-01T00:00:00.123Z",
    "livemode": True,
    "context": "acct_1/acct_2",
    "reason": {"type": "request", "request": {"id": "req_1", "idempotency_key": "key"}},
    "related_object": {
        "id": "rcds_1",
        "type": "v2.billing.rate_card_subscription",
        "url": "/v2/billing/rate_card_subscriptions/rcds_1",
    },
}

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
SUSPICIONS = st.builds(
    Suspicion,
    livemode=st.booleans(),
    context=st.none() | TEXTS,
    type=NAMES,
    id=TEXTS,
    parent=st.none() | TEXTS,
)


def pushed(**changes: Json) -> str:
    return json.dumps(PUSHED | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in PUSHED.items() if key != name})


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

    def test_members_that_nobody_knows_yet_are_no_reason_to_refuse(self) -> None:
        more = pushed(changes={"before": {}}, snapshot_event="evt_2", tomorrow=[{"a": 1}])
        assert read_notification(more) == read_notification(pushed())

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
            ("object", "billing_mirror.suspicion"),
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
        ("related", "place"),
        [
            ({"id": "x", "type": "t"}, "related_object.url"),
            ({"id": "x", "url": "/v1/x"}, "related_object.type"),
            ({"id": 1, "type": "t", "url": "/v1/x"}, "related_object.id"),
            ({"id": "x" * 256, "type": "t", "url": "/v1/x"}, "related_object.id"),
            ({"id": "x", "type": "t", "url": "/" * 2001}, "related_object.url"),
            ({"id": "x", "type": "t t", "url": "/v1/x"}, "related_object.type"),
        ],
    )
    def test_a_malformed_member_of_the_related_object_is_named_with_its_place(
        self, related: dict[str, Json], place: str
    ) -> None:
        with pytest.raises(Unreadable, match=f"^not an event: {place}: "):
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


class TestTheQueue:
    @given(NOTIFICATIONS | SUSPICIONS)
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

    def test_tells_the_two_kinds_of_messages_apart(self) -> None:
        suspicion = Suspicion(livemode=False, type="v2.billing.cadence", id="bc_1")
        assert isinstance(read_message(write_message(suspicion)), Suspicion)
        assert isinstance(read_message(pushed()), Notification)

    @pytest.mark.parametrize("kind", ["event", "v2.core.events", "", None, 1])
    def test_refuses_a_message_of_no_kind(self, kind: Json) -> None:
        with pytest.raises(Unreadable):
            read_message(pushed(object=kind))

    def test_refuses_a_message_that_does_not_say_its_kind(self) -> None:
        with pytest.raises(Unreadable):
            read_message(without("object"))

    @pytest.mark.parametrize("name", ["livemode", "type", "id"])
    def test_names_what_a_suspicion_lacks(self, name: str) -> None:
        suspicion = json.loads(write_message(Suspicion(livemode=False, type="t", id="i")))
        del suspicion[name]
        with pytest.raises(Unreadable, match=rf"\b{name}: Field required"):
            read_message(json.dumps(suspicion))


SNAPSHOT: dict[str, Json] = {
    "id": "evt_1TJG9LHcsXioUXdhRsSoWUzy",
    "object": "event",
    "api_version": "2026-01-01.ga",
    "created": 1735689600,
    "data": {
        "object": {"id": "sub_1", "object": "subscription", "customer": "cus_1", "note": SECRET},
        "previous_attributes": {"note": SECRET},
    },
    "livemode": True,
    "pending_webhooks": 1,
    "request": {"id": "req_1", "idempotency_key": SECRET},
    "type": "customer.subscription.updated",
}


def snapshot(**changes: Json) -> str:
    return json.dumps(SNAPSHOT | changes)


def carrying(**members: Json) -> str:
    """A snapshot of an object with these members."""
    return snapshot(data={"object": {"object": "subscription", **members}})


def related(text: str) -> RelatedObject:
    found = read_notification(text).related_object
    assert found is not None
    return found


class TestASnapshot:
    def test_is_read_as_the_thin_event_that_tells_the_same(self) -> None:
        assert read_notification(snapshot()) == Notification(
            id="evt_1TJG9LHcsXioUXdhRsSoWUzy",
            type="v1.customer.subscription.updated",
            created=datetime(2025, 1, 1, tzinfo=UTC),
            livemode=True,
            related_object=RelatedObject(id="sub_1", type="subscription", customer="cus_1"),
        )

    def test_is_read_alike_from_a_request_and_from_the_queue(self) -> None:
        assert read_message(snapshot()) == read_notification(snapshot())

    def test_is_a_signal_and_its_payload_is_never_kept(self) -> None:
        carried = write_message(read_notification(snapshot()))
        assert SECRET not in carried
        assert read_message(carried) == read_notification(snapshot())

    @pytest.mark.parametrize(
        ("told", "context"),
        [
            ({}, None),
            ({"account": "acct_1"}, "acct_1"),
            ({"context": "acct_1/acct_2"}, "acct_1/acct_2"),
            ({"account": "acct_2", "context": "acct_1/acct_2"}, "acct_1/acct_2"),
            ({"account": "acct_1", "context": None}, "acct_1"),
        ],
    )
    def test_of_another_account_says_whose_it_is(self, told: dict[str, Json], context: str | None) -> None:
        assert read_notification(snapshot(**told)).context == context

    @pytest.mark.parametrize("odd", [None, 7, True, [], {}, {"id": "cus_1", "object": "customer"}])
    @pytest.mark.parametrize("name", ["id", "customer"])
    def test_with_an_odd_member_names_nothing_by_it(self, name: str, odd: Json) -> None:
        assert getattr(related(carrying(**{"id": "sub_1", name: odd})), name) is None

    @pytest.mark.parametrize("name", ["id", "customer"])
    def test_may_lack_the_members_that_not_every_object_has(self, name: str) -> None:
        assert getattr(related(carrying()), name) is None

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            (snapshot(id="cus_1"), "id"),
            (snapshot(id="evt_1/.."), "id"),
            (snapshot(type="a b"), "type"),
            (snapshot(type="a" * 251), "type"),
            (snapshot(created="2025-01-01T00:00:00Z"), "created"),
            (snapshot(created=-1), "created"),
            (snapshot(created=10**12), "created"),
            (snapshot(created=7).replace(": 7,", ": 7.5,"), "created"),
            (snapshot(created=True), "created"),
            (snapshot(livemode=None), "livemode"),
            (snapshot(account="a" * 1001), "account"),
            (snapshot(data=None), "data"),
            (snapshot(data={}), "data.object"),
            (snapshot(data={"object": []}), "data.object"),
            (snapshot(data={"object": {}}), "data.object.object"),
            (carrying(object="a b"), "data.object.object"),
            (carrying(object=None), "data.object.object"),
            (carrying(id="x" * 256), "data.object.id"),
            (carrying(customer="x" * 256), "data.object.customer"),
        ],
    )
    def test_with_a_malformed_member_is_refused_with_its_place(self, text: str, place: str) -> None:
        for read in (read_notification, read_message):
            with pytest.raises(Unreadable, match=f"^not an event: {place}: "):
                read(text)

    def test_with_the_longest_type_survives_the_queue(self) -> None:
        read = read_notification(snapshot(type="a" * 250))
        assert read_message(write_message(read)) == read

    @pytest.mark.parametrize("name", ["id", "type", "created", "livemode", "account", "context"])
    def test_is_never_quoted(self, name: str) -> None:
        with pytest.raises(Unreadable) as unreadable:
            read_notification(snapshot(**{name: f"{SECRET} {SECRET * 100}"}))
        assert SECRET not in str(unreadable.value)

    @pytest.mark.parametrize("name", ["id", "object", "customer"])
    def test_is_never_quoted_from_its_object_either(self, name: str) -> None:
        with pytest.raises(Unreadable) as unreadable:
            read_notification(carrying(**{name: f"{SECRET} {SECRET * 100}"}))
        assert SECRET not in str(unreadable.value)
        assert unreadable.value.__cause__ is None

    def test_is_what_a_thin_event_cannot_be_taken_for(self) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: created: "):
            read_notification(pushed(object="event"))
        with pytest.raises(Unreadable, match=r"^not an event: created: "):
            read_notification(snapshot(object="v2.core.event"))


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

    def test_brings_no_suspicion_in(self) -> None:
        suspicion = write_message(Suspicion(livemode=False, type="v2.billing.cadence", id="bc_1"))
        with pytest.raises(Unreadable, match="none that is known"):
            read_message(enveloped(suspicion))

    def test_in_an_envelope_is_refused(self) -> None:
        with pytest.raises(Unreadable):
            read_message(enveloped(enveloped(pushed())))

    @pytest.mark.parametrize("detail", [None, [], "x", {}, {"object": SECRET}])
    def test_of_something_else_is_refused(self, detail: Json) -> None:
        with pytest.raises(Unreadable, match=r"^not an event") as unreadable:
            read_message(enveloped(json.dumps(detail)))
        assert SECRET not in str(unreadable.value)

    @pytest.mark.parametrize(
        ("event", "place"),
        [
            (pushed(created=SECRET), "created"),
            (pushed(related_object={"type": f"{SECRET} {SECRET}", "url": "/v1/x"}), "related_object.type"),
            (pushed(related_object={"type": "t", "id": "x"}), "related_object.url"),
            (snapshot(created=SECRET), "created"),
            (carrying(object=f"{SECRET} {SECRET}"), "data.object.object"),
            (carrying(id=SECRET * 100), "data.object.id"),
        ],
    )
    def test_names_the_place_in_the_event_and_never_quotes_it(self, event: str, place: str) -> None:
        with pytest.raises(Unreadable, match=f"^not an event: (detail\\.)?{place}: ") as unreadable:
            read_message(enveloped(event))
        assert SECRET not in str(unreadable.value)
        assert unreadable.value.__cause__ is None

    def test_that_says_what_it_is_of_itself_is_judged_by_that(self) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: "):
            read_message(enveloped(pushed(), object="v2.core.event"))


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
