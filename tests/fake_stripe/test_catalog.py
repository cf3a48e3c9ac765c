"""The object types agree with the classes of the SDK."""

import pytest
from stripe._object_classes import get_object_class
from stripe.events import _event_classes

from dev.fake_stripe.client import StandIn
from dev.fake_stripe.types.catalog import OBJECT_TYPES
from dev.fake_stripe.types.object_types import ObjectType
from dev.fake_stripe.types.v1_customers import DISCOUNT, SUMMARY
from tests.fake_stripe.harness import Wire
from tests.fake_stripe.makers import MAKERS, make

V1 = [object_type for object_type in (*OBJECT_TYPES.values(), DISCOUNT) if object_type.is_v1]
NOTIFICATIONS = {
    name: _event_classes.get_v2_event_notification_class(name)
    for name in _event_classes._V2_EVENT_NOTIFICATION_CLASS_LOOKUP
}
NAMES = [name for name, object_type in OBJECT_TYPES.items() if object_type is not SUMMARY]


@pytest.mark.parametrize(
    "object_type",
    [object_type for object_type in V1 if object_type not in (DISCOUNT, SUMMARY)],
    ids=lambda object_type: object_type.name,
)
def test_a_v1_object_has_the_fields_of_its_class(object_type: ObjectType) -> None:
    annotated = set(get_object_class("V1", object_type.name).__annotations__) - {"OBJECT_NAME", "deleted"}
    own = {
        "object",
        "livemode",
        object_type.created,
        object_type.parent,
        *(() if object_type.is_singleton else ("id",)),
    } - {""}
    own |= {path for path in object_type.expandable if "." not in path}
    own |= {*object_type.defaults, *object_type.required, *object_type.times_at_creation}
    assert own | {"lookup_key"} == annotated | {"lookup_key"}


@pytest.mark.parametrize("object_type", V1, ids=lambda object_type: object_type.name)
def test_a_v1_object_has_the_events_that_the_sdk_knows(object_type: ObjectType) -> None:
    known = {
        name.removeprefix(object_type.event_prefix)
        for name, each in NOTIFICATIONS.items()
        if name.startswith(object_type.event_prefix) and object_type.related == hasattr(each, "fetch_related_object")
    }
    assert object_type.events == {name for name in known if "." not in name}


@pytest.mark.parametrize("name", NAMES)
def test_every_type_can_be_made_read_and_listed(stand_in: StandIn, wire: Wire, name: str) -> None:
    made = make(stand_in, name)
    object_type = OBJECT_TYPES[name]
    (truth,) = [each for each in stand_in.objects(name) if each["id"] == made.get("id", each["id"])]
    reply = wire.get(truth["path"])
    assert (reply.status, reply.body) == (200, made)
    assert made["object"] == name
    if not object_type.is_singleton:
        path = truth["path"].rpartition("/")[0]
        needs = {each.name for each in object_type.filters if each.required} | {object_type.list_needs_parent} - {""}
        customer = stand_in.objects("customer")[0]["id"] if needs else ""
        listed = wire.get(f"{path}?customer={customer}" if needs else path)
        assert listed.status == (200 if object_type.listed else 404)
        assert not object_type.listed or made["id"] in [each["id"] for each in listed.body["data"]]


@pytest.mark.parametrize("name", NAMES)
def test_only_types_with_events_have_events_at_creation(stand_in: StandIn, name: str) -> None:
    make(stand_in, name)
    object_type = OBJECT_TYPES[name]
    names = [each["type"].removeprefix(object_type.event_prefix) for each in stand_in.events()]
    if "created" in object_type.events:
        assert "created" in names
    if not object_type.events:
        assert not [each for each in stand_in.events() if (each.get("related_object") or {}).get("type") == name]


def test_every_type_has_a_maker() -> None:
    assert {SUMMARY.name, *MAKERS} == set(OBJECT_TYPES)
