"""How does MiniStack run in an interpreter that does not own its packages?

`python -P ministack_launcher.py <site-packages> [--while-stdin-is-open]`, started by sandbox.ministack.
Without -P the folder of this file would come first on the path, and our own ministack.py with it.
"""

import os
import signal
import site
import sys
import threading


def end_with_our_starter() -> None:
    """Standard input is a pipe whose other end closes when the process that started us is gone."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    packages, *options = sys.argv[1:]
    if options:
        threading.Thread(target=end_with_our_starter, daemon=True).start()
    del sys.argv[1:]
    site.addsitedir(packages)
    from ministack.app import main  # type: ignore[import-not-found]  # its packages came with the line above

    main()
