"""How does a program end when its starter does, however that happens, even when it is killed?

`python child_process.py [--packages <folder>]... <module> [arguments]` runs the module like `python -m`, while
its standard input is open: a pipe whose other end closes when the starter is gone. With --packages it runs in an
interpreter that does not own its packages.
"""

import contextlib
import os
import runpy
import signal
import site
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_held: dict[int, subprocess.Popen[bytes]] = {}


def start(
    command: list[str], *, log: Path, surroundings: Mapping[str, str], folder: Path, outlive_us: bool
) -> subprocess.Popen[bytes]:
    """Starts an interpreter that runs this file, in a process group of its own."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL if outlive_us else subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _held[process.pid] = process
    return process


def stop(pid: int) -> None:
    """Ends a program started like this, by us or by an earlier run, and what it started itself.

    At once: nothing of a sandbox is kept, so nothing needs time to tidy up.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if process := _held.pop(pid, None):
        process.wait()
        if process.stdin:
            process.stdin.close()


def end_in_order() -> None:
    """Lets SIGTERM end this process as Ctrl-C does: by way of everything that tidies up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def end_when_input_ends() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    while arguments[0] == "--packages":
        site.addsitedir(arguments[1])
        arguments = arguments[2:]
    module, *sys.argv[1:] = arguments
    if not os.path.samestat(os.fstat(0), os.stat(os.devnull)):  # noqa: PTH116  (a device, not a path of ours)
        threading.Thread(target=end_when_input_ends, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
