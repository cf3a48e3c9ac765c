"""The contract of the mirror."""

import asyncio
import random
import zlib
from decimal import Decimal

import pytest

from billing_mirror.core import times
from billing_mirror.core.errors import UnstorableObject
from billing_mirror.core.json_body import JsonObject, digest
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.core.table.mirror_state import NO_EVENTS, UNCLAIMED_TOKEN, AlreadyClaimed, Claim, LastEvents
from billing_mirror.core.table.stored import wrong_columns
from billing_mirror.ports import IndexEntry, Mirror
from tests.doubles.samples import noise, subscription

TEST = Scope(livemode=False)
LIVE = Scope(livemode=True)
TYPE = "v2.billing.rate_card_subscription"
NOW = 1_700_000_000.25


def ref(identifier: str = "rcds_1", scope: Scope = TEST) -> ObjectRef:
    return ref_to(scope, TYPE, identifier)


def observation(body: JsonObject | None = None) -> Observation:
    return Observation(NOW, "2026-01-01.preview", "req_1", body, digest(body) if body else "")


def item(one: ObjectRef, **fields: str) -> Item:
    return items.item(one, observation(subscription(one.id, **fields)), "cus_1")


def tombstone(one: ObjectRef) -> Item:
    return items.tombstone(observation(), one)


async def listed(
    mirror: Mirror, scope: Scope = TEST, *, status: str | None = None, since: str | None = None
) -> list[IndexEntry]:
    return [one async for one in mirror.ids(scope, TYPE, status=status, since=since)]


async def ids(mirror: Mirror, scope: Scope = TEST, *, status: str | None = None, since: str | None = None) -> set[str]:
    return {one.id for one in await listed(mirror, scope, status=status, since=since)}


async def children(mirror: Mirror, parent: str) -> set[str]:
    return {identifier async for identifier in mirror.children(TEST, parent, TYPE)}


async def test_each_claim_takes_the_next_number(mirror: Mirror) -> None:
    assert [(await mirror.claim(ref(), NOW))[0] for _ in range(3)] == [1, 2, 3]


async def test_objects_do_not_share_a_counter(mirror: Mirror) -> None:
    await mirror.claim(ref("rcds_1"), NOW)
    await mirror.claim(ref("rcds_1", LIVE), NOW)
    assert await mirror.claim(ref("rcds_2"), NOW) == (1, NO_EVENTS)


async def test_a_claim_keeps_its_time(mirror: Mirror) -> None:
    await mirror.claim(ref(), NOW - 100)
    await mirror.claim(ref(), NOW)
    assert await mirror.claims([ref(), ref("rcds_2")]) == {ref().key: Claim(2, NOW)}


async def test_a_raised_counter_keeps_the_time_of_its_claim(mirror: Mirror) -> None:
    await mirror.claim(ref(), NOW)
    await mirror.raise_counter(ref(), 7)
    assert await mirror.claims([ref()]) == {ref().key: Claim(7, NOW)}
    assert await mirror.claim(ref(), NOW + 1) == (8, NO_EVENTS)


async def test_a_lost_counter_can_be_raised(mirror: Mirror) -> None:
    await mirror.raise_counter(ref(), 7)
    assert await mirror.claims([ref()]) == {ref().key: Claim(7, 0.0)}


@pytest.mark.parametrize("least", [1, 2])
async def test_a_counter_is_never_lowered(mirror: Mirror, least: int) -> None:
    await mirror.claim(ref(), NOW)
    await mirror.claim(ref(), NOW)
    await mirror.raise_counter(ref(), least)
    assert await mirror.claims([ref()]) == {ref().key: Claim(2, NOW)}


async def test_a_released_claim_has_no_time_and_keeps_its_number(mirror: Mirror) -> None:
    await mirror.claim(ref(), NOW)
    await mirror.release_claim(ref(), 1)
    assert await mirror.claims([ref()]) == {ref().key: Claim(1, 0.0)}
    assert await mirror.claim(ref(), NOW) == (2, NO_EVENTS)


