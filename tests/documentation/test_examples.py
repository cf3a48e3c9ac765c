"""The examples of the documentation: Python is type-checked, the others run against the emulator.

The AWS CLI is the installed one; without one, and for the SDK for JavaScript, a stand-in has the part that the example
uses, so the test proves the requests and not these programs. Without Node.js, its test is skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.aws import QUICK
from dev.sandbox.ministack import MiniStack
from tests.contract.tables import create_table
from tests.contract.test_reader import FilledTable
from tests.documentation import aws_cli
from tests.documentation.pages import PAGES, blocks, text_of
from tests.doubles.samples import sample
from tests.template.templates import ROOT

READING = "docs/reading.md"
STAND_IN = Path(__file__).parent / "aws_sdk_for_javascript"
WITH_PYTHON = [page for page in PAGES if blocks(page.read_text(encoding="utf-8"), "python")]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def checked(folder: Path, cache: Path) -> list[str]:
    """What ``mypy --strict`` finds in the Python files of a folder."""
    settings = folder / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\nexplicit_package_bases = true\nnamespace_packages = true\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "--no-error-summary", str(folder)]
    command += ["--cache-dir", str(cache)]
    path = os.pathsep.join([str(ROOT / "layers"), str(ROOT)])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "MYPYPATH": path}
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_every_python_example_passes_mypy_strict(tmp_path: Path, cache: Path) -> None:
    assert {ROOT / "README.md", ROOT / READING} <= {*WITH_PYTHON}
    for page in WITH_PYTHON:
        name = re.sub(r"\W", "_", str(page.relative_to(ROOT)))
        (tmp_path / f"example_{name}.py").write_text("\n".join(blocks(page.read_text(encoding="utf-8"), "python")))
    assert checked(tmp_path, cache) == []


def test_an_example_that_is_wrong_is_found(tmp_path: Path, cache: Path) -> None:
    wrong = 'from billing_mirror.reader import Reader\nprint(Reader("t").get("in_1").body, Reader("t").by_type(1))\n'
    (tmp_path / "example.py").write_text(wrong)
    found = " ".join(checked(tmp_path, cache))
    assert "[union-attr]" in found
    assert "[arg-type]" in found


@pytest.fixture(scope="module")
def table(local_aws: MiniStack) -> tuple[DynamoDBClient, str]:
    """A table with 130 objects of a customer, all of them invoices but one."""
    client = boto3.client("dynamodb", endpoint_url=local_aws.endpoint, config=QUICK)
    name = create_table(client)
    filled = FilledTable(client, name)
    for number in range(129):
        status = "open" if number % 3 == 0 else "paid"
        body = sample(
            "invoice", id=f"in_{number:03}", created=1_700_000_000 + number, status=status, total=10**17 + number
        )
        filled.put(body, customer="cus_1")
    filled.put(sample("customer", id="cus_1"), customer="cus_1")
    return client, name


def run(command: list[str], endpoint: str, table: str, folder: Path, **variables: str) -> str:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "TABLE": table,
        "SCOPE": "test",
        "AWS_PAGER": "",
        **variables,
    }
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["stand-in", "installed"])
def path_with_aws(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A search path on which ``aws`` is the stand-in, or the installed one where there is one."""
    path = os.environ["PATH"]
    if request.param == "installed" and shutil.which("aws"):
        return path
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(aws_cli.__file__)}" "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{path}"


def test_the_example_of_the_aws_cli(
    local_aws: MiniStack, table: tuple[DynamoDBClient, str], tmp_path: Path, path_with_aws: str
) -> None:
    (code,) = [block for block in blocks(text_of(READING), "sh") if "aws dynamodb" in block]
    given = {"ID": "in_007", "AWS_DEFAULT_OUTPUT": "json", "PATH": path_with_aws}
    shown = run(["sh", "-e", "-c", code], local_aws.endpoint, table[1], tmp_path, **given)
    body, end = json.JSONDecoder().raw_decode(shown)
    assert (body["id"], body["total"]) == ({"S": "in_007"}, {"N": str(10**17 + 7)})
    assert shown[end:].split() == [f"in_{number:03}" for number in range(126, -1, -3)]


@needs_node
def test_the_example_in_javascript(local_aws: MiniStack, table: tuple[DynamoDBClient, str], tmp_path: Path) -> None:
    (code,) = blocks(text_of(READING), "js")
    (tmp_path / "example.mjs").write_text(code)
    for source in STAND_IN.glob("*.mjs"):
        package = tmp_path / "node_modules" / "@aws-sdk" / source.stem
        package.mkdir(parents=True)
        (package / "index.mjs").write_text(source.read_text())
        (package / "package.json").write_text('{"exports": "./index.mjs"}')
    shown = run(["node", "example.mjs"], local_aws.endpoint, table[1], tmp_path, CUSTOMER="cus_1")
    expected = [f"invoice in_{number:03} {10**17 + number}" for number in range(129)]
    assert sorted(line.strip() for line in shown.splitlines()) == ["customer cus_1", *expected]
