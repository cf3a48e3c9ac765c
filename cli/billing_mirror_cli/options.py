"""The options that every verb has, before or after its own; and how a verb's failure is reported."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, Concatenate, ParamSpec, cast

import typer
from botocore.exceptions import BotoCoreError, ClientError

from billing_mirror.core.errors import MirrorError

from .failures import Failure
from .given_options import GivenOptions
from .output import Output
from .prompts import NoAnswer
from .stack.aws_failures import explain
from .stack.session import Session

P = ParamSpec("P")

_PANEL = "Options of every verb"


def _common(
    *,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack", envvar="BILLING_MIRROR_STACK", metavar="NAME", help="The deployed stack.", rich_help_panel=_PANEL
        ),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="The sandbox that runs in this clone.", rich_help_panel=_PANEL)
    ] = False,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="live or test, or either with /acct_...; by default the mode of the stack's key.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="The AWS region.", rich_help_panel=_PANEL)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one value a line.", rich_help_panel=_PANEL)] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of a failure.", rich_help_panel=_PANEL)
    ] = False,
) -> None:
    """Declares the options; typer reads them from here."""


_COMMON = tuple(inspect.signature(_common, eval_str=True).parameters.values())


def add_verb(app: typer.Typer, work: Callable[Concatenate[Session, P], None], *, name: str | None = None) -> None:
    """Adds a verb to the command: its own parameters after the session, and the options of every verb."""
    verb = cast("Callable[..., None]", work)
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

    @wraps(work)
    def run(**given: Any) -> None:  # noqa: ANN401 - what typer has parsed, of each parameter's own type
        common = {one.name: given.pop(one.name) for one in _COMMON}
        as_json, debug = common.pop("as_json"), common.pop("debug")
        output = Output(as_json=as_json, given=GivenOptions(**common))
        with _reported(output, debug=debug):
            verb(Session(**common, output=output), **given)

    # typer reads the parameters of what it calls, and this has those of two functions.
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *_COMMON)]
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - mypy knows no signature of a function
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    app.command(name or work.__name__)(run)


@contextmanager
def _reported(output: Output, *, debug: bool) -> Iterator[None]:
    try:
        yield
    except (Failure, NoAnswer, ClientError, BotoCoreError, MirrorError) as error:
        if debug:
            traceback.print_exc()
        failure = _failure_of(error)
        output.failure(failure)
        raise typer.Exit(failure.code) from None


def _failure_of(error: Failure | NoAnswer | ClientError | BotoCoreError | MirrorError) -> Failure:
    if isinstance(error, NoAnswer):
        return error.failure
    return error if isinstance(error, Failure) else explain(error)
