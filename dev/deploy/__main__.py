"""Deploy the built bundle as one stack: ``make deploy STACK=billing-live``, or only show what would change."""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import stack_file
from .changes import refusals, shown
from .cloudformation import DeployFailed, Stack, defaults_in
from .stack_file import StackFile, WrongStackFile

ROOT = Path(__file__).resolve().parents[2]
_INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    given = _arguments(arguments)
    defaults = defaults_in(given.template)
    try:
        stack, location = _opened(given.stack, given.folder, defaults)
        if given.check:
            return 0
        change_set = stack.prepare(given.sam, given.template, location.values(defaults))
        if change_set is None:
            print(f"{given.stack} is up to date.")
            return 0
        return _carry_out(stack, change_set, only_show=given.preview, allowed=given.replace)
    except (WrongStackFile, DeployFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused or could not be reached: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nStopped: nothing was deployed.", file=sys.stderr)
        return _INTERRUPTED


def _carry_out(stack: Stack, change_set: str, *, only_show: bool, allowed: list[str]) -> int:
    changes = [*stack.changes(change_set)]
    print(f"What changes in {stack.name}:")
    for line in shown(changes):
        print(f"  {line}")
    refused = refusals(changes, allowed)
    if refused or only_show:
        stack.drop(change_set)
    if refused:
        print("Nothing was deployed, because data would be lost:", file=sys.stderr)
        for sentence in refused.values():
            print(f"  {sentence}", file=sys.stderr)
        named = shlex.quote(" ".join([*allowed, *refused]))
        print(f"If you want that: make deploy STACK={stack.name} REPLACE={named}", file=sys.stderr)
        return 1
    if only_show:
        print("Nothing was deployed.")
        return 0
    try:
        stack.execute(change_set)
    except KeyboardInterrupt:
        print(f"\nCloudFormation continues the deploy; this says how far it is:\n  {stack.question()}", file=sys.stderr)
        return _INTERRUPTED
    return _print_outputs(stack)


def _print_outputs(stack: Stack) -> int:
    try:
        outputs = stack.outputs()
    except KeyboardInterrupt:
        print(f"\n{stack.name} is deployed; its outputs were not read.", file=sys.stderr)
        return _INTERRUPTED
    for name, value in outputs.items():
        print(f"{name}: {value}")
    return 0


def _opened(name: str, folder: Path, defaults: Mapping[str, str]) -> tuple[Stack, StackFile]:
    """The stack, which can be changed, and its file. A stack without one gets it: from what is deployed, or from the
    answer to one question."""
    path = stack_file.path_of(name, folder)
    known = path.exists()
    location = stack_file.read(path, defaults) if known else StackFile(_region(), os.environ.get("AWS_PROFILE", ""))
    stack = Stack(name, location)
    stack.check_state()
    if not known:
        parameters = stack.overrides(defaults) if stack.is_deployed() else _answers(path)
        stack_file.write(path, name, replace(location, parameters=parameters), defaults)
        print(f"{path} now holds what differs from the defaults; change it there.")
    return stack, stack_file.read(path, defaults)


def _region() -> str:
    region = boto3.Session().region_name
    if not region:
        raise WrongStackFile("No AWS region is set: run `aws configure`, or set AWS_REGION")
    return region


def _answers(path: Path) -> dict[str, str]:
    if sys.stdin.isatty():
        return {"AlarmEmail": input("Address that receives alarms (empty: none): ").strip()}
    raise WrongStackFile(f"{path} does not exist, and there is no terminal to ask on: write it as docs/deploy.md shows")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.deploy", description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--template", type=Path, default=ROOT / ".aws-sam" / "build" / "template.yaml")
    parser.add_argument("--folder", type=Path, default=ROOT / "stacks", help="of the stacks' files")
    parser.add_argument("--sam", type=Path, default=ROOT / "build" / "venvs" / "sam" / "bin" / "sam")
    parser.add_argument("--check", action="store_true", help="only whether the stack can be changed; needs no build")
    parser.add_argument("--preview", action="store_true", help="show the changes and make none")
    parser.add_argument("--replace", nargs="*", default=[], metavar="RESOURCE", help="allow this one to lose its data")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
