"""How the demo shows what it has found."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from billing_mirror.reader import Drift, Run
from dev.sandbox.comparison import Agreement


def mark(good: bool) -> str:
    return "[green]✓[/green]" if good else "[red]✗[/red]"


def verdict(agreement: Agreement, *, expected: bool = False) -> str:
    """Ends a sentence that begins with *the table*. Ids are short where nobody will look for them."""
    if agreement.holds:
        unheard = sum(agreement.unheard.values())
        rest = f" ({unheard} more not told of yet)" if unheard else ""
        return f"equals Stripe in {agreement.objects} objects{rest}"
    first = agreement.differences[0]
    more = len(agreement.differences) - 1
    others = f" and {more} more" if more else ""
    return f"differs from Stripe in {_short(first.id) if expected else first.id}: {first.problem}{others}"


def others(agreement: Agreement) -> list[str]:
    """A line for each difference that :func:`verdict` does not name."""
    return [f"  {one.type} {one.id}: {one.problem}" for one in agreement.differences[1:]]


def conclusion(holds: bool, seconds: float, directory: Path) -> str:
    if not holds:
        failure = f"[red]Something was not as it must be[/red] ({seconds:.0f} s)."
        return f"\n{failure} The functions' logs are in {directory}."
    return f"\nEverything held ({seconds:.0f} s). `make sandbox` leaves the same stack running for you to try."


def mirrored(agreement: Agreement) -> Table:
    """What the table holds, by type."""
    table = Table(title="Mirrored", title_justify="left")
    table.add_column("type")
    for heading in ("equal", "removed, kept as tombstone", "different"):
        table.add_column(heading, justify="right")
    for name in sorted(agreement.alive.keys() | agreement.removed.keys()):
        differing = sum(difference.type == name for difference in agreement.differences)
        removed = agreement.removed.get(name, 0)
        table.add_row(name, str(agreement.alive.get(name, 0) - differing), str(removed), str(differing))
    for name, count in sorted(agreement.unheard.items()):
        table.add_row(f"[dim]{name}: {count} at Stripe, which sends no events for them[/dim]")
    return table


def drifts(run: Run, evidence: Sequence[Drift], *, expected: bool) -> Table:
    """What a run of reconcile has found and done."""
    counts = ("compared", "found", "repaired", "unresolved", "false_alarms")
    title = "Reconcile: " + ", ".join(f"{getattr(run.counts, name)} {name.replace('_', ' ')}" for name in counts)
    table = Table(title=title, title_justify="left")
    for heading in ("object", "difference", "fields", "ended as"):
        table.add_column(heading, overflow="fold")
    for drift in evidence:
        table.add_row(
            _short(drift.id) if expected else drift.id, drift.difference, ", ".join(drift.fields), drift.resolution
        )
    return table


def figures(lags: Mapping[str, Sequence[float]], *, events: int, requests: int) -> Table:
    """How fast it was, and what it cost."""
    table = Table(
        title="Figures of this run, on this machine and without a rate limit",
        title_justify="left",
        show_header=False,
    )
    table.add_column()
    table.add_column(justify="right")
    for name, milliseconds in lags.items():
        table.add_row(f"event created to stored, p50 / p99, {name}", _middle_and_tail(milliseconds))
    table.add_row("events that reached the webhook", str(events))
    table.add_row("requests to Stripe for them, lists and parents included", str(requests))
    table.add_row("requests for each event", f"{requests / events:.2f}" if events else "-")
    return table


def _middle_and_tail(milliseconds: Sequence[float]) -> str:
    if len(milliseconds) < 2:
        return "-"
    centiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return f"{centiles[49] / 1000:.2f} s / {centiles[98] / 1000:.2f} s"


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= 24 else f"{identifier[:14]}…{identifier[-6:]}"
