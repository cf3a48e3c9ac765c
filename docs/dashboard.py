"""The picture of the CloudWatch dashboard, drawn from the template's widgets and a recorded run: ``make docs``.

To record another run: ``make soak SECONDS=60``, ``cp build/metrics.json docs/``, ``make docs``.
"""

import hashlib
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # installed for `make docs` only
    from matplotlib.axes import Axes

DOCS = Path(__file__).parent
TEMPLATE, RECORDING, PICTURE = DOCS.parent / "ops" / "template.yaml", DOCS / "metrics.json", DOCS / "dashboard.svg"
COLUMNS = 24
"""The width of a dashboard in CloudWatch's units."""
LEFT, RIGHT, ABOVE, BELOW = 0.9, 2.9, 0.7, 1.3
"""The room around the axes of a widget, in the same units: for numbers, the legend, the title and what is empty."""
OWN_METRICS = "BillingMirror"
NO_DATA = "measured by AWS; a sandbox has no data"
SILENT = "no value in this run"
MAX_LEGEND = 12
"""Lines that a legend has room for."""


@dataclass(frozen=True)
class Line:
    """One line of a widget: its label, and its values by second."""

    label: str
    values: dict[int, float]
    by_aws: bool
    on_the_right: bool


def body(template: str) -> dict[str, Any]:
    """The dashboard's body, with the names of resources where the template refers to them."""
    text = template.partition("\n  Dashboard:\n")[2].partition("DashboardBody: !Sub |\n")[2].partition("\nOutputs:")[0]
    found: dict[str, Any] = json.loads(re.sub(r"\$\{([^}]*)\}", r"\1", text))
    return found


def lines(properties: dict[str, Any], metrics: dict[str, Any]) -> Iterator[Line]:
    """The lines of a widget. ``...`` repeats the members of the metric before it."""
    before: list[str] = []
    for metric in properties["metrics"]:
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        names = [one for one in metric if isinstance(one, str)]
        before = before if names == ["..."] else names
        namespace, name, dimensions = before[0], before[1], dict(zip(before[2::2], before[3::2], strict=True))
        recorded_as = filter(None, (dimensions.get("service"), name, dimensions.get("category")))
        series = metrics.get(" ".join(recorded_as), {})
        stat = options.get("stat", properties.get("stat", "Sum"))
        values = _by_second(series, stat)
        label = options.get("label", name)
        yield Line(label, values, namespace != OWN_METRICS, options.get("yAxis") == "right")


def _by_second(series: dict[str, Any], stat: str) -> dict[int, float]:
    return {at: series[str(at)][stat] for at in sorted(map(int, series))}


def fingerprint(template: str, recording: str) -> str:
    """What the picture shows: it is in the picture, and a test compares it."""
    shown = json.dumps([body(template), json.loads(recording)], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()


def picture(template: str, recording: str) -> str:
    """The dashboard as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams |= {"svg.hashsalt": "dashboard", "svg.fonttype": "none", "font.size": 8, "axes.titlesize": 9}
    widgets = body(template)["widgets"]
    depth = max(widget["y"] + widget["height"] for widget in widgets)
    figure = pyplot.figure(figsize=(16, depth * 0.45))
    for widget in widgets:
        left, top = widget["x"] + LEFT, widget["y"] + ABOVE
        width, height = widget["width"] - LEFT - RIGHT, widget["height"] - ABOVE - BELOW
        rectangle = (left / COLUMNS, 1 - (top + height) / depth, width / COLUMNS, height / depth)
        _draw(figure.add_axes(rectangle), widget["properties"], json.loads(recording))
    with PICTURE.with_suffix(".unfinished").open("w+") as file:
        figure.savefig(file, format="svg", metadata={"Date": None, "Title": fingerprint(template, recording)})
        file.seek(0)
        drawn = file.read()
    PICTURE.with_suffix(".unfinished").unlink()
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _draw(axes: "Axes", properties: dict[str, Any], metrics: dict[str, Any]) -> None:
    axes.set_title(properties["title"], loc="left")
    shown, empty = _split(lines(properties, metrics))
    if empty:
        names = ", ".join(line.label for line in empty)
        why = NO_DATA if all(line.by_aws for line in empty) else SILENT
        axes.set_xlabel(textwrap.fill(f"{why}: {names}", 110), loc="left", fontsize=6, color="grey")
    axes.spines[["top", "right"]].set_visible(False)
    if not shown:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    right = axes.twinx() if any(line.on_the_right for line in shown) else None
    for number, line in enumerate(shown):
        side, colour = right if right is not None and line.on_the_right else axes, f"C{number % 10}"
        label = f"{line.label} (right)" if line.on_the_right else line.label
        side.plot([*line.values], [*line.values.values()], ".-", color=colour, linewidth=1)
        axes.plot([], [], ".-", color=colour, label=label)
    axes.set_xlim(0, max(int(at) for series in metrics.values() for at in series) + 1)
    for side in filter(None, (axes, right)):
        side.set_ylim(bottom=0)
    if len(shown) <= MAX_LEGEND:
        axes.legend(
            fontsize=6, loc="upper left", bbox_to_anchor=(1.2 if right else 1.05, 1.0), borderaxespad=0, frameon=False
        )
    else:
        axes.text(0.02, 0.9, f"{len(shown)} lines, one for each type", transform=axes.transAxes)


def _split(found: Iterable[Line]) -> tuple[list[Line], list[Line]]:
    """The lines with values, and those without."""
    drawn = [*found]
    return [line for line in drawn if line.values], [line for line in drawn if not line.values]


if __name__ == "__main__":
    PICTURE.write_text(picture(TEMPLATE.read_text(), RECORDING.read_text()))
    sys.stdout.write("docs/dashboard.svg: the template's dashboard with the metrics of a recorded run.\n")
