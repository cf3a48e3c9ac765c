"""CI and pre-commit run what a developer runs, on every Python that the package allows."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name

from tests.package.project import classified_versions
from tests.template_file import ROOT

WORKFLOW: dict[str, Any] = cfn_yaml.load(str(ROOT / ".github" / "workflows" / "ci.yml"))
HOOKS: dict[str, Any] = cfn_yaml.load(str(ROOT / ".pre-commit-config.yaml"))
MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> list[str]:
    """The commands of a target, with the folder of the tools filled in."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    tools = re.search(r"^DEV := (.*)$", MAKEFILE, re.MULTILINE)
    assert lines is not None
    assert tools is not None
    return [line.strip().removeprefix("@").replace("$(DEV)", tools[1]) for line in lines[1].splitlines()]


def test_ci_runs_the_gate_on_every_python_that_is_classified() -> None:
    (job,) = WORKFLOW["jobs"].values()
    assert job["strategy"]["matrix"] == {"python": classified_versions()}
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
    assert python == "${{ matrix.python }}"


def test_ci_may_read_the_code_and_has_no_secrets() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "secrets" not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_ci_names_the_version_of_every_action() -> None:
    (job,) = WORKFLOW["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@(v\d+|[0-9a-f]{40})", action)] == []


def test_the_hooks_are_the_commands_of_make_check() -> None:
    (local,) = HOOKS["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == [line for line in recipe("check") if "build/venvs" in line]
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    assert not any(hook["pass_filenames"] for hook in local["hooks"])


@pytest.mark.parametrize("target", ["demo", "soak", "sandbox"])
def test_what_runs_the_sandbox_installs_no_tools_for_tests(target: str) -> None:
    assert re.search(rf"^{target}: tools-sandbox ", MAKEFILE, re.MULTILINE)
    assert recipe("tools-sandbox") == ["$(PYTHON) -m dev.sandbox.toolchain sandbox ministack sam"]
    assert [line for line in recipe(target) if "$(SANDBOX)/python -m dev.sandbox" in line]


def test_what_runs_the_sandbox_finds_the_package() -> None:
    lines = [line for line in MAKEFILE.splitlines() if re.search(r"python -m dev\.sandbox(?!\.toolchain)", line)]
    assert len(lines) == 5
    assert [line for line in lines if "PYTHONPATH=layers " not in line] == []


def test_the_command_installs_no_tools_for_tests() -> None:
    assert re.search(r"^cli: tools-cli ", MAKEFILE, re.MULTILINE)
    assert [line for line in recipe("cli") if "build/venvs/cli/bin/python -m billing_mirror_cli" in line]


@pytest.mark.parametrize(
    ("name", "folders", "left_out"),
    [
        ("sandbox", ("dev/sandbox", "dev/fake_stripe", "layers"), set()),
        ("cli", ("cli", "layers"), {"cli/billing_mirror_cli/export/parquet_file.py: pyarrow"}),
    ],
)
def test_an_environment_has_what_runs_in_it(name: str, folders: tuple[str, ...], left_out: set[str]) -> None:
    installed: set[str] = set(pinned(f"dev/requirements/{name}.txt"))
    distributions = packages_distributions()
    missing = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for module in imported_when_run(ast.parse(path.read_text()))
        if module in distributions and not {canonicalize_name(name) for name in distributions[module]} & installed
    }
    assert {"rich", "boto3", "pytest"} <= distributions.keys()
    assert missing == left_out


def test_environments_that_meet_have_the_same_versions() -> None:
    functions = pinned("layers/dependencies/requirements.txt")
    sandbox, cli, dev = (pinned(f"dev/requirements/{name}.txt") for name in ("sandbox", "cli", "dev"))
    assert functions.items() <= sandbox.items() <= cli.items() <= dev.items()


def test_sam_and_the_emulator_share_their_largest_package() -> None:
    assert pinned("dev/requirements/sam.txt")["botocore"] == pinned("dev/requirements/ministack.txt")["botocore"]


def test_every_lock_has_its_requirements_and_is_written_by_make_lock() -> None:
    folder = ROOT / "dev" / "requirements"
    locks = {f"dev/requirements/{path.name}" for path in folder.glob("*.txt")}
    written = set(re.findall(r"-o (dev/requirements/\S+)", MAKEFILE))
    assert locks == written
    assert locks == {f"dev/requirements/{path.stem}.txt" for path in folder.glob("*.in")}


def pinned(lock: str) -> dict[str, str]:
    """Name to version of a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def imported_when_run(tree: ast.AST) -> Iterator[str]:
    """The top-level packages that a module imports, but not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        yield from imported_when_run(node)
