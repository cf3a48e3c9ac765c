"""A counter that was lost is raised above every claim that can still be in flight."""

from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.mirror_state import Head, LastEvents
from billing_mirror.refresh.claims import ABOVE_ALL_LOST, take_claim
from tests.doubles.mirror import MemoryMirror

REF: ObjectRef = ref_to(Scope(livemode=False), "product", "prod_1")


def observed(at: float) -> Observation:
    return Observation(at, "1", "", {"id": "prod_1", "object": "product", "created": 1}, "digest")


async def put(mirror: MemoryMirror, token: int) -> bool:
    return await mirror.put(REF, token, items.item(REF, observed(float(token)), None))


async def head_of(mirror: MemoryMirror) -> Head:
    return (await mirror.heads([REF]))[REF.key]


async def test_a_claim_from_before_the_loss_never_wins_over_one_from_after_it() -> None:
    mirror = MemoryMirror()
    for _ in range(5):
        token, _ = await mirror.claim(REF, 0.0)
    assert await put(mirror, token)
    in_flight = [(await mirror.claim(REF, 0.0))[0] for _ in range(100)]
    del mirror.counters[REF.key]
    newest, _ = await take_claim(mirror, REF, claimed_at=0.0, head=await head_of(mirror))
    assert await put(mirror, newest)
    assert not any([await put(mirror, late) for late in in_flight])


async def test_a_claim_that_is_taken_again_above_the_raised_counter_does_not_find_itself() -> None:
    mirror, event = MemoryMirror(), LastEvents(100.0, ("evt_1",))
    assert await put(mirror, 5)
    token, known = await take_claim(
        mirror, REF, claimed_at=100.0, head=await head_of(mirror), events=event, unless_since=95.0
    )
    assert (token > 5, known) == (True, event)


async def test_the_counter_is_raised_above_what_was_written_since_the_item_was_read() -> None:
    """A second loss: another worker has meanwhile written under a token from after the first one."""
    mirror = MemoryMirror()
    assert await put(mirror, 5)
    read = await head_of(mirror)
    written = 3 * ABOVE_ALL_LOST
    assert await put(mirror, written)
    token, _ = await take_claim(mirror, REF, claimed_at=0.0, head=read)
    assert token > written
