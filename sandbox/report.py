"""How the demo shows what it has found."""

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from billing_mirror.reader import Drift, Run
from sandbox.agreement import Agreement


def mark(good: bool) -> str:
    return "[green]✓[/green]" if good else "[red]✗[/red]"


def verdict(agreement: Agreement) -> str:
    """Ends a sentence that begins with *the table*."""
    if agreement.holds:
        unheard = sum(agreement.unheard.values())
        rest = f" ({unheard} more not told of yet)" if unheard else ""
        return f"equals Stripe in {agreement.objects} objects{rest}"
    first = agreement.differences[0]
    more = len(agreement.differences) - 1
    others = f" and {more} more" if more else ""
    return f"differs from Stripe in {_short(first.id)}: {first.problem}{others}"


def conclusion(holds: bool, seconds: float) -> str:
    if not holds:
        return f"\n[red]Something was not as it must be[/red] ({seconds:.0f} s)."
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


def drifts(run: Run, evidence: Sequence[Drift]) -> Table:
    """What a run of reconcile has found and done."""
    counts = ("compared", "found", "repaired", "unresolved", "false_alarms")
    title = "Reconcile: " + ", ".join(f"{getattr(run.counts, name)} {name.replace('_', ' ')}" for name in counts)
    table = Table("object", "difference", "fields", "ended as", title=title, title_justify="left")
    for drift in evidence:
        table.add_row(_short(drift.id), drift.difference, ", ".join(drift.fields), drift.resolution)
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
        centiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
        shown = f"{centiles[49] / 1000:.2f} s / {centiles[98] / 1000:.2f} s"
        table.add_row(f"event created to stored, p50 / p99, {name}", shown)
    table.add_row("events that reached the webhook", str(events))
    table.add_row("requests to Stripe for them, lists and parents included", str(requests))
    table.add_row("requests for each event", f"{requests / events:.2f}")
    return table


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= 24 else f"{identifier[:14]}…{identifier[-6:]}"
