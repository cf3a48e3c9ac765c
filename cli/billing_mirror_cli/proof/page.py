"""A proof as one HTML page: without scripts, and without anything to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from billing_mirror.core import times
from billing_mirror.reader import Drift

from ..words import count, moment
from .statement import Finding, Proof, TypeProof

DIFFERENCES_SHOWN = 200
"""Differences of a page; the JSON has all."""
_TIME = "Compared at"
_COLUMNS = ("Type", "Finding", _TIME, "Compared", "Found", "Repaired", "Not decided", "Unstorable")
_GOOD = (Finding.EQUAL, Finding.ABSENT)


def html(proof: Proof) -> str:
    """The page."""
    style = resources.files(__package__ or "").joinpath("page.css").read_text("utf-8")
    title = f"Billing Mirror beside Stripe, as of {moment(times.iso(proof.as_of))}"
    parts = [
        _verdict(proof),
        _about(proof),
        _section("By type", _table(proof.types)),
        _section("Differences that these runs found", _differences(proof.types)),
        _section("Never compared, and why", _never(proof)),
        _section("How to read this", f"<p>{_EXPLANATION}</p>"),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


_EXPLANATION = (
    "Each type is compared by itself: a run reads all of Stripe's lists of the type and compares every object with the "
    "table. What differs is fetched again from Stripe and stored, and counts as repaired. A type is equal if nothing "
    "was left open when its last run had ended. Between that run and the time of this page, events kept the table "
    "current. The figures are the records that the runs have left in the table; they are kept for 400 days."
)


def _verdict(proof: Proof) -> str:
    return (
        f'<h1 class="{"good" if proof.holds else "bad"}">{escape(proof.verdict)}</h1>\n<p>{escape(proof.sentence)}</p>'
    )


def _about(proof: Proof) -> str:
    account = f", account {proof.account}" if proof.account else ""
    facts = {
        "As of": moment(times.iso(proof.as_of)),
        "Scope": f"{proof.scope}{account}",
        "Stack": f"{proof.stack}, {proof.region}{f', version {proof.version}' if proof.version else ''}",
        "Events read": f"all until {moment(proof.events_read_until)}" if proof.events_read_until else "not recorded",
        "Made": moment(times.iso(proof.made_at)),
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{listed}</dl>"


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _table(types: Iterable[TypeProof]) -> str:
    # What is not well comes first.
    ordered = sorted(types, key=lambda one: (one.finding in _GOOD, one.finding is Finding.ABSENT, one.type))
    head = "".join(f'<th scope="col"{_class(column)}>{escape(column)}</th>' for column in _COLUMNS)
    body = "\n".join(_type(one) for one in ordered)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _type(one: TypeProof) -> str:
    colour = "good" if one.finding in _GOOD else "bad"
    reason = f'<br><span class="dim">{escape(one.reason)}</span>' if one.reason else ""
    cells = [
        f'<th scope="row">{escape(one.type)}</th>',
        f'<td><span class="{colour}">{escape(one.finding)}</span>{reason}</td>',
    ]
    run = one.run
    values = ["", "", "", "", "", ""]
    if run is not None:
        numbers = (run.counts.compared, run.counts.found, run.counts.repaired, one.undecided_objects)
        values = [moment(run.finished_at or ""), *(f"{number:,}" for number in (*numbers, run.counts.unstorable))]
    for column, value in zip(_COLUMNS[2:], values, strict=True):
        label = f' data-label="{escape(column)}"' if value else ""
        cells.append(f"<td{_class(column)}{label}>{escape(value)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _class(column: str) -> str:
    if column == _TIME:
        return ' class="time"'
    return "" if column in _COLUMNS[:2] else ' class="number"'


def _differences(types: Sequence[TypeProof]) -> str:
    found = [one for proof in types for one in proof.differences]
    if not found:
        return "<p>None.</p>"
    listed = "\n".join(f"<li>{_difference(one)}</li>" for one in found[:DIFFERENCES_SHOWN])
    more = len(found) - DIFFERENCES_SHOWN
    rest = f"<p>And {count(more, 'more')}, which the JSON of this proof names.</p>" if more > 0 else ""
    return f"<ul>\n{listed}\n</ul>{rest}"


def _difference(one: Drift) -> str:
    fields = f", in {', '.join(one.fields)}" if one.fields else ""
    reason = f": {one.reason}" if one.reason else ""
    what = f"{one.difference.replace('_', ' ')}{fields}; {one.resolution.replace('_', ' ')}{reason}"
    return (
        f"{escape(one.id)} <span class='dim'>{escape(one.type)}, {escape(moment(one.noticed_at))}</span><br>"
        f"{escape(what)}"
    )


def _never(proof: Proof) -> str:
    items = []
    for gap in proof.gaps:
        types = f'<br><span class="dim">{escape("; ".join(gap.types))}</span>' if gap.types else ""
        items.append(f"<li><strong>{escape(gap.what)}.</strong> {escape(gap.why)}{types}</li>")
    return f"<ul>\n{chr(10).join(items)}\n</ul>"
