"""How does the real `sam build` build the bundle for the local interpreter?"""

import hashlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dev.sandbox.installer import Installer
from dev.sandbox.ministack import REGION
from dev.sandbox.toolchain import ROOT, SetupError, child_environment, locked, program, ways_to_install


def build(directory: Path) -> Path:
    """The built template; its layers are for the interpreter that runs functions in the emulator."""
    _require_make()
    target = directory / "build"
    sam(
        directory,
        ["build", "--parallel", f"--template={ROOT / 'template.yaml'}", f"--build-dir={target}"],
        {"LAYER_TARGET": "local", "LAYER_LINK": str(packages()), "PYTHON": str(_python())},
    )
    return target / "template.yaml"


def sam(directory: Path, arguments: list[str], environ: Mapping[str, str]) -> None:
    """Runs SAM's command line; its output goes to a log in `directory`."""
    log = directory / f"sam-{arguments[0]}.log"
    without_aws = {name: value for name, value in child_environment().items() if not name.startswith("AWS_")}
    with log.open("wb") as file:
        done = subprocess.run(
            [str(program("sam", "sam")), *arguments],
            cwd=directory,  # not the clone: its samconfig.toml is for AWS
            env={**without_aws, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION, **environ},
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        last_lines = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-8:])
        raise SetupError(f"`sam {arguments[0]}` failed; its output is in {log}:\n  {last_lines}")


def packages() -> Path:
    """The layer's packages, built once for all sandboxes of this clone, and again for a new lock or Python."""
    source = ROOT / "layers" / "dependencies"
    inputs = (source / "requirements.txt").read_bytes() + (source / "Makefile").read_bytes()
    fingerprint = hashlib.sha256(inputs + sys.version.encode()).hexdigest()[:16]
    finished = ROOT / "build" / "layers" / fingerprint
    with locked(finished.with_suffix(".lock")):
        if not finished.exists():
            unfinished = finished.with_suffix(".unfinished")
            _make_layer(source, unfinished)
            unfinished.rename(finished)
    return finished / "python"


def _make_layer(source: Path, target: Path) -> None:
    failures: list[str] = []
    for way in ways_to_install(_python()):
        shutil.rmtree(target, ignore_errors=True)
        done = _run_rule(source, target, way)
        if done.returncode == 0:
            return
        failures.append((done.stderr or done.stdout).strip()[-600:])
    raise SetupError(f"Building the layer of packages failed:\n  {failures[-1]}")


def _run_rule(source: Path, target: Path, installer: Installer) -> subprocess.CompletedProcess[str]:
    variables = {"LAYER_TARGET": "local", "PYTHON": str(_python()), "LAYER_INSTALLER": shlex.join(installer.command)}
    return subprocess.run(
        [
            _require_make(),
            "--silent",
            f"--directory={source}",
            "build-DependenciesLayer",
            f"ARTIFACTS_DIR={target}",
        ],
        env={**child_environment(), **variables, **installer.environ},
        capture_output=True,
        text=True,
        check=False,
    )


def _require_make() -> str:
    make = shutil.which("make")
    if make is None:
        raise SetupError("`make` is missing; it builds the layers. Debian, Ubuntu: `sudo apt install make`.")
    return make


def _python() -> Path:
    return program("ministack", "python")
