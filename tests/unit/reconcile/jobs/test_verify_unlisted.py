"""The search for unlisted objects, among more objects than one tick has time for."""

from collections.abc import AsyncIterator, Iterable, Mapping

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope
from billing_mirror.core.runs.run import Status
from billing_mirror.core.table.mirror_state import Head
from billing_mirror.ports import IndexEntry
from tests.doubles.mirror import MemoryMirror
from tests.unit.harness import Harness

OBJECT_TYPE = TYPES["v2.billing.rate_card"]
NAMED = [IndexEntry(f"2026-01-{day:02}", f"rcd_{day}_{number:02}") for day in (1, 2, 3) for number in range(90)]


class Failing(MemoryMirror):
    """Lists many objects, and fails the first and the third time before the last of them."""

    def __init__(self) -> None:
        super().__init__()
        self.listed_since: list[str | None] = []
        self.requested: list[str] = []

    async def ids(
        self,
        scope: Scope,  # noqa: ARG002
        type_name: str,  # noqa: ARG002
        *,
        status: str | None = None,  # noqa: ARG002
        since: str | None = None,
    ) -> AsyncIterator[IndexEntry]:
        self.listed_since.append(since)
        for one in NAMED:
            if len(self.listed_since) in (1, 3) and one is NAMED[-1]:
                raise TransientError("the table is busy")
            if one.created >= (since or ""):
                yield one

    async def heads(self, refs: Iterable[ObjectRef], *, consistent: bool = True) -> Mapping[str, Head]:
        several = list(refs)
        self.requested += [ref.id for ref in several]
        return await super().heads(several, consistent=consistent)


async def test_the_search_for_unlisted_objects_resumes_after_the_last_one_searched(harness: Harness) -> None:
    """The objects are counted, and then searched."""
    harness.mirror = mirror = Failing()
    harness.stripe.lists |= {"/v2/billing/rate_cards": [], "/v2/billing/rate_cards?active=false": []}
    first = await harness.run_now(OBJECT_TYPE)
    assert first.status is Status.RUNNING
    assert mirror.requested == []
    second = await harness.run_now(OBJECT_TYPE)
    assert second.status is Status.RUNNING
    assert mirror.requested == [one.id for one in NAMED[:200]]
    third = await harness.run_now(OBJECT_TYPE)
    assert third.complete
    assert mirror.listed_since == [None, NAMED[199].created, None, NAMED[199].created]
    assert mirror.requested == [one.id for one in NAMED]


class Walked(MemoryMirror):
    """Counts the walks over the index of a type."""

    walks = 0

    def ids(
        self, scope: Scope, type_name: str, *, status: str | None = None, since: str | None = None
    ) -> AsyncIterator[IndexEntry]:
        self.walks += 1
        return super().ids(scope, type_name, status=status, since=since)


async def test_the_index_is_walked_once_where_the_lists_show_everything() -> None:
    mirror = Walked()
    harness = Harness(mirror=mirror)
    cards: list[JsonObject] = [
        {"id": f"rcd_{number}", "object": OBJECT_TYPE.name, "created": "2026-01-01T00:00:00Z", "livemode": False}
        for number in range(3)
    ]
    harness.stripe.objects = {f"/v2/billing/rate_cards/{card['id']}": {**card} for card in cards}
    harness.stripe.lists = {
        "/v2/billing/rate_cards": [{**card} for card in cards],
        "/v2/billing/rate_cards?active=false": [],
    }
    assert (await harness.run_now(OBJECT_TYPE)).counts.repaired == 3
    harness.clock.advance(100)
    mirror.walks = 0
    run = await harness.run_now(OBJECT_TYPE)
    assert (run.reason, run.counts.equal, mirror.walks) == ("", 3, 1)
    harness.stripe.lists["/v2/billing/rate_cards"].pop()
    del harness.stripe.objects["/v2/billing/rate_cards/rcd_2"]
    harness.clock.advance(100)
    mirror.walks = 0
    assert ((await harness.run_now(OBJECT_TYPE)).counts.repaired, mirror.walks) == (1, 2)
