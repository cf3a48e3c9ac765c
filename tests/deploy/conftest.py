"""The command that deploys, against a double of CloudFormation."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dev.deploy.__main__ import main
from tests.deploy.cloudformation import CHANGE_SET, STACK, Answers, Event, cloudformation
from tests.template_file import ROOT

Deploy = Callable[..., int]


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Calls the command for a stack in a state, as ``make deploy`` does. SAM makes a change set of what is removed."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    sam = tmp_path / "sam"
    sam.write_text(f"#!/bin/sh\necho {CHANGE_SET}\n")
    sam.chmod(0o700)

    def call(
        state: str,
        *arguments: str,
        events: Sequence[Event] = (),
        removed: Sequence[tuple[str, str]] = (),
        ctrl_c_at: int = 0,
    ) -> int:
        with cloudformation(Answers(state, events, removed=removed, ctrl_c_at=ctrl_c_at)) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            template = ROOT / "template.yaml"
            where = [f"--template={template}", f"--folder={tmp_path / 'stacks'}", f"--sam={sam}"]
            return main([STACK, *where, *arguments])

    return call


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    path = tmp_path / "stacks" / f"{STACK}.toml"
    path.parent.mkdir()
    path.write_text('region = "eu-central-1"\n')
    return path
