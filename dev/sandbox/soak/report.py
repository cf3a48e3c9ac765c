"""How does a soak print its result?"""

from collections.abc import Mapping

from rich.table import Table

from dev.sandbox.demo.report import mark

from .freshness import Spread
from .run import Outcome

ODD_DELIVERIES = {
    "duplicate": "sent three times",
    "delay": "sent late",
    "reorder": "sent in another order",
    "lost_answer": "sent again, for their answer was lost",
}
"""By the stand-in's names of the faults."""
MOST_PROBLEMS = 20


def activity_table(outcome: Outcome) -> Table:
    """Changes, deliveries, faults and kills of the soak."""
    table = Table(title="Load and faults", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("seconds", f"{outcome.seconds:.0f}")
    table.add_row("events made", f"{outcome.events} ({outcome.events / outcome.seconds:.1f} a second)")
    table.add_row("events delivered", str(outcome.delivered))
    for name, said in ODD_DELIVERIES.items():
        table.add_row(f"events {said}", str(outcome.faults.get(name, 0)))
    failures = {kind: count for kind, count in outcome.faults.items() if kind not in ODD_DELIVERIES}
    table.add_row("requests to Stripe", str(outcome.requests))
    table.add_row("... that failed or were slow", str(sum(failures.values())))
    for kind, count in sorted(failures.items()):
        table.add_row(f"[dim]    {kind}[/dim]", f"[dim]{count}[/dim]")
    table.add_row("kills of the process function", str(outcome.kills))
    return table


def lag_table(lags: Mapping[str, Spread]) -> Table:
    """How long changes took to reach the table."""
    title = "Seconds from a change at Stripe to the write that stores it"
    table = Table("fault on the way", title=title, title_justify="left")
    for heading in ("changes", "p50", "p95", "p99", "longest"):
        table.add_column(heading, justify="right")
    for name, spread in lags.items():
        shown = (spread.p50, spread.p95, spread.p99, spread.longest)
        table.add_row(name, str(spread.count), *(f"{seconds:.2f}" for seconds in shown))
    return table


def verdict(outcome: Outcome) -> str:
    """The last lines of the report."""
    after = "never" if outcome.settled_after is None else f"{outcome.settled_after:.0f} s after the last change"
    compared = f"objects compared: {outcome.compared}, different: {len(outcome.differences)}"
    problems = [*outcome.differences, *outcome.quarantined, *outcome.not_stored]
    return "\n".join(
        (
            f"{mark(outcome.settled_after is not None)} every message has ended: {after}",
            f"{mark(not outcome.differences)} {compared}",
            f"{mark(not outcome.quarantined)} messages in quarantine: {len(outcome.quarantined)}",
            f"{mark(not outcome.not_stored)} changes that no write has stored: {len(outcome.not_stored)}",
            *(f"  {problem}" for problem in problems[:MOST_PROBLEMS]),
        )
    )
