"""What does a stack's own file say: where the stack is, and which parameters differ from the defaults?

``stacks/NAME.toml`` is not in the repository. Only overrides are in it: every deploy sends the template's defaults for
all other parameters. CloudFormation would otherwise keep the values of the deploy before, old defaults included.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PARAMETERS = "docs/deploy.md#parameters"
_LOCATION = ("region", "profile", "bucket")
_TABLES = ("parameters", "tags")


class WrongStackFile(Exception):
    """The file says what no deploy can do; the message names the file and the entry."""


@dataclass(frozen=True)
class StackFile:
    """``profile``: of the AWS configuration; ``bucket``: for the code, instead of SAM's own. Empty where not given."""

    region: str
    profile: str = ""
    bucket: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The overrides."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the stack, and so of its resources."""

    def values(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """The value of every parameter."""
        return {**defaults, **self.parameters}


def path_of(stack: str, folder: Path) -> Path:
    return folder / f"{stack}.toml"


def read(path: Path, defaults: Mapping[str, str]) -> StackFile:
    """Raises :class:`WrongStackFile`. ``defaults`` are those of the template, by parameter."""
    try:
        found = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise WrongStackFile(f"{path} is not TOML: {error}") from None
    unknown = sorted(found.keys() - {*_LOCATION, *_TABLES})
    if unknown:
        raise WrongStackFile(f"{path}: {unknown[0]} is none of {', '.join(_LOCATION)}, [parameters] and [tags]")
    location = {name: _text(path, name, found[name]) for name in _LOCATION if name in found}
    if not location.get("region"):
        raise WrongStackFile(f'{path}: the region is missing; add region = "eu-central-1", or yours')
    parameters = {name: _text(path, name, value) for name, value in found.get("parameters", {}).items()}
    unknown = sorted(parameters.keys() - defaults.keys())
    if unknown:
        raise WrongStackFile(f"{path}: this version has no parameter {unknown[0]}; those that it has: {PARAMETERS}")
    tags = {name: _text(path, name, value) for name, value in found.get("tags", {}).items()}
    return StackFile(**location, parameters=_overrides(parameters, defaults), tags=tags)


def write(path: Path, stack: str, given: StackFile, defaults: Mapping[str, str]) -> None:
    """Stores the file, without parameters that have their default."""
    lines = [f"# The stack {stack}: only what differs from the defaults ({PARAMETERS})."]
    lines += [f"{name} = {_quoted(value)}" for name in _LOCATION if (value := getattr(given, name))]
    lines += ["", "[parameters]"]
    lines += [f"{name} = {_quoted(value)}" for name, value in sorted(_overrides(given.parameters, defaults).items())]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def overrides_of(
    deployed: Mapping[str, str], its_defaults: Mapping[str, str], new: Mapping[str, str]
) -> dict[str, str]:
    """What a deployed stack really overrides: not the defaults of its own template, nor what the new one lacks."""
    return _overrides({name: value for name, value in deployed.items() if value != its_defaults.get(name)}, new)


def _overrides(parameters: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name in defaults and value != defaults[name]}


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongStackFile(f'{path}: {name} must be a text in quotes ("on", not true) or a whole number')
    text = str(value)
    if '"' in text or "\\" in text or not text.isprintable():
        raise WrongStackFile(f"{path}: {name} holds a quote, a backslash or a control character")
    return text


def _quoted(value: str) -> str:
    return f'"{value}"'
