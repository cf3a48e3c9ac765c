"""Serving the console on loopback."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import waitress

from ..failures import Failure
from ..stack.session import Session
from .app import create_app
from .guard import HOSTS, Guard
from .kept_history import history_of

THREADS = 4


@dataclass(frozen=True, slots=True)
class Server:
    """A console that waits for its browser."""

    listening: socket.socket
    guard: Guard
    session: Session

    def run(self) -> None:
        """Answers until Ctrl-C."""
        app = create_app(self.session, self.guard, history=history_of(self.session))
        # No name of a server, and no log: addresses have ids in them.
        waitress.create_server(app, sockets=[self.listening], threads=THREADS, ident=None).run()


def listen(session: Session, port: int) -> Server:
    """A server at this port of loopback, or at a free one for 0. Raises :class:`Failure` where the port is in use."""
    try:
        listening = socket.create_server((HOSTS[0], port))
    except OSError as error:
        raise Failure(
            f"Port {port} of this machine cannot be used: {error.strerror}", "Give another: --port 0"
        ) from error
    return Server(listening, Guard(listening.getsockname()[1]), session)
