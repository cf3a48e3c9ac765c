"""A container has the share of a processor that its function has, where the machine can hold it to that."""

import subprocess
import sys
from pathlib import Path

import pytest

from dev.benchmarks.events.model.processor import PARENTS, WHOLE, held, hold, holds, lambdas_share

BUSY = "import time\nuntil = time.process_time() + 0.2\nwhile time.process_time() < until: pass"


@pytest.mark.parametrize(
    ("version", "limits"),
    [
        ({"cpu.cfs_quota_us": "-1"}, {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "5000"}),
        ({"cgroup.subtree_control": "cpu memory"}, {"cpu.max": "5000 20000"}),
    ],
)
def test_a_control_group_has_the_share_of_its_period(
    tmp_path: Path, version: dict[str, str], limits: dict[str, str]
) -> None:
    for name, text in version.items():
        (tmp_path / name).write_text(text)
    hold(7, 0.25, group := tmp_path / "group")
    assert {one.name: one.read_text() for one in group.iterdir()} == limits | {"cgroup.procs": "7"}


def test_a_function_of_so_much_memory_has_a_whole_processor() -> None:
    assert lambdas_share(WHOLE) == 1.0
    assert lambdas_share(512) == pytest.approx(0.289, abs=0.001)


def test_a_busy_process_is_held_where_that_is_possible_and_runs_on_where_it_is_not() -> None:
    waiting = f"input()\n{BUSY}"
    process = subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE)
    with held(process.pid, 0.25):
        process.communicate(b"\n")
        groups = [one for parent in PARENTS if parent.exists() for one in parent.glob(f"*-{process.pid}")]
        throttled = [int(_statistics(one)["nr_throttled"]) > 0 for one in groups]
    assert process.returncode == 0
    assert throttled == [True] * holds()
    assert not any(one.exists() for one in groups)


def _statistics(group: Path) -> dict[str, str]:
    return dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
