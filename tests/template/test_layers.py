"""Lambda has only the layers: the package must not import what only a development environment has."""

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
    # -I and -S: without site-packages, PYTHONPATH and the current directory.
    command = [sys.executable, "-I", "-S", "-c", IMPORT_EVERYTHING, str(packages()), str(ROOT / "layers")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_bytecode_is_hash_based_and_unchecked() -> None:
    """SAM dates every file 1980, so every cold start would discard timestamp-based bytecode."""
    compiled = list(packages().glob("stripe/__pycache__/*.pyc"))
    assert compiled
    # The flags of https://peps.python.org/pep-0552/: hash-based, unchecked.
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in compiled} == {0b01}


@pytest.mark.parametrize("layer", ["BillingMirrorLayer", "DependenciesLayer"])
def test_a_layer_is_an_output_and_its_old_versions_are_kept(layer: str) -> None:
    assert BUNDLE["Outputs"][f"{layer}Arn"]["Value"] == {"Ref": layer}
    assert properties(layer)["RetentionPolicy"] == "Retain"
    assert BUNDLE["Globals"]["Function"]["Layers"] == [{"Ref": "DependenciesLayer"}, {"Ref": "BillingMirrorLayer"}]
