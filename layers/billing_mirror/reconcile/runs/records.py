"""The records of runs in the state store."""

from billing_mirror.core import times
from billing_mirror.core.runs.run import Run
from billing_mirror.core.table.items import Item
from billing_mirror.reconcile.dependencies import ReconcileDependencies

from .confirmed_write import confirmed_write

TIME_RESOLUTION = 0.001
"""The smallest difference in seconds between two stored times: the table stores milliseconds."""


async def last_run(name: str, dependencies: ReconcileDependencies) -> Run | None:
    """The run of this name that started last, or None before the first."""
    item = await dependencies.state_store.last(dependencies.scope, _partition(name))
    return Run.from_item(item) if item is not None else None


async def last_runs(dependencies: ReconcileDependencies) -> dict[str, Run]:
    """The last run of each name that has one."""
    found = {name: await last_run(name, dependencies) for name in dependencies.schedule.names}
    return {name: run for name, run in found.items() if run is not None}


async def save_new(record: Run, dependencies: ReconcileDependencies) -> None:
    """Stores the record of a new run."""
    await dependencies.state_store.write(dependencies.scope, _partition(record.type), record.name, record.to_item())


async def save_over_read(record: Run, dependencies: ReconcileDependencies) -> bool:
    """Replaces a run's record; False where it has changed since this record was read."""
    as_read: Item = {"updated_at": times.iso(record.updated_at)}
    # Later than every record that it replaces, also on a slow clock: the condition compares ``updated_at``.
    record.updated_at = max(dependencies.ports.clock.now(), record.updated_at + TIME_RESOLUTION)
    return await confirmed_write(dependencies, _partition(record.type), record.name, record.to_item(), expected=as_read)


def _partition(name: str) -> str:
    return f"run:{name}"
