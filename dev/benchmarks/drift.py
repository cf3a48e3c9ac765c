"""Is every difference found, none invented, and each one decided by a single fetch?"""

from dev.benchmarks import isolated_process as fresh
from dev.benchmarks.result import Result, table
from dev.benchmarks.synthetic_server import serving

SHARE = 1000
"""One of so many objects differs in each way."""


def run(objects: int = 100_000) -> Result:
    """Plants differences of each kind, and lets reconcile look for them."""
    planted = max(1, objects // SHARE)
    with serving(objects) as served:
        found = fresh.run("drift_run", api_base=served.api_base, objects=objects, planted=planted)
    result = Result(table(f"Finding what differs among {objects:,} objects", "", "planted", "found", "invented"))
    for kind, (right, wrong) in found["kinds"].items():
        result.table.add_row(kind.replace("_", " "), f"{planted:,}", f"{right:,}", f"{wrong:,}")
    result.figures |= {**found, "fetches_in_all": found["fetches"]}
    right, wrong = (sum(pair[place] for pair in found["kinds"].values()) for place in (0, 1))
    suspicions = len(found["kinds"]) * planted
    result.table.add_section()
    shown = (
        ("share of them found", result.at_least("share found", right / suspicions, 1)),
        ("reports of what does not differ", result.at_most("false reports", wrong + found["false_alarms"], 0)),
        (
            "fetches for each suspicion",
            result.at_most("fetches", found["fetches"] / suspicions, 1),
        ),
        ("objects fetched more than once", result.at_most("fetched twice", found["fetched_twice"], 0)),
        ("objects wrong afterwards", result.at_most("wrong afterwards", found["wrong_afterwards"], 0)),
    )
    for name, value in shown:
        result.table.add_row(name, "", value)
    return result
