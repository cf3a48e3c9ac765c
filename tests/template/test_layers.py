"""Inside Lambda there is nothing but the layers: the package must not lean on what only developers have."""

import subprocess
import sys

from sandbox.build import packages
from tests.template.templates import ROOT

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import billing_mirror
for module in pkgutil.walk_packages(billing_mirror.__path__, "billing_mirror."):
    importlib.import_module(module.name)
"""


def test_every_module_is_importable_from_the_layers_alone() -> None:
    # -I and -S: no site-packages, no PYTHONPATH, no current folder.
    command = [sys.executable, "-I", "-S", "-c", IMPORT_EVERYTHING, str(packages()), str(ROOT / "layers")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
