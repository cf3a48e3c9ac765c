"""Which environments does this clone need, and how are they installed?

Run by the bare `python3`, before anything is installed: `python3 dev/sandbox/toolchain.py dev ministack sam`.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (older Pythons end here)
    sys.exit(f"Billing Mirror's tools need Python 3.11 or newer; python3 is {sys.version.split()[0]} here.")

ROOT = Path(__file__).resolve().parents[2]
HEARTBEAT = 10.0
"""Seconds after which a line says that something takes longer."""
ENVIRONMENTS = ("dev", "ministack", "sam", "docs")


class SetupError(Exception):
    """Something is missing or wrong that the user can mend; the message says what."""


def environment(name: str) -> Path:
    return ROOT / "build" / "venvs" / name


def program(name: str, command: str) -> Path:
    """An installed program of an environment."""
    path = environment(name) / "bin" / command
    if not path.exists():
        raise SetupError(f"{command} is not installed yet: run `python3 dev/sandbox/toolchain.py {name}` first.")
    return path


def child_environment() -> dict[str, str]:
    """The environment of this process, but bytecode may be kept: without bytecode every start is slow."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def install(name: str) -> None:
    """Installs the environment `name` from dev/requirements/<name>.txt, unless it is up to date."""
    wanted = _fingerprint(name)
    if _stamp(name).exists() and _stamp(name).read_text() == wanted:
        return
    with locked(environment(name).with_suffix(".lock")):
        # Another process may have installed it while this one waited.
        if not (_stamp(name).exists() and _stamp(name).read_text() == wanted):
            _make(name)
            _stamp(name).write_text(wanted)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """A lock between processes; the system frees it when its holder is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(name: str) -> Path:
    return environment(name) / "made-from"


def _fingerprint(name: str) -> str:
    lock = (ROOT / "dev" / "requirements" / f"{name}.txt").read_bytes()
    return f"{hashlib.sha256(lock).hexdigest()} python {sys.version.split()[0]}"


def _make(name: str) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            "This Python cannot make virtual environments. On Debian or Ubuntu: "
            f"`sudo apt install python{version}-venv` (or python3-venv)."
        )
    lock = ROOT / "dev" / "requirements" / f"{name}.txt"
    count = len(re.findall(r"^[a-z0-9].*==", lock.read_text(), re.MULTILINE))
    _say(f"{name}: installing {count} packages; this is done once ...")
    started = time.monotonic()
    _run(name, [sys.executable, "-m", "venv", "--clear", str(environment(name))])
    # The lock file is complete: nothing to resolve (--no-deps). The first use writes bytecode.
    pip = [str(environment(name) / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with said_while(_say, f"{name}: still installing ..."):
        _run(name, [*pip, "install", "--no-deps", "--no-compile", "--require-hashes", "-r", str(lock)])
    _say(f"{name}: ready after {time.monotonic() - started:.0f} s.")


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment())
    if done.returncode != 0:
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in complaints if line.startswith("ERROR")] or complaints[-1:]
        raise SetupError(
            f"Installing {name} failed; is the package index within reach, and the disk not full?\n"
            f"  {' '.join(errors[:2]) or 'No reason was given.'}"
        )


@contextlib.contextmanager
def said_while(say: Callable[[str], None], what: str, every: float = HEARTBEAT) -> Iterator[None]:
    """Says from time to time, in a thread, what takes longer, for those who cannot see it."""
    started, ended = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not ended.wait(every):
            say(f"{what} ({time.monotonic() - started:.0f} s)")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


_printing = threading.Lock()


def _say(sentence: str) -> None:
    with _printing:
        print(sentence, flush=True)


def main(names: list[str]) -> int:
    unknown = set(names) - set(ENVIRONMENTS)
    if unknown or not names:
        print(f"Usage: python3 dev/sandbox/toolchain.py {' '.join(f'[{name}]' for name in ENVIRONMENTS)}")
        return 2
    with ThreadPoolExecutor(len(names)) as pool:
        runs = [pool.submit(install, name) for name in names]
    failures = [error for run in runs if (error := run.exception()) is not None]
    for error in failures:
        if not isinstance(error, SetupError):
            raise error
        print(error, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
