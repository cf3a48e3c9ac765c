"""Shared by the tests of ticks: a clock that only jumps, and a slow Stripe."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import Schedule
from billing_mirror.reconcile.report import TickReport
from billing_mirror.reconcile.runs.records import last_run
from billing_mirror.reconcile.tick import tick
from tests.doubles.clock import ManualClock
from tests.simulation.loop import SimulatedLoop
from tests.unit.harness import Harness

T = TypeVar("T")
METERS, TAX_RATES = TYPES["billing.meter"], TYPES["tax_rate"]
LONG = "/v1/billing/meters"
SHORT = "/v1/tax_rates"


class JumpingClock(ManualClock):
    """The clock of the loop."""

    def now(self) -> float:
        return super().now() + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def on_its_own_time(coroutine: Coroutine[Any, Any, T]) -> T:
    return SimulatedLoop(Random(0)).run(coroutine)  # type: ignore[abstract]


def metered_harness(*, pages: int = 0, seconds: float = 20.0) -> Harness:
    """Meters on some pages, each of which takes Stripe some seconds, and no tax rates."""
    harness = Harness(JumpingClock(), schedule=Schedule(object_types=(METERS, TAX_RATES)))
    harness.stripe.page_size = 1
    harness.stripe.lists = {
        LONG: [{"id": f"mtr_{one}", "object": METERS.name, "livemode": False} for one in range(pages)],
        SHORT: [],
    }

    async def answer_late(path: str) -> None:
        if path.startswith(LONG):
            await asyncio.sleep(seconds)

    harness.stripe.before_answer = answer_late
    return harness


async def ticked(harness: Harness, seconds: float = 800.0, *, owner: str = "owner") -> TickReport:
    return await tick(replace(harness.reconcile_dependencies, owner=owner), deadline=harness.clock.now() + seconds)


def reported(report: TickReport) -> list[tuple[str, Job, Status]]:
    return [(worked.run.type, worked.run.job, worked.run.status) for worked in report.worked]


async def ran(name: str, harness: Harness) -> Run:
    run = await last_run(name, harness.reconcile_dependencies)
    assert run is not None
    return run
