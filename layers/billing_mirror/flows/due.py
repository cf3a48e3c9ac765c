"""Which types reconcile has to look at now."""

import asyncio
from collections.abc import Sequence

from billing_mirror.core import times
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.items import Item
from billing_mirror.core.subject import Scope

from .one_subject import World

HOUR = 3600.0
SLACK = 300.0
"""Seconds by which a schedule's tick may be early."""


async def due(rows: Sequence[ObjectType], world: World) -> list[ObjectType]:
    """The rows whose last pass is incomplete, or older than their hours.

    What was tried longest ago comes first, so that a pass which never ends in time cannot starve the others;
    but before that what is due each hour.
    """
    scope = Scope(world.stripe.livemode)
    last = await asyncio.gather(*(world.mirror.latest(scope, f"run:{row.name}") for row in rows))
    now = world.clock.now()
    waiting = [(row, _started(run)) for row, run in zip(rows, last, strict=True) if _is_due(row, run, now)]
    return [row for row, _ in sorted(waiting, key=lambda one: (one[0].reconciled_after > 1, one[1]))]


def _is_due(row: ObjectType, run: Item | None, now: float) -> bool:
    return run is None or run.get("complete") is not True or now - _started(run) >= row.reconciled_after * HOUR - SLACK


def _started(run: Item | None) -> float:
    return times.seconds(str(run["started_at"])) if run else 0.0
