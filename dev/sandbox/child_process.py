"""How does a child process end with its parent, even when the parent is killed?

`python child_process.py [--packages <folder>]... <module> [arguments]` runs the module like `python -m` until its
standard input ends: a pipe whose other end closes with the parent. With --packages the interpreter imports packages
from other folders too.
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

_started_here: dict[int, subprocess.Popen[bytes]] = {}


def start(
    command: list[str], *, log: Path, environ: Mapping[str, str], directory: Path, detached: bool
) -> subprocess.Popen[bytes]:
    """Starts an interpreter that runs this file, in a process group of its own.

    A ``detached`` process survives its parent.
    """
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started_here[process.pid] = process
    return process


def stop(pid: int) -> None:
    """Kills a process that :func:`start` started, here or in an earlier run, and all processes of its group.

    A sandbox keeps nothing, so no process needs time for cleaning up.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if process := _started_here.pop(pid, None):
        process.wait()
        if process.stdin:
            process.stdin.close()


def interrupt_on_sigterm() -> None:
    """Makes SIGTERM end this process as Ctrl-C does, so that context managers clean up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def exit_at_end_of_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    while arguments[0] == "--packages":
        site.addsitedir(arguments[1])
        arguments = arguments[2:]
    module, *sys.argv[1:] = arguments
    if not os.path.samestat(os.fstat(0), os.stat(os.devnull)):  # noqa: PTH116  (a device, not a path of ours)
        threading.Thread(target=exit_at_end_of_input, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
