"""How much of a processor does a container have? As much as Lambda gives it, where this machine can hold it to that."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

WHOLE = 1769
"""MB of memory for which Lambda gives a function one processor:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
PERIOD = 20_000
"""Microseconds in which a share is used up and given anew. AWS does not publish its own."""
PARENTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
"""Where control groups are made: of version 1, of version 2."""
REMOVED_WITHIN = 5.0
"""Seconds for which the kernel may take a process that has ended for one of the group."""


def lambdas_share(megabytes: int) -> float:
    """The part of a processor that a function of so much memory has."""
    return megabytes / WHOLE


def holds() -> bool:
    """Whether this user may hold processes to a share here: on Linux, mostly root alone."""
    return _parent(PARENTS) is not None


@contextlib.contextmanager
def held(process: int, share: float) -> Iterator[None]:
    """Holds a process to its share of a processor until it ends, which it does before the block."""
    parent = _parent(PARENTS)
    if parent is None:
        yield
        return
    group = parent / f"billing-mirror-bench-{process}"
    try:
        hold(process, share, group)
        yield
    finally:
        _remove(group)


def hold(process: int, share: float, group: Path) -> None:
    """Puts a process into a control group of its own, which may use so much of a processor."""
    group.mkdir(exist_ok=True)  # of a process of this number that was killed
    for name, limit in _limits(group.parent, round(share * PERIOD)).items():
        (group / name).write_text(limit)
    (group / "cgroup.procs").write_text(str(process))


def _parent(parents: Sequence[Path]) -> Path | None:
    return next((one for one in parents if _bounds_processors(one) and os.access(one, os.W_OK)), None)


def _bounds_processors(folder: Path) -> bool:
    passed_on = folder / "cgroup.subtree_control"
    return (folder / "cpu.cfs_quota_us").exists() or (passed_on.exists() and "cpu" in passed_on.read_text().split())


def _limits(parent: Path, quota: int) -> Mapping[str, str]:
    """https://docs.kernel.org/scheduler/sched-bwc.html, https://docs.kernel.org/admin-guide/cgroup-v2.html"""
    if (parent / "cpu.cfs_quota_us").exists():
        return {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
    return {"cpu.max": f"{quota} {PERIOD}"}


def _remove(group: Path) -> None:
    until = time.monotonic() + REMOVED_WITHIN
    while group.exists():
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
