"""What importing the reader loads: a user's function waits for all of it at a cold start."""

import subprocess
import sys

from tests.template_file import ROOT

LOADED = """
import sys
import boto3, boto3.session
before = {*sys.modules}
import billing_mirror.reader
print(*sorted({name.partition(".")[0] for name in {*sys.modules} - before} - sys.stdlib_module_names))
print(*sorted(name for name in sys.modules if name.startswith("billing_mirror.")))
"""
NEEDED_BY_FUNCTIONS_ONLY = ("ingest", "process", "refresh", "reconcile", "settings", "wiring", "core.events")


def loaded() -> tuple[set[str], set[str]]:
    """The libraries that the reader loads besides boto3, and our own modules."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"PYTHONPATH": str(ROOT / "layers")},
        capture_output=True,
        text=True,
        check=True,
    )
    libraries, modules = done.stdout.splitlines()
    return {*libraries.split()}, {*modules.split()}


def test_the_reader_loads_boto3_and_nothing_else() -> None:
    libraries, _ = loaded()
    assert libraries == {"billing_mirror", "boto3"}, "boto3.dynamodb.types is a module of boto3"


def test_the_reader_loads_no_flow() -> None:
    _, modules = loaded()
    assert "billing_mirror.reader.reader" in modules
    assert [
        name for name in modules for one in NEEDED_BY_FUNCTIONS_ONLY if f"{name}.".startswith(f"billing_mirror.{one}.")
    ] == []
