"""How a command that an answer names reaches the stack, the region and the scope that the answer is about."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_VERB = re.compile(r"\bbilling-mirror (?:quarantine )?[a-z]+\b")
_AWS = re.compile(r"\baws [a-z]+ (?:[a-z]+-)+[a-z]+\b")


@dataclass(frozen=True, slots=True)
class GivenOptions:
    """The options of a call that say where it works, as they were given."""

    stack: str | None = None
    sandbox: bool = False
    scope: str | None = None
    region: str | None = None

    def added_to(self, text: str) -> str:
        """The text, its commands with these options: each works as it is, wherever the call worked."""
        region = _option("--region", self.region)
        options = f"{_option('--stack', self.stack)}{' --sandbox' * self.sandbox}{_option('--scope', self.scope)}"
        text = _VERB.sub(lambda found: f"{found[0]}{options}{region}", text)
        return _AWS.sub(lambda found: f"{found[0]}{region}", text)


NOT_GIVEN = GivenOptions()


def _option(name: str, value: str | None) -> str:
    return f" {name} {shlex.quote(value)}" if value else ""
