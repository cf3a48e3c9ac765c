"""Prints what each scenario costs: ``python -m tests.request_counts``."""

import asyncio
import sys

from rich.console import Console
from rich.table import Table

from .account import Account, Cause
from .scenarios import SCENARIOS

WAYS = {"one container": (50, 1), "five containers": (10, 5)}
"""How many messages a container receives at once, and how many containers work."""


async def table() -> Table:
    shown = Table("scenario", "", "changed", "requests", "ratio", *Cause)
    for name, scenario in SCENARIOS.items():
        for way, (batch, containers) in WAYS.items():
            account = Account(batch, containers)
            await scenario(account)
            total = account.counts.total()
            ratio = f"{total / account.changed:.2f}" if account.changed else ""
            causes = (str(account.counts[cause] or "") for cause in Cause)
            shown.add_row(name, way, str(account.changed), str(total), ratio, *causes)
    return shown


def main() -> int:
    Console(width=200).print(asyncio.run(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
