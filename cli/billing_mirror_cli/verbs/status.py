"""``billing-mirror status``: one screen that says whether the stack is well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import typer

from billing_mirror.core import times
from billing_mirror.core.catalog import TYPES, CompareInterval
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.runs.run import Resolution
from billing_mirror.core.runs.schedule import RECOVER

from .. import __version__
from ..failures import ExitCode
from ..health.facts import read_facts
from ..health.verdict import Facts, Problem, State, problems, verdict
from ..stack.session import Session
from ..words import age, count, since

_COLOURS = {State.HEALTHY: "bold green", State.FILLING: "bold yellow", State.BEHIND: "bold yellow"}
_MOST = 5
"""Types that a line names."""


def status(
    session: Session,
    *,
    repeat: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=1, help="How often --watch shows it.")] = 10,
) -> None:
    """Show whether the mirror is well: verdict, queue, quarantine, jobs and their ages, drift, counts.

    Exit code 0: healthy; 1: not.
    """
    while True:
        facts = read_facts(session)
        found = problems(facts)
        if repeat and session.output.console.is_terminal and not session.output.as_json:
            session.output.console.clear()
        session.output.value(_as_json(session, facts, found))
        _show(session, facts, found)
        if not repeat:
            raise typer.Exit(ExitCode.FAILED if found else ExitCode.OK)
        session.sleep(every)


def _show(session: Session, facts: Facts, found: Sequence[Problem]) -> None:
    stack, output = session.stack, session.output
    account = f", account {session.account}" if session.account else ""
    version = f", version {stack.version}" if stack.version else ""
    output.line(f"{stack.name}  {session.aws.region}  {session.scope}{account}{version}", "bold")
    output.line()
    state = verdict(found)
    style = _COLOURS.get(state, "bold red")
    if not found:
        output.line(f"  {state.upper():<9} Every type matched Stripe when it was last compared.", style)
    for problem in found:
        output.line(f"  {problem.state.upper():<9} {problem.sentence}.", style)
        if problem.remedy:
            output.remedy(problem.remedy, indent=" " * 12)
    output.line()
    output.lines(in_words(facts), indent="  ")


def in_words(facts: Facts) -> list[tuple[str, str]]:
    """The facts behind the verdict: the name and the words of each."""
    queue = facts.queue
    oldest = "" if queue.oldest is None else f", the oldest for {age(queue.oldest)}"
    lag = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in facts.lag.items())
    lines = [
        ("queue", f"{queue.waiting:,} waiting{oldest}, {queue.in_flight:,} in work, {queue.delayed:,} delayed"),
        ("quarantine", f"{facts.quarantined:,}"),
        ("lag, 24 h", lag or "not known: CloudWatch has no figures"),
        ("recover", _recover(facts)),
        ("verify", _verified(facts)),
        ("running", ", ".join(f"{run.type} ({run.job})" for run in facts.newest.values() if run.running) or "nothing"),
        ("drift, 30 d", _drift(facts)),
        ("objects", _objects(facts)),
    ]
    no_access = [name for name, run in facts.newest.items() if run.status == "unauthorized"]
    return lines + ([("no access", ", ".join(no_access))] if no_access else [])


def _recover(facts: Facts) -> str:
    run = facts.newest.get(RECOVER)
    if run is None or not run.watermark:
        return "never"
    worked = age(facts.now - times.seconds(run.updated_at))
    return f"{worked} ago, all events read until {since(run.watermark, facts.now)}"


def _verified(facts: Facts) -> str:
    """By interval, how long ago the type was compared whose turn was longest ago."""
    oldest: dict[CompareInterval, float] = {}
    for name, at in facts.compared_at.items():
        if name in TYPES:
            interval = TYPES[name].interval
            oldest[interval] = min(at, oldest.get(interval, at))
    parts = [f"{one.replace('_', ' ')} {age(facts.now - oldest[one])} ago" for one in CompareInterval if one in oldest]
    return ", ".join(parts) or "never"


def _drift(facts: Facts) -> str:
    by_resolution = {one: sum(counts.get(one, 0) for counts in facts.drifts.values()) for one in Resolution}
    found = by_resolution[Resolution.REPAIRED] + by_resolution[Resolution.UNRESOLVED]
    if not found:
        return f"none, {count(by_resolution[Resolution.FALSE_ALARM], 'false alarm')}"
    types = {
        name: counts.get(Resolution.REPAIRED, 0) + counts.get(Resolution.UNRESOLVED, 0)
        for name, counts in facts.drifts.items()
    }
    repaired = by_resolution[Resolution.REPAIRED]
    return f"{found:,} found, {repaired:,} repaired ({_most({n: t for n, t in types.items() if t})})"


def _objects(facts: Facts) -> str:
    known = objects_compared(facts)
    return f"{sum(known.values()):,} when last compared" + (f" ({_most(known)})" if known else "")


def objects_compared(facts: Facts) -> dict[str, int]:
    """By type, the objects that its last complete run compared."""
    compared = {name: run.counts.compared for name, run in facts.complete.items() if name in TYPES}
    return {name: number for name, number in compared.items() if number}


def _most(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    more = f", {len(ordered) - _MOST} more types" if len(ordered) > _MOST else ""
    return ", ".join(f"{name} {number:,}" for name, number in ordered[:_MOST]) + more


def _as_json(session: Session, facts: Facts, found: Sequence[Problem]) -> JsonObject:
    listed: list[Json] = [
        {"state": one.state.value, "sentence": one.sentence, "remedy": session.output.with_options(one.remedy)}
        for one in found
    ]
    queue: JsonObject = {
        "waiting": facts.queue.waiting,
        "in_flight": facts.queue.in_flight,
        "delayed": facts.queue.delayed,
        "oldest_seconds": _exact(facts.queue.oldest),
    }
    drifts: JsonObject = {
        name: {resolution.value: number for resolution, number in counts.items()}
        for name, counts in facts.drifts.items()
    }
    return {
        "stack": session.stack.name,
        "region": session.aws.region,
        "scope": session.scope,
        "account": session.account,
        "version": session.stack.version,
        "command_version": __version__,
        "at": times.iso(facts.now),
        "state": verdict(found).value,
        "problems": listed,
        "queue": queue,
        "quarantined": facts.quarantined,
        "lag_seconds": {name: _exact(seconds) for name, seconds in facts.lag.items()},
        "runs": {name: run.to_json() for name, run in facts.newest.items()},
        "compared_at": {name: times.iso(at) for name, at in facts.compared_at.items()},
        "drift_30_days": drifts,
        "objects": {**objects_compared(facts)},
    }


def _exact(seconds: float | None) -> Decimal | None:
    return None if seconds is None else Decimal(str(round(seconds, 3)))
