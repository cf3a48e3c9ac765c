"""Inside Lambda there is nothing but the layers: the package must not lean on what only developers have."""

import subprocess
import sys

import pytest

from dev.sandbox.build import packages
from tests.template.templates import BUNDLE, ROOT, properties

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


def test_bytecode_is_made_by_hash_and_taken_unchecked() -> None:
    """SAM dates every file 1980, so bytecode that goes by date would be thrown away at each cold start."""
    compiled = list(packages().glob("stripe/__pycache__/*.pyc"))
    assert compiled
    # The flags of https://peps.python.org/pep-0552/: by hash, not checked.
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in compiled} == {0b01}


@pytest.mark.parametrize("layer", ["BillingMirrorLayer", "DependenciesLayer"])
def test_a_layer_can_be_used_by_others_and_stays_for_them(layer: str) -> None:
    assert BUNDLE["Outputs"][f"{layer}Arn"]["Value"] == {"Ref": layer}
    assert properties(layer)["RetentionPolicy"] == "Retain"
    assert BUNDLE["Globals"]["Function"]["Layers"] == [{"Ref": "DependenciesLayer"}, {"Ref": "BillingMirrorLayer"}]
