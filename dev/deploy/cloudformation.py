"""How is a change set made by ``sam deploy``, read, executed or dropped?"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, WaiterError

from . import states
from .changes import Change
from .stack_file import StackFile, overrides_of

if TYPE_CHECKING:  # installed for checks only
    from mypy_boto3_cloudformation import CloudFormationClient

CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
_NO_REASON = "the stack's events in the console have it"
_CHANGE_SET = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")


class DeployFailed(Exception):
    """The message says what failed, and where to look."""


def defaults_in(template: Path) -> dict[str, str]:
    """The default of each parameter of a template. All parameters of this bundle have one."""
    parameters = yaml.load(template.read_text(), _Template)["Parameters"]  # noqa: S506 - a SafeLoader
    return {name: str(parameter["Default"]) for name, parameter in parameters.items()}


class _Template(yaml.SafeLoader):  # type: ignore[misc]
    """Reads a template without resolving its functions (``!Ref``, ``!Sub``)."""


_Template.add_multi_constructor("!", lambda *_: None)


class Stack:
    """A stack in AWS, deployed or not yet."""

    def __init__(self, name: str, location: StackFile) -> None:
        session = boto3.Session(profile_name=location.profile or None, region_name=location.region)
        self.name = name
        self._location = location
        self._client: CloudFormationClient = session.client("cloudformation")

    def status(self) -> str:
        """CloudFormation's status of the stack; empty where there is no such stack."""
        try:
            (found,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ValidationError":
                raise
            return ""
        return found["StackStatus"]

    def is_deployed(self) -> bool:
        return self.status() not in states.NOT_DEPLOYED

    def check_state(self) -> None:
        """Raises :class:`DeployFailed` where CloudFormation would refuse to change the stack in its present state."""
        state = self.status()
        reason = self._reason_of(state) if states.failed(state) else ""
        refusal = states.refusal(self.name, state, self._options(), reason)
        if refusal:
            raise DeployFailed(refusal)

    def _reason_of(self, state: str) -> str:
        """Of a first deploy, what failed first was undone; where it was not undone, what failed last."""
        return self._first_failure() if state == "ROLLBACK_COMPLETE" else self._last_failure()

    def question(self) -> str:
        """AWS's command that says in which state the stack is."""
        return states.STATE_OF.format(stack=self.name, options=self._options())

    def _options(self) -> str:
        """Where the stack is, as options of AWS's command and of SAM's."""
        profile = f" --profile {self._location.profile}" if self._location.profile else ""
        return f" --region {self._location.region}{profile}"

    def overrides(self, new_defaults: Mapping[str, str]) -> dict[str, str]:
        """The parameters that a deployed stack really overrides."""
        (found,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        deployed = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
        summary = self._client.get_template_summary(StackName=self.name)
        its_defaults = {one["ParameterKey"]: one.get("DefaultValue", "") for one in summary["Parameters"]}
        return overrides_of(deployed, its_defaults, new_defaults)

    def outputs(self) -> dict[str, str]:
        (found,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def prepare(self, sam: Path, template: Path, values: Mapping[str, str]) -> str | None:
        """Uploads the code and makes a change set; its ARN, or None where nothing changes."""
        command = [str(sam), "deploy", f"--template-file={template}", f"--stack-name={self.name}"]
        command += [f"--region={self._location.region}", "--no-execute-changeset", "--no-fail-on-empty-changeset"]
        command += ["--no-progressbar", "--no-confirm-changeset", "--capabilities", *CAPABILITIES]
        command += [f"--s3-bucket={self._location.bucket}"] if self._location.bucket else ["--resolve-s3"]
        command += [f"--profile={self._location.profile}"] if self._location.profile else []
        command += ["--parameter-overrides", *(f'{name}="{value}"' for name, value in values.items())]
        environ = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
        tags = [f'{name}="{value}"' for name, value in self._location.tags.items()]
        command += ["--tags", *tags] if tags else []
        # Not in the clone: its samconfig.toml would add to what the stack's own file says.
        done = subprocess.run(command, cwd=template.parent, env=environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DeployFailed(f"`sam deploy` made no change set:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = _CHANGE_SET.search(done.stdout)
        return found[0] if found else None

    def changes(self, change_set: str) -> Iterator[Change]:
        token: dict[str, str] = {}
        while True:
            page = self._client.describe_change_set(ChangeSetName=change_set, **token)  # type: ignore[arg-type]
            for change in page["Changes"]:
                if "ResourceChange" in change:
                    yield Change.of(change)
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def drop(self, change_set: str) -> None:
        """Deletes a change set, and the empty stack that it would have created."""
        self._client.delete_change_set(ChangeSetName=change_set)
        if self.status() == states.IN_REVIEW:
            self._client.delete_stack(StackName=self.name)

    def execute(self, change_set: str) -> None:
        """Makes the changes and waits for their end. Raises :class:`DeployFailed` with the first reason."""
        is_new = self.status() == states.IN_REVIEW
        self._client.execute_change_set(ChangeSetName=change_set)
        waiter = self._client.get_waiter("stack_create_complete" if is_new else "stack_update_complete")
        try:
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": 5, "MaxAttempts": 720})
        except WaiterError:
            raise DeployFailed(f"{self.name} is {self.status()}: {self._first_failure()}") from None

    def _first_failure(self) -> str:
        """The reason of the failure that came first: others follow from it."""
        return self._failures()[-1]

    def _last_failure(self) -> str:
        """The reason of the resource that failed last."""
        return self._failures()[0]

    def _failures(self) -> list[str]:
        """What failed in the newest change that a person has started: the newest first. The stack, if nothing else."""
        of_resources: list[str] = []
        of_stack: list[str] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self.name):
            for event in page["StackEvents"]:
                is_stack = event.get("PhysicalResourceId") == event["StackId"]
                if is_stack and event.get("ResourceStatusReason") == "User Initiated":
                    return of_resources or of_stack or [_NO_REASON]
                if event.get("ResourceStatus", "").endswith("_FAILED"):
                    found = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
                    (of_stack if is_stack else of_resources).append(found)
        return of_resources or of_stack or [_NO_REASON]