async def test_a_claim_returns_the_newest_events_of_the_five_claims_before_it_that_had_any(mirror: Mirror) -> None:
    names = [f"evt_{number}" for number in range(6)]
    for name in names:
        await mirror.claim(ref(), NOW, LastEvents(NOW, (name,)))
        await mirror.claim(ref(), NOW)
    (_, kept) = await mirror.claim(ref(), NOW)
    assert (kept.last_event_at, sorted(kept.last_event_ids)) == (NOW, names[1:])
    await mirror.claim(ref(), NOW, LastEvents(NOW + 60, ("evt_newer",)))
    assert await mirror.claim(ref(), NOW) == (15, LastEvents(NOW + 60, ("evt_newer",)))


async def test_a_claim_returns_the_events_of_the_newest_claim_before_it_that_had_any(mirror: Mirror) -> None:
    first, second = LastEvents(NOW - 5, ("evt_1", "evt_2")), LastEvents(NOW, ("evt_3",))
    assert await mirror.claim(ref(), NOW, first) == (1, NO_EVENTS)
    assert await mirror.claim(ref(), NOW) == (2, first)
    assert await mirror.claim(ref(), NOW, second) == (3, first)
    (found, other) = await mirror.claim(ref(), NOW)
    assert (found, other.last_event_at, other.last_event_ids[:1]) == (4, NOW, ("evt_3",))


class TestAClaimUnlessOneFollowsItsEvents:
    FIRST = LastEvents(NOW, ("evt_1",))

    async def refuses(self, mirror: Mirror, events: LastEvents, *, since: float = NOW - 5) -> bool:
        """Whether a further claim is refused. What is refused takes no number."""
        [before] = (await mirror.claims([ref()])).values()
        try:
            token, _ = await mirror.claim(ref(), NOW + 1, events, unless_since=since)
        except AlreadyClaimed:
            assert await mirror.claims([ref()]) == {ref().key: before}
            return True
        assert token == before.claimed + 1
        return False

    async def test_is_the_first_one(self, mirror: Mirror) -> None:
        assert await mirror.claim(ref(), NOW, self.FIRST, unless_since=NOW - 5) == (1, NO_EVENTS)

    @pytest.mark.parametrize(
        ("events", "refused"),
        [
            pytest.param(FIRST, True, id="this very event"),
            pytest.param(LastEvents(NOW - 0.001, ("evt_0",)), True, id="an older one"),
            pytest.param(LastEvents(NOW, ("evt_2",)), False, id="another one of the moment"),
            pytest.param(LastEvents(NOW, ("evt_1", "evt_2")), False, id="this one and another one"),
            pytest.param(LastEvents(NOW + 0.001, ("evt_2",)), False, id="a newer one"),
            pytest.param(LastEvents(NOW - 60, tuple("abcde")), False, id="too many"),
            pytest.param(LastEvents(NOW - 60, tuple("abcd")), True, id="as many as are compared"),
            pytest.param(NO_EVENTS, False, id="none"),
        ],
    )
    async def test_is_refused_where_one_does(self, mirror: Mirror, events: LastEvents, *, refused: bool) -> None:
        await mirror.claim(ref(), NOW, self.FIRST)
        assert await self.refuses(mirror, events) is refused

    @pytest.mark.parametrize(("since", "refused"), [(NOW - 0.001, True), (NOW, False)])
    async def test_is_refused_where_that_one_is_recent(self, mirror: Mirror, since: float, *, refused: bool) -> None:
        await mirror.claim(ref(), NOW, self.FIRST)
        assert await self.refuses(mirror, self.FIRST, since=since) is refused

    async def test_is_taken_where_that_one_is_released(self, mirror: Mirror) -> None:
        await mirror.claim(ref(), NOW, self.FIRST)
        await mirror.release_claim(ref(), 1)
        assert not await self.refuses(mirror, self.FIRST)

    async def test_is_refused_where_the_last_five_follow_them_among_themselves(self, mirror: Mirror) -> None:
        moment = [LastEvents(NOW, (f"evt_{number}", f"evt_{number}_too")) for number in range(6)]
        for events in moment:
            await mirror.claim(ref(), NOW, events)
        assert await self.refuses(mirror, LastEvents(NOW, ("evt_5_too", "evt_1", "evt_3_too")))
        assert not await self.refuses(mirror, moment[0])

    async def test_is_always_taken_without_a_time(self, mirror: Mirror) -> None:
        await mirror.claim(ref(), NOW, self.FIRST)
        assert await mirror.claim(ref(), NOW, self.FIRST) == (2, self.FIRST)


