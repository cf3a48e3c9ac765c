"""The contract of the notes of objects that the table cannot hold."""

from dataclasses import replace

import pytest

from billing_mirror.core.errors import UnstorableObject
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.unstorable import UnstorableNote, writable
from billing_mirror.ports import Mirror
from tests.doubles.samples import subscription

TEST = Scope(livemode=False)
LIVE = Scope(livemode=True)
TYPE = "v2.billing.rate_card"
NOW = 1_700_000_000.25
NOTE = UnstorableNote(TYPE, "rcd_1", "too large", "digest 1", "2026-01-01.preview", 3, NOW)


async def noted(mirror: Mirror, type_name: str = "", scope: Scope = TEST) -> list[UnstorableNote]:
    return [note async for note in mirror.unstorable(scope, type_name)]


@pytest.mark.parametrize(
    "note",
    [
        NOTE,
        replace(NOTE, token=0, parent="rcd_2", rules=7),
        replace(NOTE, fetched_at=NOW + 1, may_pass=True),
        replace(NOTE, id="x" * 5000),
        replace(NOTE, id="/v1/customers/cus_1/cash_balance"),
        replace(NOTE, id=writable("a b\ud800"), has_key=False),
        replace(NOTE, id=writable("\ud800" * 5000), has_key=False),
    ],
    ids=["fetched", "listed", "refused", "long id", "path", "no key", "long and no key"],
)
async def test_a_note_is_read_as_it_was_stored(mirror: Mirror, note: UnstorableNote) -> None:
    assert not await mirror.note_unstorable(TEST, note)
    assert await noted(mirror) == [note]


async def test_notes_are_read_by_type_and_scope_in_order(mirror: Mirror) -> None:
    other = replace(NOTE, type=f"{TYPE}_rate")
    for note in (replace(NOTE, id="rcd_2"), other, NOTE):
        await mirror.note_unstorable(TEST, note)
    await mirror.note_unstorable(LIVE, NOTE)
    assert [note.id for note in await noted(mirror, TYPE)] == ["rcd_1", "rcd_2"]
    assert len(await noted(mirror)) == 3
    assert await noted(mirror, scope=Scope(livemode=False, context="acct_1")) == []


async def test_an_object_has_one_note_and_the_time_of_the_first(mirror: Mirror) -> None:
    await mirror.note_unstorable(TEST, NOTE)
    later = replace(NOTE, digest="digest 2", token=4, noticed_at=NOW + 60)
    assert not await mirror.note_unstorable(TEST, later)
    assert await noted(mirror) == [replace(later, noticed_at=NOW)]


@pytest.mark.parametrize("token", [3, 4])
async def test_the_same_state_was_noted_before(mirror: Mirror, token: int) -> None:
    await mirror.note_unstorable(TEST, NOTE)
    assert await mirror.note_unstorable(TEST, replace(NOTE, token=token))
    assert await noted(mirror) == [replace(NOTE, token=token)]


async def test_a_note_of_a_later_fetch_stays(mirror: Mirror) -> None:
    await mirror.note_unstorable(TEST, NOTE)
    assert await mirror.note_unstorable(TEST, replace(NOTE, digest="digest 0", token=2))
    assert await noted(mirror) == [NOTE]


async def test_a_removed_note_is_gone_and_its_repeated_removal_does_nothing(mirror: Mirror) -> None:
    await mirror.note_unstorable(TEST, NOTE)
    await mirror.note_unstorable(TEST, replace(NOTE, id="rcd_2"))
    for _ in range(2):
        await mirror.remove_note(TEST, NOTE)
    assert [note.id for note in await noted(mirror)] == ["rcd_2"]


@pytest.mark.parametrize("other", [replace(NOTE, token=4), replace(NOTE, digest="digest 2")], ids=["token", "digest"])
async def test_a_note_that_was_replaced_is_not_removed(mirror: Mirror, other: UnstorableNote) -> None:
    await mirror.note_unstorable(TEST, NOTE)
    await mirror.note_unstorable(TEST, other)
    await mirror.remove_note(TEST, NOTE)
    assert await noted(mirror) == [other]


@pytest.mark.usefixtures("short_pages")
async def test_all_pages_of_notes_are_read(mirror: Mirror) -> None:
    for number in range(5):
        await mirror.note_unstorable(TEST, replace(NOTE, id=f"rcd_{number}"))
    assert len(await noted(mirror, TYPE)) == 5


async def test_an_item_over_the_limit_is_unstorable_and_leaves_what_is_mirrored(mirror: Mirror) -> None:
    """What DynamoDB refuses, whatever the code before it has let through."""
    one = ref_to(TEST, "v2.billing.rate_card_subscription", "rcds_1")
    item = items.item(one, Observation(NOW, "1", "req_1", subscription(), "digest"), None)
    assert await mirror.put(one, 1, item)
    with pytest.raises(UnstorableObject) as refused:
        await mirror.put(one, 2, {**item, "data": {"noise": "x" * 420_000}})
    assert refused.value.may_pass
    assert (await mirror.heads([one]))[one.key].token == 1
