"""Does reconcile find every difference, report no false one, and repair each by a single fetch?"""

from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.synthetic_server import serving
from dev.benchmarks.result import Result, table

SHARE = 1000
"""One of so many objects has a difference of each kind."""


def run(objects: int = 100_000) -> Result:
    """Creates differences of each kind, and runs reconcile."""
    per_kind = max(1, objects // SHARE)
    with serving(objects) as served:
        found = isolated_process.run(
            "reconcile.drift_run", api_base=served.api_base, objects=objects, per_kind=per_kind
        )
    result = Result(table(f"Finding differences among {objects:,} objects", "", "created", "found", "false"))
    for kind, (right, wrong) in found["kinds"].items():
        result.table.add_row(kind.replace("_", " "), f"{per_kind:,}", f"{right:,}", f"{wrong:,}")
    result.figures |= {**found, "fetches_in_all": found["fetches"]}
    right, wrong = (sum(pair[index] for pair in found["kinds"].values()) for index in (0, 1))
    differences = len(found["kinds"]) * per_kind
    result.table.add_section()
    shown = (
        ("share of differences found", result.at_least("share found", right / differences, 1)),
        ("reports of equal objects", result.at_most("false reports", wrong + found["false_alarms"], 0)),
        (
            "fetches per difference",
            result.at_most("fetches", found["fetches"] / differences, 1),
        ),
        ("objects fetched more than once", result.at_most("fetched twice", found["fetched_twice"], 0)),
        ("objects wrong afterwards", result.at_most("wrong afterwards", found["wrong_afterwards"], 0)),
    )
    for name, value in shown:
        result.table.add_row(name, "", value)
    return result
