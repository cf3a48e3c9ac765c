"""Start the stand-in: `python -m dev.fake_stripe --state-file F`; SIGTERM ends it."""

import argparse
import json
import os
import signal
from pathlib import Path

from .account.backend import Backend
from .api.protocol import random_text
from .api.server import running

ENDINGS = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # before any thread starts: only sigwait receives them
    parser = argparse.ArgumentParser(prog="python -m dev.fake_stripe", description=__doc__)
    parser.add_argument("--state-file", type=Path, required=True, help="gets address, pid and key")
    parser.add_argument("--key", action="append", help="an API key to accept; generated when not given")
    parser.add_argument("--account", action="append", default=[], help="a connected account to accept")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    options = parser.parse_args()
    keys = options.key or [f"rk_test_standin{random_text(24)}"]
    backend = Backend(keys)
    for context in options.account:
        backend.register(context)
    with running(backend, options.port) as server:
        state = json.dumps({"api_base": server.api_base, "pid": os.getpid(), "api_key": keys[0]})
        _write_whole(options.state_file, state)
        print(state, flush=True)
        signal.sigwait(ENDINGS)


def _write_whole(path: Path, text: str) -> None:
    """Writes the file in one step: a reader that waits for the file never sees half of it."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    main()
