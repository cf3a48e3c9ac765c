"""``billing-mirror console``: the stack in a browser."""

from __future__ import annotations

import importlib.util
from typing import Annotated

import typer

from ..failures import Failure
from ..stack.session import Session

PORT = 8642


def console(
    session: Session,
    *,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Its port; 0: a free one.")
    ] = PORT,
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show customers, health, drift and quarantine in a browser.

    It listens on this machine only, and answers the browser that opens the address it prints. It changes nothing but
    what its buttons say: retry and refresh. Ctrl-C ends it. It needs the extra console.
    """
    if importlib.util.find_spec("flask") is None or importlib.util.find_spec("waitress") is None:
        raise Failure("The console needs flask and waitress", 'pip install "billing-mirror[cli,console]"')
    from ..console.server import listen

    server = listen(session, port)
    stack = session.stack.name
    session.output.value({"address": server.guard.address, "stack": stack, "scope": session.scope})
    session.output.line(f"{stack}, {session.scope}: {server.guard.address}", "bold")
    session.output.note("It answers this machine only. Ctrl-C ends it.")
    if browser:
        typer.launch(server.guard.address)
    server.run()
