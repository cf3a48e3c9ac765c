"""The synthetic data, server, mirror and state store behave like the real ones."""

from pathlib import Path

import pytest

from billing_mirror.core.catalog import ApiChannel
from billing_mirror.core.errors import NotFound
from billing_mirror.core.json_body import text_at
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.drift import compare
from billing_mirror.core.stripe_api import paging
from billing_mirror.core.table.digest import digest
from billing_mirror.ports import StateStore, StripeRequest
from dev.benchmarks.reconcile.ports import VERSION, AgreeingMirror, FileStateStore, stripe_api
from dev.benchmarks.reconcile.synthetic_data import (
    SUBSCRIPTION,
    SyntheticSubscriptions,
    body_of,
    cadence,
    digest_of,
    id_of,
    number_of,
)
from dev.benchmarks.reconcile.synthetic_server import serving

SCOPE = Scope(livemode=False)


@pytest.mark.parametrize("number", [0, 9, 31_536_000])
def test_the_computed_digest_is_the_digest_of_the_body(number: int) -> None:
    assert digest_of(number) == digest(SUBSCRIPTION, body_of(number))


def test_only_a_synthetic_id_has_a_number() -> None:
    assert number_of(id_of(7)) == 7
    assert number_of("rcds_1") is None


def test_subscriptions_belong_to_cadences_that_exist() -> None:
    assert body_of(3)["billing_cadence"] == cadence(3)["id"]


def test_synthetic_subscriptions_are_newest_first() -> None:
    assert [position for position, _ in SyntheticSubscriptions(3)] == [2, 1, 0]
    assert [position for position, _ in SyntheticSubscriptions(5)[1:3]] == [3, 2]


async def test_all_pages_together_show_each_subscription_once() -> None:
    shown: list[str | None] = []
    with serving(250) as served:
        stripe, path = stripe_api(served.api_base), SUBSCRIPTION.listings[0].url
        url: str | None = paging.first_page(path, {})
        while url:
            page = (await stripe.get(StripeRequest(url, ApiChannel.PREVIEW, context=None))).body
            shown += [text_at(entry, "id") for entry in paging.entries(page)]
            url = paging.next_page(page, path=path, query={})
    assert shown == [id_of(number) for number in reversed(range(250))]


async def test_a_subscription_is_fetched_by_its_id_and_an_unknown_id_is_not_found() -> None:
    with serving(1) as served:
        stripe, path = stripe_api(served.api_base), SUBSCRIPTION.listings[0].url
        request = StripeRequest(f"{path}/{id_of(0)}", ApiChannel.PREVIEW, context=None)
        assert (await stripe.get(request)).body == body_of(0)
        with pytest.raises(NotFound):
            await stripe.get(StripeRequest(f"{path}/{id_of(1)}", ApiChannel.PREVIEW, context=None))


async def test_the_mirror_equals_the_synthetic_data() -> None:
    refs = {id_of(number): ObjectRef(SCOPE, SUBSCRIPTION, id_of(number)) for number in range(20)}
    heads = await AgreeingMirror(20).heads(refs.values())
    by_id = {identifier: heads[ref.key] for identifier, ref in refs.items()}
    assert compare(SUBSCRIPTION, [body_of(number) for number in range(20)], by_id, VERSION) == {}


async def test_the_state_store_keeps_entries_in_order_and_absent_entries_once(tmp_path: Path) -> None:
    state_store: StateStore = FileStateStore(tmp_path / "state")
    assert await state_store.write(SCOPE, "partition", "b#2", {"shown": b"2"}, if_absent=True)
    assert await state_store.write(SCOPE, "partition", "b#1", {"shown": b"1"}, if_absent=True)
    assert not await state_store.write(SCOPE, "partition", "b#1", {"shown": b"other"}, if_absent=True)
    assert await state_store.write(SCOPE, "partition", "c#1", {"shown": b"c"})
    assert [entry async for entry in state_store.entries(SCOPE, "partition", "b#")] == [
        {"shown": b"1"},
        {"shown": b"2"},
    ]
    assert [entry async for entry in state_store.after(SCOPE, "partition", "b#1")] == [{"shown": b"2"}, {"shown": b"c"}]
    assert await state_store.last(SCOPE, "partition", "b#") == {"shown": b"2"}
    assert await state_store.write(SCOPE, "partition", "c#1", {"shown": b"d"}, expected={"shown": b"c"})
    assert not await state_store.write(SCOPE, "partition", "c#1", {"shown": b"e"}, expected={"shown": b"c"})
    assert not await state_store.write(SCOPE, "partition", "c#2", {"shown": b"e"}, expected={"shown": b"c"})
    assert await state_store.last(SCOPE, "other") is None
