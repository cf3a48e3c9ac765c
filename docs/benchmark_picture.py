"""The picture of the main rows of the benchmark, drawn from docs/bench.json: ``make docs``."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RECORDING, PICTURE = DOCS / "bench.json", DOCS / "benchmark.svg"
ROWS = {
    "burst, 20 events/s": "20 events/s",
    "burst, 50 events/s": "50 events/s",
    "ten sign-ups": "sign-ups",
    "month end, 14 and 130 lines": "month end",
    "hot type, 24 events/s": "one hot type",
    "backlog, 20 events an object": "backlog",
}
"""Scenarios, and how the picture names them."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
VARIANTS = {"billing mirror": "Billing Mirror", "naive": "SDK + boto3", "10 threads": "SDK + boto3, 10 threads"}


def fingerprint(recording: str) -> str:
    """What the picture shows: it is in the picture, and a test compares it."""
    return hashlib.sha256(json.dumps(_shown(json.loads(recording)), sort_keys=True).encode()).hexdigest()


def _shown(recording: dict[str, Any]) -> dict[str, list[list[float]]]:
    """By variant: requests relative to the floor, the p99 of lags in seconds, and whether all was stored in the end."""
    found = {**recording["events"]["scenarios"], **recording["backlog"]["scenarios"]}

    def of(one: dict[str, Any]) -> list[float]:
        return [one["requests"] / one["floor"], one["p99"], one["finished"]]

    return {who: [of(found[name][who]) for name in ROWS] for who in VARIANTS}


def picture(recording: str) -> str:
    """Two charts as SVG: requests relative to the least possible, and seconds until stored."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams |= {"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9}
    shown = _shown(json.loads(recording))
    figure, charts = pyplot.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
    titles = ("Requests to Stripe, relative to the least possible", "Event to stored, 99 of 100 within (s)")
    for part, (axes, title) in enumerate(zip(charts, titles, strict=True)):
        for number, (who, label) in enumerate(VARIANTS.items()):
            positions = [index + (number - 1) * 0.27 for index in range(len(ROWS))]
            bars = axes.bar(positions, [one[part] for one in shown[who]], width=0.25, label=label)
            for bar, (_, _, finished) in zip(bars, shown[who], strict=True):
                bar.set(hatch=None if finished else "////", edgecolor="white")
        axes.set_xticks(range(len(ROWS)), ROWS.values(), rotation=20, ha="right")
        axes.set_title(title, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_yscale("log")
        least, most = axes.get_ylim()
        ticks = [one for one in TICKS if least <= one <= most]
        axes.set_yticks(ticks, map(str, ticks))
        axes.minorticks_off()
    figure.supxlabel(
        "hatched: cut off before all was stored; the handlers read no lists", fontsize=8, x=0.985, ha="right"
    )
    charts[0].axhline(1.0, color="grey", linewidth=0.8)
    figure.legend(*charts[0].get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False)
    unfinished = PICTURE.with_suffix(".unfinished")
    figure.savefig(unfinished, format="svg", metadata={"Date": None, "Title": fingerprint(recording)})
    drawn = unfinished.read_text()
    unfinished.unlink()
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(RECORDING.read_text()))
    sys.stdout.write("docs/benchmark.svg: the main rows of a recorded run.\n")
