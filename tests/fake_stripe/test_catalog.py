"""The rows of the object types, judged by the classes of the SDK."""

import pytest
from stripe._object_classes import get_object_class
from stripe.events import _event_classes

from dev.fake_stripe.client import StandIn
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import ObjectType
from dev.fake_stripe.types.v1_customers import DISCOUNT, SUMMARY
from tests.fake_stripe.makers import MAKERS, make
from tests.fake_stripe.scene import Wire

V1 = [row for row in (*OBJECT_TYPES.values(), DISCOUNT) if row.is_v1]
NOTIFICATIONS = {
    name: _event_classes.get_v2_event_notification_class(name)
    for name in _event_classes._V2_EVENT_NOTIFICATION_CLASS_LOOKUP
}
NAMES = [name for name, row in OBJECT_TYPES.items() if row is not SUMMARY]


@pytest.mark.parametrize("row", [row for row in V1 if row not in (DISCOUNT, SUMMARY)], ids=lambda row: row.name)
def test_a_v1_object_has_the_fields_of_its_class(row: ObjectType) -> None:
    annotated = set(get_object_class("V1", row.name).__annotations__) - {"OBJECT_NAME", "deleted"}
    own = {"object", "livemode", row.created, row.parent, *(() if row.is_singleton else ("id",))} - {""}
    own |= {path for path in row.expandable if "." not in path}
    own |= {*row.defaults, *row.required, *row.times_at_birth}
    assert own | {"lookup_key"} == annotated | {"lookup_key"}


@pytest.mark.parametrize("row", V1, ids=lambda row: row.name)
def test_a_v1_object_has_the_events_that_the_sdk_knows(row: ObjectType) -> None:
    known = {
        name.removeprefix(row.event_prefix)
        for name, each in NOTIFICATIONS.items()
        if name.startswith(row.event_prefix) and row.related == hasattr(each, "fetch_related_object")
    }
    assert row.events == {name for name in known if "." not in name}


@pytest.mark.parametrize("name", NAMES)
def test_every_type_can_be_made_read_and_listed(stand_in: StandIn, wire: Wire, name: str) -> None:
    made = make(stand_in, name)
    row = OBJECT_TYPES[name]
    (truth,) = [each for each in stand_in.objects(name) if each["id"] == made.get("id", each["id"])]
    reply = wire.get(truth["path"])
    assert (reply.status, reply.body) == (200, made)
    assert made["object"] == name
    if not row.is_singleton:
        path = truth["path"].rpartition("/")[0]
        needs = {each.name for each in row.filters if each.required} | {row.list_needs_parent} - {""}
        customer = stand_in.objects("customer")[0]["id"] if needs else ""
        listed = wire.get(f"{path}?customer={customer}" if needs else path)
        assert listed.status == (200 if row.listed else 404)
        assert not row.listed or made["id"] in [each["id"] for each in listed.body["data"]]


@pytest.mark.parametrize("name", NAMES)
def test_only_types_with_events_tell_of_their_birth(stand_in: StandIn, name: str) -> None:
    make(stand_in, name)
    row = OBJECT_TYPES[name]
    told = [each["type"].removeprefix(row.event_prefix) for each in stand_in.events()]
    if "created" in row.events:
        assert "created" in told
    if not row.events:
        assert not [each for each in stand_in.events() if (each.get("related_object") or {}).get("type") == name]


def test_every_type_has_a_maker() -> None:
    assert {SUMMARY.name, *MAKERS} == set(OBJECT_TYPES)
