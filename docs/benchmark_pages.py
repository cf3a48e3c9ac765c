"""Writes docs/cost.md, and the tables of docs/performance.md, from docs/bench.json: ``make docs``.

To record another run: ``make bench BACKLOG=20000 ROUNDS=3 ONLY="events backlog ingest profile settings idle"``,
``cp build/bench.json docs/``, ``make docs``.
"""

import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.benchmarks.events.prices import PRICES, per_million

DOCS = Path(__file__).parent
RECORDING, COST, PERFORMANCE = DOCS / "bench.json", DOCS / "cost.md", DOCS / "performance.md"
END = "<!-- end -->\n"
VARIANTS = ("billing mirror", "naive", "10 threads")

Json = dict[str, Any]

CPU_GOAL = 0.7
"""The goal of process's processor time, relative to the naive handler's."""

LEAST = (
    "requests",
    "invocations of ingest",
    "invocations of process",
    "sends",
    "receives",
    "deletes",
    "writes: objects",
)
"""What a lone event costs any mirror that takes webhooks through a queue and stores the object."""

FREE = {"metric": "custom metrics", "alarm": "alarms"}
"""What CloudWatch's free tier covers ten of, and how the bill of a month names it."""

COST_TEXT = """\
# Cost

What AWS charges for a stack, computed by `make bench` from the calls, units, bytes and seconds that it counted in two
runs on small machines, backlogs in one and all else in the other, at AWS's list prices of us-east-1, without its free
tier. Nothing here comes from a bill. Stripe charges nothing for its API.

## A million events

An event here is one of Stripe's events, of which a change has two or three. *Busy*: 50 events a second. *Alone*: 5 a
second. The naive handlers, beside which it is measured, store objects as they
come, without indexes, and repair nothing. A … says that they had not stored all when they were cut off.

{million}
Stripe answers within 80 ms there, for which process waits. A tenth of a second more costs 0.67 USD for a million events
that come alone. What an event costs depends on how many objects, lists and indexes it leads to, and on how many events
come together:

{others}
## A month without events

{month}
The free tier of CloudWatch, which does not end, covers ten metrics and ten alarms: {free} USD less. `Monitoring=off`
saves the alarms. Storage and its backup come on top: 0.45 USD a month for each GB, of which a million objects of 3 KB
take three; and verify runs, which read half a unit for each 4 KB of an object
([costs of verify runs](operations.md#costs)).

## List prices

{prices}
{kept}"""
KEPT = "## Changes and history\n"
"""Where the part of the page starts that is not written here."""


def cost(page: str, recording: Json) -> str:
    """The page about costs. What it says of parts that no benchmark runs stays as it is."""
    by_scenario = recording["events"]["usd_per_million"]
    names = {"busy": "burst, 50 events/s", "alone": "burst, 5 events/s"}
    services = list(by_scenario[names["busy"]][VARIANTS[0]])
    columns = [(how, who) for how in names for who in VARIANTS]
    lines = [
        [service, *(f"{by_scenario[names[how]][who][service]:.2f}" for how, who in columns)] for service in services
    ]
    ended = {(how, who): measured(recording)[names[how]][who]["finished"] for how, who in columns}
    sums = [
        f"**{sum(by_scenario[names[how]][who].values()):.2f}**{'' if ended[how, who] else ' …'}" for how, who in columns
    ]
    others = [
        [name, *(f"{_sum_of(by[who]):.2f}{'' if by[who]['finished'] else ' …'}" for who in VARIANTS[:2])]
        for name, by in measured(recording).items()
        if name not in names.values() and by[VARIANTS[0]]["events"]
    ]
    month = recording["idle"]["usd_per_month"]
    bill = [[name, f"{usd:.2f}"] for name, usd in month.items()]
    prices = [[name, _usd(price.usd), price.per, price.source] for name, price in PRICES.items()]
    free = sum(min(10 * PRICES[one].usd, month[named]) for one, named in FREE.items())
    return COST_TEXT.format(
        kept=page[page.index(KEPT) :],
        free=f"{free:.2f}",
        million=_table(["USD", *(f"{how}, {who}" for how, who in columns)], [*lines, ["in all", *sums]]),
        others=_table(["USD a million events", VARIANTS[0], VARIANTS[1]], others),
        month=_table(["cause", "USD"], [*bill, ["in all", f"**{sum(month.values()):.2f}**"]]),
        prices=_table(["what", "USD", "for each", "source"], prices),
    )


def measured(recording: Json) -> Json:
    """The figures of all scenarios, by name and variant: live events, and backlogs."""
    return {**recording["events"]["scenarios"], **recording["backlog"]["scenarios"]}


def _sum_of(figures: Json) -> float:
    return sum(per_million(figures).values())


def _usd(amount: float) -> str:
    shown = f"{amount:.10f}".rstrip("0")
    return shown if len(shown.partition(".")[2]) > 1 else f"{amount:.2f}"


def scenarios(recording: Json) -> str:
    """Requests, lags and processor time of each scenario."""
    lines = []
    for name, by in measured(recording).items():
        ours = by[VARIANTS[0]]
        causes = ", ".join(f"{count:.0f} {cause}" for cause, count in sorted(ours["causes"].items(), key=_count))
        lines.append(
            [
                name,
                f"{ours['floor']}",
                *(f"{one['requests']:.0f}{'' if one['finished'] else ' …'}" for one in map(by.get, VARIANTS) if one),
                causes,
                *(_seconds(by[who]) for who in VARIANTS),
                *(_milliseconds(by[who]) for who in VARIANTS),
            ]
        )
    heads = ["scenario", "floor", *VARIANTS, "of ours", *(f"p99 s, {who}" for who in VARIANTS)]
    return _table([*heads, *(f"CPU ms, {who}" for who in VARIANTS)], lines)


