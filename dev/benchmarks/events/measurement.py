"""What did one run of one scenario take: requests, time, processor time, and what AWS charges for?"""

import itertools
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from billing_mirror.core.table.items import Item
from dev.benchmarks.events.model import stripe_server
from dev.benchmarks.events.model.ledger import INDEXED
from dev.benchmarks.events.model.seed import seed
from dev.benchmarks.events.model.shipped import indexes
from dev.benchmarks.events.model.stack import Json, Stack
from dev.benchmarks.events.scenarios import ACCOUNT_LIMIT, ENDPOINT_LIMIT, Prepared, Scenario
from dev.benchmarks.events.units import OBJECT, Table


@dataclass
class Measured:
    """A stack beside what it needs to know between scenarios."""

    stack: Stack
    patience: float
    """Seconds for which a run may go on after the last change; of a backlog, beyond what Stripe's limits take."""
    seeded: set[str] = field(default_factory=set)
    table: Table = field(default_factory=lambda: Table(indexes()))

    def run(self, scenario: Scenario) -> Json:
        """The figures of one run, taken when nothing is on its way any more."""
        stack, entered_at = self.stack, time.monotonic()
        stack.stripe.faults(rate_limit=None, api=[])
        prepared = scenario.prepare(stack)
        self._note(seed(stack, self.seeded))
        stack.stripe.faults(rate_limit={"global": ACCOUNT_LIMIT, "endpoint": ENDPOINT_LIMIT})
        before = {str(event["id"]) for event in stack.stripe.events()}
        self._drain()
        if scenario.all_at_once:
            stack.queue.hold()
        sent = stack.queue.sent, stack.queue.received
        started_at = time.time()
        made = _make(prepared)
        if scenario.all_at_once:
            started_at = time.time()
            stack.queue.let_go()
        finished = stack.settle(self.patience + (prepared.ideal if scenario.all_at_once else 0.0))
        requests, ingested, processed = self._drain()
        events = [one for one in stack.stripe.events() if str(one["id"]) not in before]
        figures = self._figures(requests, ingested, processed, events, started_at, finished=finished)
        return figures | {
            "objects": prepared.objects,
            "floor": prepared.floor,
            "ideal": prepared.ideal,
            "steps": made,
            "finished": finished,
            "elapsed": time.monotonic() - entered_at,
            "queue_sends": stack.queue.sent - sent[0],
            "queue_receives": stack.queue.received - sent[1],
            "quarantined": len(stack.queue.quarantined),
        }

    def _note(self, seeded: Mapping[str, Item]) -> None:
        for partition, item in seeded.items():
            self.table.columns[partition, OBJECT] = {name: str(item[name]) for name in INDEXED if item.get(name)}

    def _drain(self) -> tuple[dict[str, dict[str, int]], list[Json], list[Json]]:
        stack = self.stack
        return stripe_server.drain(stack.stripe.api_base), stack.ingested.drain(), stack.processed.drain()

    def _figures(
        self,
        requests: dict[str, dict[str, int]],
        ingested: list[Json],
        processed: list[Json],
        events: list[Json],
        started_at: float,
        *,
        finished: bool,
    ) -> Json:
        written = sorted((one for record in processed for one in record["written"]), key=itemgetter(0))
        delays, last = lags(events, written, started_at, until=None if finished else time.time())
        causes = requests["causes"]
        return {
            "events": len(events),
            "requests": sum(causes.values()),
            "causes": causes,
            "refused": causes.get("refused", 0) / max(1, sum(causes.values())),
            "unstored": len(events) - len(delays),
            "p50": _percentile(delays, 50),
            "p99": _percentile(delays, 99),
            "seconds": last - started_at if delays else 0.0,
            "process": _sums(processed),
            "ingest": _sums(ingested),
            "write_units": self.table.written(written),
            "read_units": self.table.read(one for record in processed for one in record["read"]),
            "metrics": sorted({one for record in [*processed, *ingested] for one in record["metrics"]}),
            "errors": [record["error"] for record in [*processed, *ingested] if "error" in record][:3],
        }


def _make(prepared: Prepared) -> int:
    """Makes the changes at their times; returns how many."""
    next_at, count = time.monotonic(), 0
    for pause, step in prepared.steps:
        next_at += pause
        time.sleep(max(0.0, next_at - time.monotonic()))
        step()
        count += 1
    return count


def lags(
    events: Iterable[Json], written: Iterable[Any], started_at: float, until: float | None
) -> tuple[list[float], float]:
    """Seconds from each event's creation to the first write of its object after it, and the time of the last of them.

    An event of a backlog counts from ``started_at``, when the functions start.

    In these scenarios an object changes again only after the change before is stored. Where a run was cut off at
    ``until``, what was not stored counts as stored then; else its object was stored before the event came.
    """
    times: dict[str, list[float]] = {}
    for at, partition, sort_key, *_ in written:
        if sort_key == OBJECT:
            times.setdefault(re.split("[#/]", partition)[-1], []).append(at)
    found, last = [], 0.0
    for event in events:
        created = datetime.fromisoformat(event["created"]).timestamp()
        identifier = (event.get("related_object") or {}).get("id", "")
        stored = next((at for at in times.get(identifier, []) if at > created), until)
        if stored is not None:
            found.append(stored - max(created, started_at))
            last = max(last, stored)
    return found, last


def _sums(records: Iterable[Json]) -> Json:
    """Sums over invocations."""
    known = list(records)
    calls: Counter[str] = Counter(itertools.chain.from_iterable(Counter(one["calls"]).elements() for one in known))
    sums = {name: sum(one[name] for one in known) for name in ("cpu", "wall", "log_bytes", "metric_bytes")}
    steps = {name for one in known for name in one["steps"]}
    by_step = {name: sum(one["steps"].get(name, 0.0) for one in known) for name in sorted(steps)}
    return {"invocations": len(known), "calls": dict(calls), **sums, "steps": by_step}


def _percentile(values: list[float], percent: int) -> float | None:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else None


def medians(runs: list[Json]) -> Json:
    """The median of every number, name by name; of anything else, the first. What went wrong once, went wrong."""
    found = {name: _median([run[name] for run in runs if name in run]) for name in runs[0]}
    found |= {name: max(run[name] for run in runs) for name in ("unstored", "quarantined") if name in runs[0]}
    return found | {name: all(run[name] for run in runs) for name in ("finished",) if name in runs[0]}


def _median(values: list[Any]) -> Any:  # noqa: ANN401 - figures of any kind
    if all(isinstance(one, Mapping) for one in values):
        names = dict.fromkeys(itertools.chain.from_iterable(values))
        return {name: _median([one.get(name, 0) for one in values]) for name in names}
    numbers = [one for one in values if isinstance(one, int | float)]
    return statistics.median(numbers) if numbers and len(numbers) == len(values) else values[0]
