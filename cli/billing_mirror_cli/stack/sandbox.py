"""The sandbox that `make sandbox` leaves running, as it describes itself in ``.sandbox/endpoints.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import boto3

from ..failures import Failure
from .aws import Aws
from .parts import Stack, describe_stack

STATE = Path(".sandbox", "endpoints.json")
STACK = "billing-mirror"
"""The name under which the sandbox deploys the bundle."""
CREDENTIALS = "test"
"""What the emulator accepts as access key and as secret key: docs/sandbox.md"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where the parts of a running sandbox are. Its secrets and parameters say the rest, as on AWS."""

    aws_endpoint: str
    region: str
    webhook_url: str

    def aws(self) -> Aws:
        """The emulator's clients."""
        session = boto3.Session(
            aws_access_key_id=CREDENTIALS, aws_secret_access_key=CREDENTIALS, region_name=self.region
        )
        return Aws(session, self.aws_endpoint)

    def stack(self, aws: Aws) -> Stack:
        """The stack in the emulator, whose API has another address than on AWS."""
        return replace(describe_stack(STACK, aws), webhook_url=self.webhook_url)


def find_sandbox(directory: Path) -> Sandbox:
    """The sandbox of this folder or of one above it. Raises :class:`Failure` where there is none."""
    for folder in (directory, *directory.parents):
        if (folder / STATE).is_file():
            return _read(folder / STATE)
    raise Failure("No sandbox is running here", "Start one in the clone: make sandbox")


def _read(path: Path) -> Sandbox:
    try:
        known = json.loads(path.read_text("utf-8"))
        return Sandbox(known["aws_endpoint"], known["region"], known["webhook_url"])
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path} does not describe a sandbox", "End it and start another: make sandbox-down") from error
