"""Which types reconcile has to look at now."""

from collections.abc import Sequence

from billing_mirror.core import times
from billing_mirror.core.catalog import ObjectType
from billing_mirror.core.errors import Retryable
from billing_mirror.core.items import Item
from billing_mirror.core.subject import Scope

from .one_subject import World

HOUR = 3600.0
SLACK = HOUR / 2
"""Seconds by which a pass may be early: it starts some minutes after its tick, and the next one perhaps fewer."""


async def due(rows: Sequence[ObjectType], world: World) -> list[ObjectType]:
    """The rows whose last pass left something open, or is older than their hours.

    What was tried longest ago comes first, so that a pass which never ends in time cannot starve the others;
    but before that what is due each hour, unless it is such a pass.
    """
    scope = Scope(world.stripe.livemode)
    rows = [row for row in rows if not (row.test_mode_only and scope.livemode)]
    last = [await _latest(row, scope, world) for row in rows]
    now = world.clock.now()
    waiting = [(row, run) for row, run in zip(rows, last, strict=True) if _is_due(row, run, now)]
    return [row for row, _ in sorted(waiting, key=lambda one: (not _is_quick(*one), _started(one[1])))]


async def _latest(row: ObjectType, scope: Scope, world: World) -> Item:
    try:
        return await world.mirror.latest(scope, f"run:{row.name}") or {}
    except Retryable:
        return {}  # the pass itself will tell


def _is_due(row: ObjectType, run: Item, now: float) -> bool:
    if run.get("complete") is not True and run.get("refused") is not True:
        return True
    settled = run.get("unresolved", 0) == 0 and run.get("in_flight", 0) == 0
    return now - _started(run) >= (row.reconciled_after if settled else 1) * HOUR - SLACK


def _is_quick(row: ObjectType, run: Item) -> bool:
    return row.reconciled_after == 1 and (not run or run.get("complete") is True)


def _started(run: Item) -> float:
    started = run.get("started_at")
    return times.seconds(started) if isinstance(started, str) else 0.0