def _count(pair: tuple[str, float]) -> float:
    return -pair[1]


def _seconds(figures: Json) -> str:
    """The p99; at least that, where the run was cut off."""
    if figures["p99"] is None:
        return "-"
    return f"{'' if figures['finished'] else '> '}{figures['p99']:.2f}"


def _milliseconds(figures: Json) -> str:
    return f"{_cpu(figures):.1f}" if figures["events"] else "-"


def ingest(recording: Json) -> str:
    """Processor time of ingest."""
    by = recording["ingest"]["milliseconds"]
    ours, naive = by[VARIANTS[0]], by[VARIANTS[1]]
    lines = [[what, f"{ours[what]:.2f}", f"{naive[what]:.2f}", f"{ours[what] / naive[what]:.2f}"] for what in ours]
    return _table(["CPU ms", VARIANTS[0], VARIANTS[1], "ratio"], lines)


def profile(recording: Json) -> str:
    """The processor time of a lone event, by function and step."""
    lines = []
    for function, by_step in recording["profile"]["milliseconds"].items():
        whole = sum(by_step.values())
        lines += [[function, step, f"{taken:.2f}", f"{100 * taken / whole:.0f} %"] for step, taken in by_step.items()]
        lines.append([function, "in all", f"**{whole:.2f}**", ""])
    return _table(["function", "step", "CPU ms", "share"], lines)


def cents(recording: Json) -> str:
    """What a million lone events cost, by service and call."""
    by = recording["profile"]["cents_a_million"]
    lines = [[service, what, f"{one:.1f}"] for service, calls in by.items() for what, one in calls.items()]
    whole = sum(sum(calls.values()) for calls in by.values())
    least = sum(usd for calls in by.values() for what, usd in calls.items() if what in LEAST)
    sums = [["in all", "", f"**{whole:.1f}**"], ["of them, of any mirror", "", f"{least:.1f}"]]
    return _table(["service", "what", "cents"], [*lines, *sums])


def client(recording: Json) -> str:
    """What a client of our own would save of processor time, beside the goal."""
    by = recording["profile"]["saved_by_signed_client"]
    of_calls = ", ".join(f"{saved:.2f} ms a call of {operation}" for operation, saved in by.items())
    return (
        f"Such a client, without retries and errors, saves {of_calls}.\n"
        f"A lone event takes {recording['profile']['calls_of_aws']:.1f} calls of AWS, so it would save "
        f"{100 * saved_by_client(recording):.0f} % of process's time.\n"
        f"Of {ratio_of_cpu(recording):.1f} times naive's, {left_by_client(recording):.1f} times would be left; "
        f"the goal is {CPU_GOAL:.1f}.\n"
    )


def saved_by_client(recording: Json) -> float:
    """The share of process's time that it saves, if each call of a lone event saved as much as those measured."""
    profiled = recording["profile"]
    saved: float = statistics.mean(profiled["saved_by_signed_client"].values()) * profiled["calls_of_aws"]
    whole: float = sum(profiled["milliseconds"]["process"].values())
    return saved / whole


def ratio_of_cpu(recording: Json) -> float:
    """Process's processor time for a lone event, relative to the naive handler's."""
    ours, naive = (_cpu(measured(recording)["lone events"][who]) for who in VARIANTS[:2])
    return ours / naive


def left_by_client(recording: Json) -> float:
    """The same with such a client."""
    return ratio_of_cpu(recording) * (1 - saved_by_client(recording))


def _cpu(figures: Json) -> float:
    """Milliseconds of process's processor time for an event."""
    cpu, events = float(figures["process"]["cpu"]), int(figures["events"])
    return cpu / events * 1000


def settings(recording: Json) -> str:
    """Requests and p99 of some scenarios with the shipped settings, and with others."""
    compared = recording["settings"]["settings"]
    scenarios = [*compared[0]["scenarios"]]
    lines = [
        [
            *map(str, one["parameters"].values()),
            *(f"{by['requests']:.0f}, {by['p99']:.2f} s" for by in map(one["scenarios"].__getitem__, scenarios)),
        ]
        for one in compared
    ]
    return _table([*(f"`{name}`" for name in compared[0]["parameters"]), *scenarios], lines)


def missed(recording: Json) -> str:
    """The goals that the recorded run missed."""
    sentences = [one for name in ("events", "backlog", "ingest", "idle") for one in recording[name]["missed"]]
    return "".join(f"- {sentence}\n" for sentence in sentences) or "None.\n"


def performance(page: str, recording: Json) -> str:
    """The page with its tables written anew."""
    parts = {
        "scenarios": scenarios,
        "ingest": ingest,
        "profile": profile,
        "cents": cents,
        "client": client,
        "settings": settings,
        "missed": missed,
    }
    for name, write in parts.items():
        start = page.index(f"<!-- {name} -->\n") + len(f"<!-- {name} -->\n")
        page = page[:start] + "\n" + write(recording) + "\n" + page[page.index(END, start) :]
    return page


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, ["---"] * len(heads), *lines))


def recording() -> Mapping[str, Any]:
    found: Json = json.loads(RECORDING.read_text())
    return found


if __name__ == "__main__":
    known = dict(recording())
    COST.write_text(cost(COST.read_text(), known))
    PERFORMANCE.write_text(performance(PERFORMANCE.read_text(), known))
    sys.stdout.write("docs/cost.md and docs/performance.md: the figures of a recorded run.\n")