@pytest.mark.parametrize("token", [1, 3])
async def test_only_the_last_claim_can_be_released(mirror: Mirror, token: int) -> None:
    await mirror.claim(ref(), NOW)
    await mirror.claim(ref(), NOW)
    await mirror.release_claim(ref(), token)
    assert await mirror.claims([ref()]) == {ref().key: Claim(2, NOW)}


async def test_a_release_without_a_claim_leaves_nothing(mirror: Mirror) -> None:
    await mirror.release_claim(ref(), 1)
    assert await mirror.claims([ref()]) == {}


async def test_claims_at_the_same_time_get_different_numbers(mirror: Mirror) -> None:
    taken = await asyncio.gather(*(mirror.claim(ref(), NOW) for _ in range(20)))
    assert sorted(token for token, _ in taken) == list(range(1, 21))


async def test_a_later_token_replaces_an_earlier_one(mirror: Mirror) -> None:
    assert await mirror.put(ref(), 1, item(ref()))
    assert await mirror.put(ref(), 3, item(ref(), servicing_status="paused"))
    assert await mirror.body(ref()) == subscription(servicing_status="paused")


async def test_many_objects_that_were_never_seen_are_inserted_at_once(mirror: Mirror) -> None:
    many = [ref(f"rcds_{number}") for number in range(60)]
    assert await mirror.insert({one: item(one) for one in many}) == set(many)
    heads = await mirror.heads(many)
    assert {heads[one.key].token for one in many} == {UNCLAIMED_TOKEN}
    for one in (many[0], many[-1]):
        assert await mirror.body(one) == subscription(one.id)
    assert await ids(mirror) == {one.id for one in many}
    assert await mirror.insert({}) == set()


async def test_what_is_there_is_not_inserted(mirror: Mirror) -> None:
    fetched, removed, listed_before, new = (ref(f"rcds_{name}") for name in ("fetched", "removed", "listed", "new"))
    await mirror.put(fetched, 1, item(fetched, servicing_status="paused"))
    await mirror.put_tombstone(removed, 1, tombstone(removed))
    await mirror.insert({listed_before: item(listed_before)})
    await mirror.claim(new, NOW)
    assert await mirror.insert({one: item(one) for one in (fetched, removed, listed_before, new)}) == {new}
    assert await mirror.body(fetched) == subscription(fetched.id, servicing_status="paused")
    assert (await mirror.heads([removed]))[removed.key].deleted


async def test_what_the_table_cannot_hold_does_not_keep_the_rest_from_being_inserted(mirror: Mirror) -> None:
    small, too_large = ref("rcds_small"), ref("rcds_large")
    beyond = {**item(too_large), "note": noise(500_000)}
    assert await mirror.insert({too_large: beyond, small: item(small)}) == {small}
    assert await mirror.heads([too_large]) == {}
    with pytest.raises(UnstorableObject):
        await mirror.put(too_large, UNCLAIMED_TOKEN, beyond)


async def test_a_body_of_several_items_is_inserted_by_a_put(mirror: Mirror) -> None:
    small, large = ref("rcds_small"), ref("rcds_large")
    whole = item(large, note=noise(700_000))
    inserted = await mirror.insert({large: whole, small: item(small)})
    assert small in inserted
    if large not in inserted:
        assert await mirror.put(large, UNCLAIMED_TOKEN, whole)
    assert await mirror.body(large) == subscription(large.id, note=noise(700_000))


@pytest.mark.parametrize("token", [1, 2])
async def test_an_earlier_or_equal_token_is_refused(mirror: Mirror, token: int) -> None:
    await mirror.put(ref(), 2, item(ref()))
    assert not await mirror.put(ref(), token, item(ref(), servicing_status="paused"))
    assert not await mirror.put_tombstone(ref(), token, tombstone(ref()))
    assert await mirror.body(ref()) == subscription()


async def test_of_many_writes_in_any_order_the_highest_token_stays(mirror: Mirror) -> None:
    tokens = random.Random(7).sample(range(1, 31), 30)
    await asyncio.gather(*(mirror.put(ref(), token, item(ref(), lookup_key=str(token))) for token in tokens))
    assert (await mirror.heads([ref()]))[ref().key].token == 30
    assert await mirror.body(ref()) == subscription(lookup_key="30")


