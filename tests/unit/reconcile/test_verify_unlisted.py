"""Looking for what no list shows, over more objects than one tick has time for."""

from collections.abc import AsyncIterator, Iterable, Mapping

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.errors import Retryable
from billing_mirror.core.mirror_state import Head
from billing_mirror.core.object_ref import Scope, Subject
from billing_mirror.core.run import Status
from billing_mirror.ports import Listed
from tests.doubles.mirror import MemoryMirror
from tests.unit.harness import House

ROW = TYPES["v2.billing.rate_card"]
NAMED = [Listed(f"2026-01-{day:02}", f"rcd_{day}_{number:02}") for day in (1, 2, 3) for number in range(90)]


class Failing(MemoryMirror):
    """Names many objects, and fails the first time before it comes to the last of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_since: list[str | None] = []
        self.doubted: list[str] = []

    async def ids(
        self,
        scope: Scope,  # noqa: ARG002
        type_name: str,  # noqa: ARG002
        *,
        status: str | None = None,  # noqa: ARG002
        since: str | None = None,
    ) -> AsyncIterator[Listed]:
        self.asked_since.append(since)
        for one in NAMED:
            if len(self.asked_since) == 1 and one is NAMED[-1]:
                raise Retryable("the table is busy")
            if one.created >= (since or ""):
                yield one

    async def heads(self, subjects: Iterable[Subject]) -> Mapping[str, Head]:
        several = list(subjects)
        self.doubted += [subject.id for subject in several]
        return await super().heads(several)


async def test_whoever_goes_on_does_so_after_the_last_one_that_was_looked_for(house: House) -> None:
    house.mirror = mirror = Failing()
    house.stripe.lists |= {"/v2/billing/rate_cards": [], "/v2/billing/rate_cards?active=false": []}
    first = await house.passed(ROW)
    assert first.status is Status.RUNNING
    assert mirror.doubted == [one.id for one in NAMED[:200]]
    second = await house.passed(ROW)
    assert second.complete
    assert mirror.asked_since == [None, NAMED[199].created]
    assert mirror.doubted == [one.id for one in NAMED]
