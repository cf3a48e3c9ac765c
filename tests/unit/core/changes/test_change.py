"""A change is what one write of the mirror has changed, and nothing that a write has not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.core import json_body
from billing_mirror.core.changes.change import Change, ChangeKind, change_between, detail, is_erasure
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.table.items import Item
from docs.change_schema import validated
from tests.doubles.changes import live, removed
from tests.doubles.samples import subscription, version

ACTIVE = subscription()
PAST_DUE = subscription(collection_status="past_due")


def between(before: Item | None, after: Item) -> Change | None:
    return change_between(stored_object(before) if before is not None else None, stored_object(after))


def change(before: Item | None, after: Item) -> Change:
    found = between(before, after)
    assert found is not None
    return found


def test_a_first_write_is_a_creation_that_holds_the_whole_body() -> None:
    shown = detail(change(None, live(ACTIVE)))
    assert change(None, live(ACTIVE)).detail_type == "v2.billing.rate_card_subscription.created"
    assert (shown["before"], shown["previous_digest"], shown["complete"]) == (None, None, True)
    assert shown["changed"] == [{"path": "", "after": ACTIVE}]


def test_a_backfilled_object_is_created_too() -> None:
    """Under token 0: a list shows it, and the mirror has never held it."""
    assert change(None, live(ACTIVE, 0)).kind is ChangeKind.CREATED


def test_an_update_shows_its_columns_and_edits_before_and_after() -> None:
    made = change(live(ACTIVE, 1), live(PAST_DUE, 3, event="evt_1"))
    shown = detail(made)
    assert made.detail_type == "v2.billing.rate_card_subscription.updated"
    assert (shown["id"], shown["type"], shown["scope"]) == ("rcds_1", "v2.billing.rate_card_subscription", "test")
    assert (shown["customer"], shown["parent"], shown["token"]) == ("cus_1", "rcd_1", 3)
    columns = {"customer": "cus_1", "parent": "rcd_1", "status": "active"}
    assert shown["before"] == {**columns, "collection_status": "current"}
    assert shown["after"] == {**columns, "collection_status": "past_due"}
    assert shown["changed_columns"] == ["collection_status"]
    assert shown["changed"] == [{"path": "/collection_status", "before": "current", "after": "past_due"}]
    assert (shown["last_event_id"], shown["announced"]) == ("evt_1", True)


def test_a_write_that_changed_nothing_makes_no_change() -> None:
    assert between(live(ACTIVE, 1), live({**ACTIVE}, 2)) is None
    assert between(live({**ACTIVE, "n": 1}, 1), live({**ACTIVE, "n": Decimal("1.0"), "m": None}, 2)) is None


def test_a_new_event_alone_is_no_change() -> None:
    assert between(live(ACTIVE, 1, event="evt_1"), live(ACTIVE, 2, event="evt_2")) is None


def test_another_customer_is_a_change_although_the_body_is_the_same() -> None:
    made = change(live(ACTIVE, 1), live(ACTIVE, 2, customer="cus_2"))
    assert made.changed_columns == ["customer"]
    assert detail(made)["changed"] == []


def test_lists_that_belong_to_an_object_are_whole_in_each_change() -> None:
    kind = "v2.billing.rate_card_rate"
    before = live(version(), 1, member_lists={kind: ({"id": "rcdr_1"}, {"id": "rcdr_2"})})
    after = live(version(), 2, member_lists={kind: ({"id": "rcdr_1"},)})
    assert detail(change(before, after))["members"] == {kind: ["rcdr_1"]}


def test_a_removal_keeps_the_customer_and_has_no_edits() -> None:
    held = live(ACTIVE, 1)
    made = change(held, removed(held, 2))
    shown = detail(made)
    assert made.kind is ChangeKind.REMOVED
    assert (shown["customer"], shown["changed"], shown["complete"]) == ("cus_1", [], True)
    assert shown["after"] == dict.fromkeys(("customer", "parent", "status", "collection_status"))


def test_a_tombstone_of_an_object_that_was_never_mirrored_is_a_removal() -> None:
    assert change(None, removed(live(ACTIVE), 2)).kind is ChangeKind.REMOVED


def test_a_tombstone_over_a_tombstone_is_no_change() -> None:
    deleted = removed(live(ACTIVE, 1), 2)
    assert between(deleted, {**deleted, "token": 3}) is None


def test_a_revived_object_is_restored_with_its_whole_body() -> None:
    made = change(removed(live(ACTIVE, 1), 2), live(PAST_DUE, 3))
    assert made.kind is ChangeKind.RESTORED
    assert detail(made)["changed"] == [{"path": "", "after": PAST_DUE}]


def test_a_marker_is_no_object() -> None:
    about: Item = {
        "id": "di_1",
        "type": "discount",
        "scope": "test",
        "fetched_at": "2026-01-01T00:00:00.000Z",
        "token": 1,
    }
    assert between(None, about) is None


def test_what_a_hand_writes_under_the_same_token_is_no_change() -> None:
    assert between(live(ACTIVE, 1), live(PAST_DUE, 1)) is None


def test_edits_do_not_start_from_what_a_hand_has_written() -> None:
    """Consumers have never seen it."""
    by_hand = {**live(ACTIVE, 1), "data": {**ACTIVE, "by_hand": True}}
    assert detail(change(by_hand, live(ACTIVE, 2)))["changed"] == [{"path": "", "after": ACTIVE}]


def test_erased_bodies_and_emptied_items_are_no_change_and_no_error() -> None:
    deleted = removed(live(ACTIVE, 1), 2)
    erased = {name: value for name, value in deleted.items() if name not in ("data", "digest")} | {"erased_at": "now"}
    assert between(deleted, erased) is None
    assert is_erasure(stored_object(deleted), stored_object(erased))
    assert not is_erasure(stored_object(erased), stored_object({**erased, "token": 3}))
    assert change(erased, live(ACTIVE, 3)).kind is ChangeKind.RESTORED


def test_a_body_that_is_not_in_the_item_is_named_by_its_digest() -> None:
    """It is in chunks, which no record of the stream holds."""
    before = {name: value for name, value in live(ACTIVE, 1).items() if name != "data"}
    after = {name: value for name, value in live(PAST_DUE, 2).items() if name != "data"}
    shown = detail(change(before, after))
    assert (shown["complete"], shown["changed"]) == (False, [])
    assert shown["digest"] == json_body.digest(PAST_DUE)
    assert shown["changed_columns"] == ["collection_status"]
    assert between(before, {**before, "token": 2}) is None


def test_a_change_is_bounded_and_says_where_the_rest_is_missing() -> None:
    long: JsonObject = {**ACTIVE, "metadata": {f"key_{number}": "x" * 500 for number in range(200)}}
    shown = detail(change(live(ACTIVE, 1), live(long, 2)))
    assert len(json_body.write(shown)) < 64 * 1024
    assert shown["complete"] is False
    assert {"path": "/metadata", "omitted": True} in shown["changed"]  # type: ignore[operator]


@pytest.mark.parametrize("event", ["", "evt_1"])
def test_the_moment_is_that_of_the_event_where_one_announced_the_change(event: str) -> None:
    made = change(live(ACTIVE, 1), live(PAST_DUE, 2, event=event))
    assert made.at == ("2023-11-14T22:15:15.000Z" if event else "2023-11-14T22:15:20.000Z")


def test_an_event_that_the_state_before_knew_announces_nothing() -> None:
    known = live(ACTIVE, 1, event="evt_1")
    again = live(PAST_DUE, 2) | {name: known[name] for name in ("last_event_at", "last_event_id")}
    assert change(known, again).event is None


@pytest.mark.parametrize(("created_at", "announces"), [("22:14:19", False), ("22:14:20", True), ("22:14:59", True)])
def test_an_event_that_came_late_announces_nothing_that_followed(created_at: str, announces: bool) -> None:
    """The state before was fetched at 22:14:20, so it shows what an event of 22:14:19 announced."""
    late = live(PAST_DUE, 2) | {"last_event_at": f"2023-11-14T{created_at}.000Z", "last_event_id": "evt_1"}
    made = change(live(ACTIVE, 1), late)
    assert (made.event is not None) is announces
    assert announces or made.at == "2023-11-14T22:15:20.000Z"


BODIES = st.fixed_dictionaries(
    {"status": st.sampled_from(["active", "paused"])},
    optional={"n": st.integers(), "metadata": st.dictionaries(st.text("ab", max_size=1), st.text(max_size=3))},
)


@given(st.none() | BODIES, BODIES, st.booleans(), st.booleans())
def test_every_change_is_as_the_published_schema_says(
    before: JsonObject | None, after: JsonObject, was_removed: bool, is_removed: bool
) -> None:
    held = live({**ACTIVE, **before}, 1) if before is not None else None
    held = removed(held, 2) if held is not None and was_removed else held
    written = live({**ACTIVE, **after}, 3)
    made = between(held, removed(written, 4) if is_removed else written)
    if made is not None:
        shown = json_body.parse(json_body.write(detail(made)))
        assert json_body.canonical(validated(shown)) == json_body.canonical(shown)