async def test_a_head_has_the_freshness_fields(mirror: Mirror) -> None:
    one = item(ref())
    await mirror.put(ref(), 7, one)
    head = (await mirror.heads([ref(), ref("rcds_2")]))[ref().key]
    assert (head.token, head.fetched_at, head.digest, head.deleted) == (7, NOW, one["digest"], False)
    assert (head.customer, head.parent, head.stripe_version) == ("cus_1", "rcd_1", "2026-01-01.preview")


async def test_a_head_has_the_newest_event_before_its_fetch(mirror: Mirror) -> None:
    event: Item = {"last_event_at": times.iso(NOW), "last_event_id": "evt_1", "other_event_ids": ["evt_2"]}
    await mirror.put(ref(), 7, item(ref()) | event)
    await mirror.put(ref("rcds_2"), 7, item(ref("rcds_2")))
    heads = await mirror.heads([ref(), ref("rcds_2")])
    found = [heads[one.key] for one in (ref(), ref("rcds_2"))]
    assert [(one.last_event_at, one.last_event_ids) for one in found] == [(NOW, ("evt_1", "evt_2")), (0.0, ())]


async def test_what_was_never_seen_has_no_head(mirror: Mirror) -> None:
    assert await mirror.heads([ref()]) == {}


async def test_more_heads_than_one_request_takes(mirror: Mirror) -> None:
    create_many = [ref(f"rcds_{number}") for number in range(130)]
    for one in create_many:
        await mirror.put(one, 1, item(one))
    assert set(await mirror.heads(create_many)) == {one.key for one in create_many}
    assert await ids(mirror) == {one.id for one in create_many}


async def test_a_tombstone_keeps_the_last_body_and_leaves_every_list(mirror: Mirror) -> None:
    await mirror.put(ref(), 1, item(ref()))
    assert await mirror.put_tombstone(ref(), 2, tombstone(ref()))
    head = (await mirror.heads([ref()]))[ref().key]
    assert (head.token, head.deleted, head.customer, head.parent) == (2, True, None, None)
    assert await mirror.body(ref()) == subscription()
    assert await ids(mirror) == set()
    assert await children(mirror, "rcd_1") == set()


async def test_an_unknown_object_can_get_a_tombstone(mirror: Mirror) -> None:
    assert await mirror.put_tombstone(ref(), 1, tombstone(ref()))
    assert (await mirror.heads([ref()]))[ref().key].deleted
    assert await mirror.body(ref()) is None


async def test_only_a_later_token_revives_a_tombstone(mirror: Mirror) -> None:
    await mirror.put_tombstone(ref(), 2, tombstone(ref()))
    assert not await mirror.put(ref(), 1, item(ref()))
    assert await mirror.put(ref(), 3, item(ref()))
    assert not (await mirror.heads([ref()]))[ref().key].deleted
    assert await ids(mirror) == {"rcds_1"}


async def test_lists_are_kept_apart_by_scope_and_parent(mirror: Mirror) -> None:
    for one in (ref("rcds_1"), ref("rcds_2", LIVE)):
        await mirror.put(one, 1, item(one))
    other = ref("rcds_3")
    await mirror.put(other, 1, item(other, rate_card="rcd_2"))
    assert await ids(mirror) == {"rcds_1", "rcds_3"}
    assert await ids(mirror, LIVE) == {"rcds_2"}
    assert await children(mirror, "rcd_1") == {"rcds_1"}


async def test_the_objects_of_a_customer_are_kept_apart_by_scope_type_and_customer(mirror: Mirror) -> None:
    for one in (ref("rcds_1"), ref("rcds_2", LIVE)):
        await mirror.put(one, 1, item(one))
    other = ref("rcds_3")
    await mirror.put(other, 1, {**item(other), "customer": "cus_2"})

    async def found(customer: str, type_name: str) -> list[str]:
        return [one async for one in mirror.ids_of_customer(TEST, customer, type_name)]

    assert await found("cus_1", TYPE) == ["rcds_1"]
    assert await found("cus_2", TYPE) == ["rcds_3"]
    assert await found("cus_1", "v2.billing.pricing_plan_subscription") == []


