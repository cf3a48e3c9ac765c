"""The command, with every verb that it has."""

from __future__ import annotations

from typing import Annotated

import typer

from . import __version__
from .options import add_verb
from .verbs.backfill import backfill
from .verbs.console import console
from .verbs.customer import customer
from .verbs.diff import diff
from .verbs.doctor import doctor
from .verbs.events import events
from .verbs.export import export
from .verbs.forget import forget
from .verbs.get import get
from .verbs.history import history
from .verbs.list import list_objects
from .verbs.prove import prove
from .verbs.quarantine import quarantine
from .verbs.recover import recover
from .verbs.refresh import refresh
from .verbs.setup import setup
from .verbs.status import status
from .verbs.tail import tail
from .verbs.verify import verify

app = typer.Typer(
    name="billing-mirror",
    help="Operate a Billing Mirror stack: read the mirror, compare it with Stripe, and mend what is wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


add_verb(app, setup)
add_verb(app, status)
add_verb(app, doctor)
add_verb(app, get)
add_verb(app, list_objects, name="list")
add_verb(app, customer)
add_verb(app, console)
add_verb(app, diff)
add_verb(app, history)
add_verb(app, refresh)
add_verb(app, verify)
add_verb(app, recover)
add_verb(app, backfill)
add_verb(app, tail)
add_verb(app, prove)
add_verb(app, export)
add_verb(app, events)
add_verb(app, forget)
app.add_typer(quarantine, name="quarantine")


def main() -> None:
    """Runs the command that the arguments name; ends the process with its exit code."""
    app(prog_name="billing-mirror")
