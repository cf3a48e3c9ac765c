"""What one call of the command works with: the stack, its reader, and where the answer goes."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path

import boto3

from billing_mirror.core.object_ref import Scope
from billing_mirror.reader import Reader

from ..failures import Failure, usage
from ..output import Output
from .aws import Aws
from .parts import Stack, describe_stack
from .sandbox import Sandbox, find_sandbox

MODES = ("live", "test")


class Session:
    """The options that every verb has, and what follows from them. Nothing is requested before it is needed."""

    def __init__(
        self, *, stack: str | None, sandbox: bool, scope: str | None, region: str | None, output: Output
    ) -> None:
        if stack and sandbox:
            raise usage("--stack and --sandbox name two different stacks", "Give one of them")
        self.output = output
        self._stack_name = stack
        self._in_sandbox = sandbox
        self._scope = scope
        self._region = region

    @cached_property
    def sandbox(self) -> Sandbox | None:
        return find_sandbox(Path.cwd()) if self._in_sandbox else None

    @cached_property
    def aws(self) -> Aws:
        return self.sandbox.aws() if self.sandbox else Aws(boto3.Session(region_name=self._region))

    @cached_property
    def stack(self) -> Stack:
        if self.sandbox:
            return self.sandbox.stack(self.aws)
        if not self._stack_name:
            raise usage(
                "No stack is named", "Give --stack NAME, set BILLING_MIRROR_STACK, or give --sandbox for the local one"
            )
        return describe_stack(self._stack_name, self.aws)

    @cached_property
    def reader(self) -> Reader:
        try:
            return Reader(self.stack.table, scope=self.scope, client=self.aws.dynamodb)
        except ValueError as error:
            raise usage(str(error)[:1].upper() + str(error)[1:]) from error

    @cached_property
    def scope(self) -> str:
        """The scope that was given, or the mode of the key that filled the mirror."""
        return self._scope or self._pinned_mode()

    @property
    def known_mode(self) -> str | None:
        """The mode that was given, or that of the key that filled the mirror; None while nothing has filled it."""
        if self._scope:
            return self._scope.partition("/")[0]
        return self._pinned_mode() if self._pins else None

    @property
    def account(self) -> str:
        """The id of the account whose key filled the mirror; empty where it is not known."""
        return self._pins.get(self.scope.partition("/")[0], "")

    @property
    def mode(self) -> Scope:
        """The mode of the scope, without a connected account: what the key itself reads."""
        return Scope(livemode=self.scope.startswith("live"))

    @property
    def context(self) -> str | None:
        """The connected account of the scope; None for the key's own."""
        return self.scope.partition("/")[2] or None

    @property
    def own_scope(self) -> Scope:
        """The scope as the package writes it."""
        return Scope(self.mode.livemode, self.context)

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits between two readings of something that moves."""
        time.sleep(seconds)

    def _pinned_mode(self) -> str:
        if len(self._pins) > 1:
            raise Failure("The table holds a live and a test account", "Give --scope live or --scope test")
        return next(iter(self._pins), MODES[0])

    @cached_property
    def _pins(self) -> dict[str, str]:
        """By mode, the account whose key filled the table: docs/decisions/0031-pin-the-account.md"""
        table = self.stack.table
        keys = [{"pk": {"S": f"{mode}#account"}, "sk": {"S": "pin"}} for mode in MODES]
        answer = self.aws.dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})
        pins = answer["Responses"].get(table, [])
        return {pin["pk"]["S"].partition("#")[0]: pin.get("account", {}).get("S", "") for pin in pins}