async def test_ids_can_be_queried_by_status(mirror: Mirror) -> None:
    for identifier, status in (("rcds_1", "active"), ("rcds_2", "paused"), ("rcds_3", "active")):
        await mirror.put(ref(identifier), 1, item(ref(identifier), servicing_status=status))
    await mirror.put(ref("rcds_4", LIVE), 1, item(ref("rcds_4", LIVE)))
    assert await ids(mirror, status="active") == {"rcds_1", "rcds_3"}
    assert await ids(mirror, status="paused") == {"rcds_2"}
    assert await ids(mirror, status="canceled") == set()


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-01T00:00:00.000Z", {"rcds_1", "rcds_2", "rcds_3"}),
        ("2026-11-02T00:00:00.000Z", {"rcds_2", "rcds_3"}),
        ("2026-11-02T00:00:00.001Z", {"rcds_3"}),
        ("2026-11-03T00:00:00.001Z", set()),
    ],
)
async def test_ids_of_what_was_created_since_a_moment(mirror: Mirror, since: str, expected: set[str]) -> None:
    for day in (1, 2, 3):
        one = ref(f"rcds_{day}")
        await mirror.put(one, 1, item(one, created=f"2026-11-0{day}T00:00:00.000Z"))
    assert await ids(mirror, since=since) == expected
    assert await ids(mirror, status="active", since=since) == expected
    assert await ids(mirror, status="paused", since=since) == set()


