"""Messages about an object that the table cannot hold."""

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.table.items import Item
from billing_mirror.core.table.unstorable import UnstorableNote
from tests.doubles.mirror import MemoryMirror
from tests.doubles.samples import cadence, subscription, subscription_event
from tests.unit.harness import CADENCE, SUBSCRIPTION, Harness

SCOPE = Scope(livemode=False)
REASON = "the table takes no such item"


def is_odd(item: Item) -> bool:
    data = item.get("data")
    return isinstance(data, dict) and "odd" in data


@pytest.fixture
def harness() -> Harness:
    made = Harness(mirror=MemoryMirror(refuses=is_odd, for_good=True))
    made.stripe.objects |= {SUBSCRIPTION: subscription(odd=True), CADENCE: cadence()}
    return made


async def notes(harness: Harness) -> list[UnstorableNote]:
    return [note async for note in harness.mirror.unstorable(SCOPE)]


async def outcome(harness: Harness) -> Outcome:
    harness.clock.advance(60)
    [result] = await harness.deliver(subscription_event())
    return result.outcome


async def test_the_first_is_quarantined_with_the_reason_and_notes_the_object(harness: Harness) -> None:
    body = subscription_event()
    [result] = await harness.deliver(body)
    assert (result.outcome, result.reason) == (Outcome.QUARANTINED, REASON)
    assert harness.queue.quarantined == [(body, REASON)]
    [note] = await notes(harness)
    assert (note.id, note.reason, note.token, note.noticed_at) == ("rcds_1", REASON, 1, harness.clock.now())


async def test_later_ones_end_quietly_while_the_object_is_the_same(harness: Harness) -> None:
    assert [await outcome(harness) for _ in range(3)] == [Outcome.QUARANTINED, Outcome.UNSTORABLE, Outcome.UNSTORABLE]
    assert (len(harness.queue.quarantined), len(harness.queue.waiting), len(await notes(harness))) == (1, 0, 1)


async def test_the_next_one_is_quarantined_when_the_object_has_changed_and_cannot_be_stored(harness: Harness) -> None:
    await outcome(harness)
    harness.stripe.objects[SUBSCRIPTION] = subscription(odd=True, servicing_status="paused")
    assert await outcome(harness) is Outcome.QUARANTINED
    assert len(await notes(harness)) == 1


async def test_it_is_stored_as_soon_as_it_can_be(harness: Harness) -> None:
    await outcome(harness)
    harness.stripe.objects[SUBSCRIPTION] = subscription()
    assert await outcome(harness) is Outcome.STORED
    [note] = await notes(harness)
    ref = note.ref(SCOPE)
    assert ref is not None
    assert not note.is_outstanding((await harness.mirror.heads([ref]))[ref.key])


async def test_its_claim_is_closed(harness: Harness) -> None:
    await outcome(harness)
    assert {claim.claimed_at for key, claim in harness.mirror.counters.items() if "rcds_1" in key} == {0.0}
    await outcome(harness)
    assert {claim.claimed_at for key, claim in harness.mirror.counters.items() if "rcds_1" in key} == {0.0}


async def test_a_table_that_takes_no_note_keeps_the_message(harness: Harness) -> None:
    def refuse_and_go_down(item: Item) -> bool:
        harness.mirror.down = is_odd(item)
        return harness.mirror.down

    harness.mirror.refuses = refuse_and_go_down
    assert await outcome(harness) is Outcome.POSTPONED
    harness.mirror.down, harness.mirror.refuses = False, is_odd
    harness.clock.advance(1000)
    [result] = await harness.work()
    assert (result.outcome, len(await notes(harness))) == (Outcome.QUARANTINED, 1)


async def test_an_owner_that_cannot_be_stored_is_noted_and_its_object_is_stored(harness: Harness) -> None:
    harness.stripe.objects |= {SUBSCRIPTION: subscription(), CADENCE: cadence(odd=True)}
    assert await outcome(harness) is Outcome.STORED
    assert [note.id for note in await notes(harness)] == ["bc_1"]
    assert "customer" not in harness.item("rcds_1")
