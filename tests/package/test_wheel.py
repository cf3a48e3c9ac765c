"""The wheel holds the package and nothing else, and its reader runs beside boto3 alone."""

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dev.sandbox.toolchain import program
from tests.package.project import PROJECT, classified_versions
from tests.template_file import ROOT

PACKAGES = [ROOT / "layers" / "billing_mirror", ROOT / "cli" / "billing_mirror_cli"]
TEMPLATES = ROOT / "cli" / "billing_mirror_cli" / "console" / "templates"
DEPENDENCIES = ROOT / "layers" / "dependencies"

READ_ONE = """
import sys
sys.path[:0] = sys.argv[1:]
import boto3
from botocore.stub import Stubber
from billing_mirror.reader import Reader

client = boto3.client("dynamodb", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
with Stubber(client) as stub:
    for _ in ("the likely key", "the other keys", "the scope"):
        stub.add_response("batch_get_item", {"Responses": {"table": []}, "UnprocessedKeys": {}})
    assert Reader("table", client=client).get("rcds_1") is None
print(sys.modules["billing_mirror"].__file__)
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "CI": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as `python -m build` does it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), ".")
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def described(built: Path) -> Message:
    """The wheel's metadata."""
    with zipfile.ZipFile(built) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(wheel.read(name))


def boto3_alone(folder: Path) -> Path:
    """A folder with boto3 and what boto3 requires, each a link to the installed one."""
    waiting, linked = ["boto3"], set[str]()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in linked:
            continue
        linked.add(name)
        installed = metadata.distribution(name)
        needed = [Requirement(line) for line in installed.requires or []]
        waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
        for top in {file.parts[0] for file in installed.files or []} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(installed.locate_file(top))))
    return folder


def test_the_wheel_holds_every_module_and_the_licence(built: Path) -> None:
    sources = {path.relative_to(package.parent).as_posix() for package in PACKAGES for path in package.rglob("*.py")}
    about = f"billing_mirror-{PROJECT['version']}.dist-info"
    described = {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    with zipfile.ZipFile(built) as wheel:
        assert set(wheel.namelist()) == sources | described | {
            "billing_mirror/py.typed",
            "billing_mirror_cli/stripe/event_types.txt",
            "billing_mirror_cli/proof/page.css",
            *(path.relative_to(ROOT / "cli").as_posix() for path in TEMPLATES.iterdir()),
        }
        assert wheel.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_is_for_every_platform(built: Path) -> None:
    assert built.name == f"billing_mirror-{PROJECT['version']}-py3-none-any.whl"


def test_the_metadata_names_the_licence_and_what_the_package_needs(described: Message) -> None:
    assert described["Name"] == "billing-mirror"
    assert described["License-Expression"] == "Apache-2.0"
    assert described["Requires-Python"] == PROJECT["requires-python"]
    assert described["Description-Content-Type"] == "text/markdown"
    required = [Requirement(line) for line in described.get_all("Requires-Dist", [])]
    assert [one.name for one in required if one.marker is None] == ["boto3"]
    assert described.get_all("Provides-Extra") == [*PROJECT["optional-dependencies"]]


def test_the_functions_extra_allows_exactly_what_the_layer_locks() -> None:
    required = re.findall(r"^([a-z0-9-]+)", (DEPENDENCIES / "requirements.in").read_text(), re.MULTILINE)
    locked = dict(re.findall(r"^(\S+)==(\S+)", (DEPENDENCIES / "requirements.txt").read_text(), re.MULTILINE))
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["functions"]]
    allowed = {one.name: one.specifier for one in map(Requirement, lines)}
    assert allowed.keys() == set(required)
    assert [name for name, versions in allowed.items() if locked[name] not in versions] == []


def test_the_extras_of_the_command_allow_what_the_functions_and_the_tests_run_on() -> None:
    developed = (ROOT / "dev" / "requirements" / "dev.txt").read_text()
    locked = dict(re.findall(r"^(\S+)==(\S+)", developed, re.MULTILINE))
    extras = {
        name: {one.name: one.specifier for one in map(Requirement, PROJECT["optional-dependencies"][name])}
        for name in ("cli", "console", "export", "functions")
    }
    needed = [*extras["cli"].items(), *extras["console"].items(), *extras["export"].items()]
    assert [name for name, versions in needed if locked[name] not in versions] == []
    shared = extras["cli"].keys() & extras["functions"].keys()
    assert {name: extras["cli"][name] for name in shared} == {name: extras["functions"][name] for name in shared}


def test_the_installed_command_says_its_version(built: Path) -> None:
    with zipfile.ZipFile(built) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        assert wheel.read(name).decode().split() == [
            "[console_scripts]",
            "billing-mirror",
            "=",
            "billing_mirror_cli.app:main",
        ]
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from billing_mirror_cli.app import main; main()"
    assert run(sys.executable, "-c", code, str(built), "--version") == f"{PROJECT['version']}\n"
    assert "v1.invoice.paid\n" in run(sys.executable, "-c", code, str(built), "events")


def test_the_installed_reader_runs_beside_boto3_alone(built: Path, tmp_path: Path) -> None:
    installed, beside = tmp_path / "installed", tmp_path / "beside"
    beside.mkdir()
    pip = [str(program("uv", "python")), "-m", "pip", "--python", sys.executable, "--quiet"]
    pip += ["--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    run(*pip, "--target", str(installed), str(built))
    # -I and -S: no site-packages, no PYTHONPATH, no current folder.
    where, loaded = run(
        sys.executable, "-I", "-S", "-c", READ_ONE, str(installed), str(boto3_alone(beside))
    ).splitlines()
    assert where == str(installed / "billing_mirror" / "__init__.py")
    assert {"billing_mirror", "boto3"} <= {*loaded.split()}
    assert not {"pydantic", "stripe", "aws_lambda_powertools"} & {*loaded.split()}


def test_the_classifiers_begin_with_the_oldest_python_that_is_allowed() -> None:
    versions = classified_versions()
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert versions == [f"3.{minor}" for minor in range(int(versions[0].partition(".")[2]), int(versions[-1][2:]) + 1)]


def test_the_changelog_begins_with_this_version() -> None:
    sections = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [name for name in sections if name != "Unreleased"]
    assert released[0] == PROJECT["version"]
