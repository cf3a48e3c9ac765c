"""A snapshot is read as the thin event for the same change; its payload is neither kept nor quoted."""

import json
from datetime import UTC, datetime

import pytest

from billing_mirror.core.events.messages import (
    Notification,
    RelatedObject,
    Unreadable,
    read_message,
    read_notification,
    write_message,
)
from billing_mirror.core.events.related_object import ref_from_event
from billing_mirror.core.json_body import Json, JsonObject
from tests.doubles.samples import snapshot as snapshot_of

from .sent import SECRET, carrying, pushed, snapshot


def related(text: str) -> RelatedObject:
    found = read_notification(text).related_object
    assert found is not None
    return found


class TestASnapshot:
    def test_is_read_as_the_thin_event_for_the_same_change(self) -> None:
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
        ("fields", "context"),
        [
            ({}, None),
            ({"account": "acct_1"}, "acct_1"),
            ({"context": "acct_1/acct_2"}, "acct_1/acct_2"),
            ({"account": "acct_2", "context": "acct_1/acct_2"}, "acct_1/acct_2"),
            ({"account": "acct_1", "context": None}, "acct_1"),
        ],
    )
    def test_of_another_account_names_the_account(self, fields: dict[str, Json], context: str | None) -> None:
        assert read_notification(snapshot(**fields)).context == context

    def test_may_be_dated_by_a_test_clock_beyond_the_year_2038(self) -> None:
        assert read_notification(snapshot(created=2**31 + 1)).created.timestamp() == 2**31 + 1

    @pytest.mark.parametrize("odd", [None, 7, True, [], {}, {"id": "cus_1", "object": "customer"}])
    @pytest.mark.parametrize("name", ["id", "customer"])
    def test_with_an_odd_member_names_nothing_by_it(self, name: str, odd: Json) -> None:
        assert getattr(related(carrying(**{"id": "sub_1", name: odd})), name) is None

    @pytest.mark.parametrize("name", ["id", "customer"])
    def test_may_lack_the_members_that_not_every_object_has(self, name: str) -> None:
        assert getattr(related(carrying()), name) is None

    @pytest.mark.parametrize(
        ("text", "path"),
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
            (carrying(id="x" * 5001), "data.object.id"),
            (carrying(customer="x" * 5001), "data.object.customer"),
        ],
    )
    def test_with_a_malformed_member_is_refused_by_its_path(self, text: str, path: str) -> None:
        for read in (read_notification, read_message):
            with pytest.raises(Unreadable, match=f"^not an event: {path}: "):
                read(text)

    @pytest.mark.parametrize("data", [{"object": {"id": "x"}}, {"object": {}}, {"object": []}, {}, None, 7])
    @pytest.mark.parametrize("event_type", ["balance.available", "invoice.upcoming", "billing_portal.session.created"])
    def test_of_an_ignored_type_may_carry_anything(self, event_type: str, data: Json) -> None:
        text = snapshot(type=event_type, data=data)
        for read in (read_notification, read_message):
            found = read(text)
            assert isinstance(found, Notification)
            assert ref_from_event(found) is None
            assert read_message(write_message(found)) == found

    def test_of_an_ignored_type_may_carry_nothing(self) -> None:
        fields = json.loads(snapshot(type="balance.available"))
        del fields["data"]
        assert read_notification(json.dumps(fields)).related_object is None

    def test_without_data_is_refused(self) -> None:
        fields = json.loads(snapshot())
        del fields["data"]
        with pytest.raises(Unreadable, match=r"^not an event: data: "):
            read_notification(json.dumps(fields))

    def test_with_the_longest_type_survives_the_queue(self) -> None:
        read = read_notification(snapshot(type="a" * 250))
        assert read_message(write_message(read)) == read

    @pytest.mark.parametrize("name", ["id", "type", "created", "livemode", "account", "context"])
    def test_is_never_quoted(self, name: str) -> None:
        with pytest.raises(Unreadable) as unreadable:
            read_notification(snapshot(**{name: f"{SECRET} {SECRET * 500}"}))
        assert SECRET not in str(unreadable.value)

    @pytest.mark.parametrize("name", ["id", "object", "customer"])
    def test_is_never_quoted_from_its_object_either(self, name: str) -> None:
        with pytest.raises(Unreadable) as unreadable:
            read_notification(carrying(**{name: f"{SECRET} {SECRET * 500}"}))
        assert SECRET not in str(unreadable.value)
        assert unreadable.value.__cause__ is None

    def test_is_what_a_thin_event_cannot_be_taken_for(self) -> None:
        with pytest.raises(Unreadable, match=r"^not an event: created: "):
            read_notification(pushed(object="event"))
        with pytest.raises(Unreadable, match=r"^not an event: created: "):
            read_notification(snapshot(object="v2.core.event"))


@pytest.mark.parametrize("alert", ["alrt_1", {"id": "alrt_1", "object": "billing.alert", "title": "x"}])
def test_an_object_inside_another_one_is_what_the_event_is_about(alert: Json) -> None:
    shown: JsonObject = {"object": "billing.alert_triggered", "alert": alert, "customer": "cus_1", "value": 7}
    found = read_notification(snapshot_of("billing.alert.triggered", shown))
    assert found.related_object == RelatedObject(id="alrt_1", type="billing.alert")


@pytest.mark.parametrize("alert", [None, 7, [], {}])
def test_an_object_that_should_hold_another_one_and_does_not_is_unreadable(alert: Json) -> None:
    shown: JsonObject = {"object": "billing.alert_triggered", "alert": alert}
    with pytest.raises(Unreadable):
        read_notification(snapshot_of("billing.alert.triggered", shown))
