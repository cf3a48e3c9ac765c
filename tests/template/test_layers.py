"""Lambda has only the layers: the package must not import what only a development environment has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.sandbox.build import packages
from tests.template.templates import BUNDLE, ROOT, properties

MAX_LAYER = 3 * 2**20
"""Bytes of the layer that users add to their functions, unzipped."""

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


def test_the_layer_for_users_functions_is_small(tmp_path: Path) -> None:
    """It holds the package alone, with bytecode: Lambda brings boto3."""
    build = {**os.environ, "ARTIFACTS_DIR": str(tmp_path), "LAYER_TARGET": "local", "PYTHON": sys.executable}
    target = ["make", "--silent", "build-BillingMirrorLayer", f"PYTHON={sys.executable}", "LAYER_TARGET=local"]
    subprocess.run(target, cwd=ROOT / "layers" / "billing_mirror", env=build, check=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".py", ".pyc", ".typed"}
    assert sum(path.stat().st_size for path in files) < MAX_LAYER


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
