"""How does the demo print and record its result?"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rich.table import Table

from billing_mirror.reader import Drift, Run
from dev.sandbox.comparison import Comparison

OWN = "the key's own"
"""The account without a name of its own here."""
COUNTS = ("compared", "found", "repaired", "unresolved", "false_alarms")
SHOWN = COUNTS[:3]
MOST_OF_FIELDS = 28
"""Columns of the names of fields: the README shows the whole table."""


RunsByAccount: TypeAlias = Mapping[str, tuple[Run, Sequence[Drift]]]
"""A run of reconcile and what it found; the key's own account has an empty name."""


def mark(good: bool) -> str:
    return "[green]✓[/green]" if good else "[red]✗[/red]"


def verdict(comparison: Comparison, *, expected: bool = False) -> str:
    """Ends a sentence that begins with *the table*. Ids of an expected difference are shortened."""
    if comparison.is_equal:
        waiting = sum(comparison.without_events.values())
        rest = f" ({waiting} more have had no event yet)" if waiting else ""
        return f"equals Stripe in {comparison.objects} objects{rest}"
    first = comparison.differences[0]
    more = len(comparison.differences) - 1
    others = f" and {more} more" if more else ""
    return f"differs from Stripe in {_short(first.id) if expected else first.id}: {first.problem}{others}"


def others(comparison: Comparison) -> list[str]:
    """A line for each difference that :func:`verdict` does not name."""
    return [f"  {one.type} {one.id}: {one.problem}" for one in comparison.differences[1:]]


def compared(comparison: Comparison) -> dict[str, Any]:
    """A comparison for the record."""
    return {
        "equal": comparison.is_equal,
        "objects": comparison.objects,
        "without_events": sum(comparison.without_events.values()),
        "differences": [{"type": one.type, "id": one.id, "problem": one.problem} for one in comparison.differences],
    }


def conclusion(holds: bool, seconds: float, directory: Path) -> str:
    if not holds:
        failure = f"[red]A step did not end as expected[/red] ({seconds:.0f} s)."
        return f"\n{failure} The functions' logs are in {directory}."
    success = f"[green]Every step ended as expected[/green] ({seconds:.0f} s)."
    return f"\n{success} `make sandbox` starts the same stack and keeps it running."


def by_type(comparison: Comparison) -> dict[str, dict[str, int]]:
    """Counts of equal, removed and different objects of each type."""
    counts = {}
    for name in sorted(comparison.alive.keys() | comparison.removed.keys()):
        different = sum(difference.type == name for difference in comparison.differences)
        equal = comparison.alive.get(name, 0) - different
        counts[name] = {"equal": equal, "removed": comparison.removed.get(name, 0), "different": different}
    return counts


def mirrored(comparison: Comparison) -> Table:
    """What the table holds, by type."""
    table = Table(title="Mirrored", title_justify="left")
    table.add_column("type")
    for heading in ("equal", "removed, kept as tombstone", "different"):
        table.add_column(heading, justify="right")
    for name, counts in by_type(comparison).items():
        table.add_row(name, *(str(count) for count in counts.values()))
    for name, count in sorted(comparison.without_events.items()):
        table.add_row(f"[dim]{name}: {count} at Stripe, which sends no events for them[/dim]")
    return table


def accounts(comparison: Comparison, runs: RunsByAccount) -> Table:
    """What the table holds of each account, and what reconcile did there."""
    table = Table(title="Accounts", title_justify="left")
    for heading in ("account", "reconcile of"):
        table.add_column(heading)
    for heading in ("objects", *SHOWN):
        table.add_column(heading, justify="right")
    for account, (run, _) in runs.items():
        counts = [_counts(run)[name] for name in SHOWN]
        table.add_row(account or OWN, run.type, str(comparison.by_account.get(account, 0)), *map(str, counts))
    return table


def drifts(runs: RunsByAccount, *, expected: bool) -> Table:
    """What reconcile found and did, object by object."""
    table = Table(title="Found by reconcile", title_justify="left")
    for heading in ("account", "object", "difference"):
        table.add_column(heading, overflow="fold")
    table.add_column("fields", overflow="fold", max_width=MOST_OF_FIELDS)
    table.add_column("resolution")
    for account, (_, evidence) in runs.items():
        for one in evidence:
            shown = _short(one.id) if expected else one.id
            table.add_row(account or OWN, shown, one.difference, ", ".join(one.fields), one.resolution)
    return table


def reconciled(runs: RunsByAccount) -> list[dict[str, Any]]:
    """The runs of reconcile for the record."""
    return [
        {"account": account, "type": run.type, "counts": _counts(run), "drifts": [_difference(one) for one in evidence]}
        for account, (run, evidence) in runs.items()
    ]


def _counts(run: Run) -> dict[str, int]:
    return {name: getattr(run.counts, name) for name in COUNTS}


def _difference(drift: Drift) -> dict[str, Any]:
    return {"id": drift.id, "difference": drift.difference, "fields": drift.fields, "resolution": drift.resolution}


@dataclass(frozen=True)
class Work:
    """What some events have cost so far, and how many second looks will follow."""

    events: int
    requests: int
    second_looks: int

    @property
    def least_requests(self) -> int:
        """The requests until nothing is on its way: each second look takes at least one."""
        return self.requests + self.second_looks


def figures(lags: Mapping[str, Sequence[float]], work: Work) -> Table:
    """How fast the mirror was, and how many requests it needed."""
    table = Table(
        title="Figures of this run, on this machine and without a rate limit",
        title_justify="left",
        show_header=False,
    )
    table.add_column()
    table.add_column(justify="right")
    for name, known in percentiles(lags).items():
        shown = f"{known['p50']:.2f} s / {known['p99']:.2f} s" if known else "-"
        table.add_row(f"event created to stored, p50 / p99, {name}", shown)
    table.add_row("events that reached the webhook", str(work.events))
    table.add_row("requests to Stripe for them, lists and parents included", str(work.requests))
    table.add_row("second looks that follow, a minute later", str(work.second_looks))
    shown = f"at least {work.least_requests / work.events:.2f}" if work.events else "-"
    table.add_row("requests for each event, second looks included", shown)
    return table


def percentiles(lags: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Seconds, from lags in milliseconds; empty for fewer than two lags."""
    known: dict[str, dict[str, float]] = {}
    for name, milliseconds in lags.items():
        known[name] = {}
        if len(milliseconds) > 1:
            centiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
            known[name] = {"p50": centiles[49] / 1000, "p99": centiles[98] / 1000}
    return known


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= 24 else f"{identifier[:14]}…{identifier[-6:]}"
