"""A batch that its time is too short for: what was started first ends first."""

import asyncio
import math

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.stripe_api.budget import Limits
from billing_mirror.ports import Ports
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies
from billing_mirror.refresh.around_stripe.rate_limited import RateLimitedStripe
from billing_mirror.refresh.around_stripe.shared_budget import SharedBudget
from tests.doubles.mirror import MemoryMirror
from tests.doubles.queue import MemoryQueue
from tests.doubles.samples import event, sample
from tests.doubles.state_store import MemoryStateStore
from tests.doubles.stripe import MemoryStripe
from tests.doubles.virtual_time import VirtualClock, in_virtual_time

TEST = Scope(livemode=False)
PER_SECOND = 4.0
SECONDS = 50.0
ANSWER_SECONDS = 0.15
BATCH = 50


class MonthEnd:
    """A full batch of invoices with so many pages of lines, before a Stripe that allows four requests a second."""

    def __init__(self, pages: int) -> None:
        self.clock = VirtualClock()
        self.mirror = MemoryMirror()
        self.queue = MemoryQueue(self.clock, visibility=0.0)
        self.stripe = MemoryStripe(page_size=1, before_answer=self._take_time)
        self.invoices = [self._invoice(number, pages) for number in range(BATCH)]
        budget = SharedBudget(
            MemoryStateStore(),
            TEST,
            self.clock,
            Limits(account=PER_SECOND, endpoint=PER_SECOND, reconcile=1.0),
            on_alone=lambda: None,
        )
        stripe = RateLimitedStripe(self.stripe, self.clock, budget)
        self.dependencies = ProcessDependencies(Ports(self.clock, self.mirror, stripe, self.queue), 5.0)

    async def _take_time(self, _: str) -> None:
        await asyncio.sleep(ANSWER_SECONDS)

    def _invoice(self, number: int, pages: int) -> JsonObject:
        path = f"/v1/invoices/in_{number}"
        lines: list[JsonObject] = [{"id": f"il_{number}_{page}", "object": "line_item"} for page in range(pages)]
        body = sample("invoice", id=f"in_{number}", lines={"object": "list", "data": [*lines[:1]], "has_more": True})
        self.stripe.objects[path] = body
        self.stripe.lists[f"{path}/lines?expand%5B0%5D=data.discounts"] = lines
        return body

    async def process(self) -> list[MessageResult]:
        """One batch of all invoices."""
        for body in self.invoices:
            await self.queue.send(event("v1.invoice.paid", body, url=f"/v1/invoices/{body['id']}"), group="test")
        batch = self.queue.receive(BATCH)
        return await process_batch(batch, self.dependencies, deadline=self.clock.now() + SECONDS)


@pytest.mark.parametrize("pages", [4, 12, 30, 60])
def test_as_many_objects_end_as_there_is_time_for(pages: int) -> None:
    @in_virtual_time
    async def run() -> None:
        month_end = MonthEnd(pages)
        results = await month_end.process()
        ended = [one for one in results if one.outcome is Outcome.STORED]
        assert {one.outcome for one in results} <= {Outcome.STORED, Outcome.POSTPONED}
        possible = math.floor(SECONDS * PER_SECOND / (pages + 1))
        assert len(ended) >= min(BATCH, 0.8 * possible)
        wasted = len(month_end.stripe.requests) - len(ended) * (pages + 1)
        assert wasted <= 0.25 * len(month_end.stripe.requests)

    run()
