"""How does a program end when its starter does, however that happens, even when it is killed?

`python leash.py [--packages <folder>] <module> [arguments]` runs the module like `python -m` would, while its
standard input is open: a pipe whose other end closes when the starter is gone. With --packages it runs in an
interpreter that does not own its packages.
"""

import os
import runpy
import signal
import site
import sys
import threading


def end_when_input_ends() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    if arguments[0] == "--packages":
        site.addsitedir(arguments[1])
        arguments = arguments[2:]
    module, *sys.argv[1:] = arguments
    if not os.path.samestat(os.fstat(0), os.stat(os.devnull)):  # noqa: PTH116  (a device, not a path of ours)
        threading.Thread(target=end_when_input_ends, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