async def test_ids_come_oldest_first_and_of_the_same_moment_by_id(mirror: Mirror) -> None:
    expected = [
        IndexEntry("1970-01-01T00:00:00.000Z", "rcds_7"),
        IndexEntry("2026-11-01T00:00:00.000Z", "rcds_9"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_1"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_10"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_2"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_A"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_a"),
        IndexEntry("2026-11-02T00:00:00.001Z", "rcds_0"),
    ]
    for created, identifier in random.Random(7).sample(expected, len(expected)):
        one = ref(identifier)
        await mirror.put(one, 1, item(one, created=created))
    assert await listed(mirror) == sorted(expected) == expected
    assert await listed(mirror, status="active") == expected
    assert await listed(mirror, since="2026-11-02T00:00:00.000Z") == expected[2:]
    assert await listed(mirror, status="active", since="2026-11-02T00:00:00.000Z") == expected[2:]


@pytest.mark.usefixtures("short_pages")
async def test_ids_keep_their_order_over_many_pages(mirror: Mirror) -> None:
    expected = [IndexEntry(f"2026-11-01T00:00:00.00{number // 3}Z", f"rcds_{number}") for number in range(9)]
    for created, identifier in random.Random(7).sample(expected, len(expected)):
        one = ref(identifier)
        await mirror.put(one, 1, item(one, created=created))
    assert await listed(mirror) == expected
    assert await listed(mirror, status="active", since="2026-11-01T00:00:00.001Z") == expected[3:]
    assert await children(mirror, "rcd_1") == {one.id for one in expected}


async def test_an_object_moves_to_where_it_was_created(mirror: Mirror) -> None:
    for identifier in ("rcds_1", "rcds_2"):
        await mirror.put(ref(identifier), 1, item(ref(identifier), created="2026-11-01T00:00:00.000Z"))
    await mirror.put(ref("rcds_1"), 2, item(ref("rcds_1"), created="2026-11-02T00:00:00.000Z"))
    assert await listed(mirror) == [
        IndexEntry("2026-11-01T00:00:00.000Z", "rcds_2"),
        IndexEntry("2026-11-02T00:00:00.000Z", "rcds_1"),
    ]


async def test_a_head_has_the_members(mirror: Mirror) -> None:
    card, version = (
        ref_to(TEST, "v2.billing.rate_card", "rcd_1"),
        ref_to(TEST, "v2.billing.rate_card_version", "rcdv_1"),
    )
    listed: dict[str, tuple[JsonObject, ...]] = {"v2.billing.rate_card_rate": ({"id": "rcdr_2"}, {"id": "rcdr_1"})}
    seen = Observation(NOW, "v", "req_1", {"id": "rcdv_1", "rate_card_id": "rcd_1"}, "digest", listed)
    await mirror.put(version, 1, items.item(version, seen, None))
    await mirror.put(card, 1, items.item(card, observation({"id": "rcd_1"}), None))
    heads = await mirror.heads([card, version])
    assert heads[version.key].members == {"v2.billing.rate_card_rate": frozenset({"rcdr_1", "rcdr_2"})}
    assert heads[card.key].members == {}


async def test_an_object_leaves_its_status_with_the_next_write(mirror: Mirror) -> None:
    await mirror.put(ref(), 1, item(ref()))
    await mirror.put(ref(), 2, item(ref(), servicing_status="paused"))
    assert (await ids(mirror, status="active"), await ids(mirror, status="paused")) == (set(), {"rcds_1"})
    await mirror.put_tombstone(ref(), 3, tombstone(ref()))
    assert await ids(mirror, status="paused") == set()


async def test_objects_of_two_types_whose_ids_people_chose_alike_are_two(mirror: Mirror) -> None:
    product, plan = ref_to(TEST, "product", "gold"), ref_to(TEST, "plan", "gold")
    for one, token in ((product, 1), (plan, 2)):
        body: JsonObject = {"id": "gold", "object": one.type, "created": 1_700_000_000}
        assert await mirror.put(one, token, items.item(one, observation(body), None))
    heads = await mirror.heads([product, plan])
    assert (heads[product.key].token, heads[plan.key].token) == (1, 2)
    assert [bodies["object"] for bodies in (await mirror.body(product), await mirror.body(plan)) if bodies] == [
        "product",
        "plan",
    ]


async def test_many_and_large_objects_are_all_found(mirror: Mirror) -> None:
    """DynamoDB answers with 16 MB at most for a batch, and with 1 MB for a query."""
    create_many = [ref(f"rcds_{number}") for number in range(50)]
    for one in create_many:
        await mirror.put(one, 1, item(one, note="x" * 390_000))
    assert set(await mirror.heads(create_many)) == {one.key for one in create_many}
    assert await ids(mirror) == {one.id for one in create_many}


async def test_what_is_stored_has_the_columns_and_the_body_of_the_last_write(mirror: Mirror) -> None:
    assert await mirror.stored(ref()) is None
    await mirror.put(ref(), 1, item(ref(), servicing_status="paused"))
    await mirror.put(ref(), 2, item(ref()))
    stored = await mirror.stored(ref())
    assert stored is not None
    assert stored.body == subscription()
    columns = {name: value for name, value in stored.columns.items() if name not in ("pk", "sk")}
    assert columns == {**{name: value for name, value in item(ref()).items() if name != "data"}, "token": 2}
    assert wrong_columns(ref(), stored, "cus_1") == ()
    assert wrong_columns(ref(), stored, "cus_2") == ("customer",)


@pytest.mark.parametrize("number", [Decimal("1e130"), Decimal("0.10"), 10**37, Decimal("1.50e-3")])
async def test_what_is_stored_has_the_digest_of_what_was_written(mirror: Mirror, number: Decimal | int) -> None:
    body = subscription(amount=number, rates=[{"unit_amount": number}], text="\ud800" if number == 10**37 else "")
    await mirror.put(ref(), 1, items.item(ref(), observation(body), None))
    stored = await mirror.stored(ref())
    assert stored is not None
    assert stored.body is not None
    assert wrong_columns(ref(), stored, None) == ()


@pytest.mark.parametrize(
    "compressed", [b"", b"no zlib", zlib.compress(b"no JSON"), zlib.compress(b"\xff"), zlib.compress(b"[]")]
)
async def test_a_body_that_cannot_be_read_is_none(mirror: Mirror, compressed: bytes) -> None:
    kept = {name: value for name, value in item(ref()).items() if name != "data"}
    await mirror.put(ref(), 1, {**kept, "data_z": compressed})
    stored = await mirror.stored(ref())
    assert stored is not None
    assert (stored.body, stored.columns["status"], wrong_columns(ref(), stored, "cus_1")) == (None, "active", ("data",))
    assert await mirror.body(ref()) is None


async def test_an_item_without_a_body_is_stored_without_one(mirror: Mirror) -> None:
    await mirror.put(ref(), 1, {name: value for name, value in item(ref()).items() if name != "data"})
    stored = await mirror.stored(ref())
    assert stored is not None
    assert (stored.body, wrong_columns(ref(), stored, "cus_1")) == (None, ("data",))
