"""What a release holds: the template, and each layer and function that it names, as an archive."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from dev.sandbox.toolchain import ROOT, SetupError, child_environment, program

from .archive import checksum, write_archive

LAYERS = {"layers/dependencies": "DependenciesLayer", "layers/billing_mirror": "BillingMirrorLayer"}
"""The folder of each layer, and its resource: the rule of its makefile is named after it."""
FUNCTIONS = ("functions/ingest", "functions/process", "functions/reconcile", "functions/changes")
CHECKSUMS = "SHA256SUMS"
MATERIALS = "sbom.cdx.json"
"""The bill of materials: https://cyclonedx.org/specification/overview/"""
WITHOUT_MONITORING = "template-without-monitoring.yaml"
"""The template for the Serverless Application Repository, which takes no nested template from a file."""


def version() -> str:
    project: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return project


def write_release(target: Path, built: Path, materials: str) -> Path:
    """Writes a release from built layers and its bill of materials; returns its archive.

    A checksum of the archive lies beside it.
    """
    name = f"billing-mirror-{version()}"
    folder = target / name
    shutil.rmtree(folder, ignore_errors=True)
    for path in (*LAYERS, *FUNCTIONS):
        archive = folder / f"{path}.zip"
        archive.parent.mkdir(parents=True, exist_ok=True)
        write_archive(archive, built / path if path in LAYERS else ROOT / path)
    (folder / MATERIALS).write_text(materials)
    template = packaged((ROOT / "template.yaml").read_text())
    (folder / "template.yaml").write_text(template)
    (folder / WITHOUT_MONITORING).write_text(publishable(without_monitoring(template)))
    for path in ("ops/template.yaml", "ops/schema.yaml", "ops/deployer.yaml", "LICENSE", "CHANGELOG.md"):
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{checksum(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines))
    archive = target / f"{name}.zip"
    write_archive(archive, folder)
    (target / f"{name}.zip.sha256").write_text(f"{checksum(archive)}  {archive.name}\n")
    return archive


def bill_of_materials() -> str:
    """The packages of the layer in CycloneDX's form, the same each time."""
    lock = ROOT / "layers" / "dependencies" / "requirements.txt"
    command = [
        str(program("audit", "cyclonedx-py")),
        "requirements",
        "--output-reproducible",
        "--of",
        "JSON",
        str(lock),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"the bill of materials cannot be written:\n{done.stderr[-600:]}")
    return done.stdout


def packaged(template: str) -> str:
    """The template with an archive for each folder of code, and nothing that only a build reads."""
    for path in (*LAYERS, *FUNCTIONS):
        template, number = re.subn(rf"(CodeUri|ContentUri): {path}$", rf"\1: {path}.zip", template, flags=re.MULTILINE)
        if number != 1:
            raise SetupError(f"template.yaml names {path} {number} times")
    return re.sub(r"^    Metadata: \{(SkipBuild|BuildMethod).*\}\n", "", template, flags=re.MULTILINE)


def without_monitoring(template: str) -> str:
    """The template without nested stacks, and without the parameters, conditions and rules that only they need."""
    nested = re.compile(r"^  # ---- Monitoring\.\n\n  MonitoringStack:\n(?:(?:  .*)?\n)*(?=^Outputs:)", re.MULTILINE)
    template, number = nested.subn("", template)
    if number != 1:
        raise SetupError("template.yaml has no nested stack for monitoring")
    for name in ("Monitoring", "AlarmEmail", "MonthlyBudget", "AddressOfTheBudget"):
        template = re.sub(rf"^  {name}:\n(?:    .*\n)+", "", template, flags=re.MULTILINE)
        template = re.sub(rf"\b{name}, ", "", template)
    return re.sub(r"^  With(?:Monitoring|Schema): .*\n", "", template, flags=re.MULTILINE)


def publishable(template: str) -> str:
    """The template with what `sam publish` gives the Serverless Application Repository."""
    metadata = f"""\
  AWS::ServerlessRepo::Application:
    Name: billing-mirror
    Description: An exact, fresh copy of a Stripe account's billing data in your own DynamoDB table.
    Author: Billing Mirror
    SpdxLicenseId: Apache-2.0
    LicenseUrl: LICENSE
    SemanticVersion: {version()}
"""
    return template.replace("\nMetadata:\n", f"\nMetadata:\n{metadata}", 1)


def build_layers(target: Path, variables: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Builds each layer by its own makefile. Raises :class:`SetupError` with the end of what make says."""
    for path, resource in LAYERS.items():
        shutil.rmtree(target / path, ignore_errors=True)
        given = [f"{name}={value}" for name, value in {**variables, "ARTIFACTS_DIR": str(target / path)}.items()]
        done = subprocess.run(
            ["make", "--silent", f"--directory={ROOT / path}", f"build-{resource}", *given],  # noqa: S607 - as users
            env={**child_environment(), **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(f"building {path} failed:\n{done.stderr[-600:]}")
