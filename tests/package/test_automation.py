"""CI and pre-commit run what a developer runs, on every Python that the package allows."""

import re
from typing import Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

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
