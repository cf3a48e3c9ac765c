"""The files of a release: small, complete, and the same from two builds."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.packaging.archive import checksum, write_archive
from dev.packaging.bundle import (
    CHECKSUMS,
    FUNCTIONS,
    LAYERS,
    MATERIALS,
    WITHOUT_MONITORING,
    build_layers,
    packaged,
    publishable,
    version,
    without_monitoring,
    write_release,
)
from dev.sandbox.toolchain import program, ways_to_install
from tests.template_file import ROOT

MAX_UNZIPPED = 40_000_000
"""Bytes of both layers together, with bytecode."""
MATERIALS_TEXT = '{"bomFormat": "CycloneDX"}'
CLIENT = re.compile(r"(?:boto3|session\(\))\.client\(\s*\"(\w+)\"")


def built(target: Path) -> Path:
    """Both layers for the interpreter at hand."""
    python = program("ministack", "python")
    way = ways_to_install(python)[0]
    variables = {"LAYER_TARGET": "local", "PYTHON": str(python), "LAYER_INSTALLER": shlex.join(way.command)}
    build_layers(target, variables, way.environ)
    return target


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    folders = [built(tmp_path_factory.mktemp("build")) for _ in range(2)]
    yield folders
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def release(builds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"), builds[0], MATERIALS_TEXT)


def test_two_builds_are_the_same_archive(builds: list[Path], tmp_path: Path) -> None:
    archives = [tmp_path / f"{number}.zip" for number in range(2)]
    for archive, folder in zip(archives, builds, strict=True):
        write_archive(archive, folder)
    contents = [{one.filename: one.CRC for one in zipfile.ZipFile(archive).infolist()} for archive in archives]
    assert contents[0] == contents[1]
    assert checksum(archives[0]) == checksum(archives[1])


def test_the_layers_are_small(builds: list[Path]) -> None:
    files = [path for path in builds[0].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MAX_UNZIPPED


def test_the_layer_knows_the_services_that_the_code_calls(builds: list[Path]) -> None:
    code = [path.read_text() for folder in ("layers", "functions") for path in (ROOT / folder).rglob("*.py")]
    called = {name for text in code for name in CLIENT.findall(text)}
    data = builds[0] / "layers" / "dependencies" / "python" / "botocore" / "data"
    assert called == {path.name for path in data.iterdir() if path.is_dir()}
    assert called


def test_stripes_library_works_without_what_was_left_out(builds: list[Path]) -> None:
    """Another version of it may import what this one does not."""
    dependencies = builds[0] / "layers" / "dependencies" / "python"
    assert not (dependencies / "stripe" / "params").exists()
    code = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import stripe
for module in pkgutil.walk_packages(stripe.__path__, "stripe."):
    importlib.import_module(module.name)
stripe.StripeClient("sk_test_1").raw_request
"""
    # Without bytecode: the other tests measure what was built.
    command = [sys.executable, "-B", "-I", "-S", "-c", code, str(dependencies)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.stderr.decode() == ""


def test_what_is_imported_has_bytecode(builds: list[Path]) -> None:
    layers = [builds[0] / path / "python" for path in LAYERS]
    code = """
import sys
sys.path[:0] = sys.argv[1:]
sys.dont_write_bytecode = True
import billing_mirror.wiring.ingest
import billing_mirror.wiring.refresh
loaded = [vars(module).get("__cached__") for module in [*sys.modules.values()]]
print([path for path in loaded if path and "/python/" in path])
"""
    command = [str(program("ministack", "python")), "-I", "-S", "-c", code, *map(str, layers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cached = [Path(path) for path in ast.literal_eval(done.stdout)]
    assert len(cached) > 100
    assert [path.name for path in cached if not path.exists()] == []


def test_a_release_has_all_that_its_template_names(release: Path) -> None:
    with zipfile.ZipFile(release) as archive:
        names = {*archive.namelist()}
        template = archive.read("template.yaml").decode()
        sums = archive.read(CHECKSUMS).decode().splitlines()
    named = set(re.findall(r"(?:CodeUri|ContentUri|Location): (\S+)", template))
    assert named == {*(f"{path}.zip" for path in (*LAYERS, *FUNCTIONS)), "ops/template.yaml", "ops/schema.yaml"}
    assert named | {MATERIALS} <= names
    assert {line.split("  ")[1] for line in sums} == names - {CHECKSUMS}
    assert release.name == f"billing-mirror-{version()}.zip"
    assert release.with_name(f"{release.name}.sha256").read_text() == f"{checksum(release)}  {release.name}\n"


def test_each_checksum_is_that_of_its_file(release: Path) -> None:
    folder = release.with_suffix("")
    for line in (folder / CHECKSUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert checksum(folder / name) == digest


def test_an_archive_holds_no_dates_and_the_same_permissions(release: Path) -> None:
    with zipfile.ZipFile(release) as archive:
        entries = archive.infolist()
    assert {(one.date_time, one.external_attr >> 16) for one in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}


def test_the_packaged_templates_pass_cfn_lint(release: Path) -> None:
    folder = release.with_suffix("")
    command = [str(Path(sys.executable).with_name("cfn-lint")), "template.yaml", WITHOUT_MONITORING]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_template_without_monitoring_can_be_published() -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html"""
    template = publishable(without_monitoring(packaged((ROOT / "template.yaml").read_text())))
    metadata = re.findall(r"^Metadata:\n  AWS::ServerlessRepo::Application:\n(?:    .+\n)+", template, re.MULTILINE)
    (block,) = metadata
    assert {"Name", "Description", "Author", "SemanticVersion"} <= {*re.findall(r"^    (\w+): \S", block, re.MULTILINE)}


def test_the_template_without_monitoring_names_nothing_of_it() -> None:
    """The Serverless Application Repository refuses nested templates that are files."""
    template = without_monitoring(packaged((ROOT / "template.yaml").read_text()))
    assert not re.findall(
        r"MonitoringStack|WithMonitoring|Ref Monitoring|AlarmEmail|MonthlyBudget|Serverless::Application", template
    )
