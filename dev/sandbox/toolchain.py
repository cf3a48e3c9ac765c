"""Which environments does this clone need, and how are they installed?

Run by the bare `python3`, before anything is installed: `python3 -m dev.sandbox.toolchain sandbox ministack sam`.
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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (older Pythons end here, and could not import what follows)
    sys.exit(f"Billing Mirror's tools need Python 3.11 or newer; python3 is {sys.version.split()[0]} here.")

from dev.sandbox.installer import Installer, forget_index_pages, installers

ROOT = Path(__file__).resolve().parents[2]
HEARTBEAT = 10.0
"""Seconds after which a line says that something takes longer."""
_CACHE = ROOT / "build" / "uv-cache"
"""On the disk of the environments, so that these share its files."""
ENVIRONMENTS = ("sandbox", "ministack", "sam", "cli", "dev", "docs", "audit", "uv")
"""`uv` holds pip and uv, which install the others."""


class SetupError(Exception):
    """Something is missing or wrong that the user can mend; the message says what."""


class InstallError(SetupError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"Installing {name} failed; is the package index within reach, and the disk not full?\n  {reason}"
        )
        self.reason = reason


def environment(name: str) -> Path:
    return ROOT / "build" / "venvs" / name


def program(name: str, command: str) -> Path:
    """An installed program of an environment."""
    path = environment(name) / "bin" / command
    if not path.exists():
        raise SetupError(f"{command} is not installed yet: run `python3 -m dev.sandbox.toolchain {name}` first.")
    return path


def child_environment() -> dict[str, str]:
    """The environment of this process, but bytecode may be kept: without bytecode every start is slow."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def install(name: str) -> None:
    """Installs the environment `name` from dev/requirements/<name>.txt, unless it is up to date."""
    if _is_current(name):
        return
    with locked(environment(name).with_suffix(".lock")):
        # Another process may have installed it while this one waited.
        if not _is_current(name):
            (_make_installer if name == "uv" else _make)(name)


def ways_to_install(target: Path) -> list[Installer]:
    """What can install packages for the interpreter `target`, the best one first."""
    program("uv", "python")
    return installers(environment("uv"), _CACHE, target, child_environment())


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """A lock between processes; the system frees it when its holder is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_current(name: str) -> bool:
    stamp = environment(name) / "made-from"
    return stamp.exists() and stamp.read_text() == _fingerprint(name)


def _fingerprint(name: str) -> str:
    return f"{hashlib.sha256(_lock(name).read_bytes()).hexdigest()} python {sys.version.split()[0]}"


def _lock(name: str) -> Path:
    return ROOT / "dev" / "requirements" / f"{name}.txt"


def _make(name: str) -> None:
    count = len(re.findall(r"^[a-z0-9].*==", _lock(name).read_text(), re.MULTILINE))
    _say(f"{name}: installing {count} packages; this is done once ...")
    started = time.monotonic()
    _run(name, [sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment(name))])
    with said_while(_say, f"{name}: still installing ..."):
        _fill(name)
    (environment(name) / "made-from").write_text(_fingerprint(name))
    _say(f"{name}: ready after {time.monotonic() - started:.0f} s.")


def _fill(name: str) -> None:
    # The lock file is complete: nothing to resolve (--no-deps). The first use writes bytecode.
    what = ["--no-deps", "--require-hashes", "-r", str(_lock(name))]
    *better, last = ways_to_install(environment(name) / "bin" / "python")
    for way in better:
        try:
            # One at a time: at once they would each download, and keep, what they share.
            with locked(_CACHE.with_suffix(".lock")):
                return _run(name, [*way.command, *what], way.environ)
        except InstallError as error:
            _say(f"{name}: {last.name} installs it, which takes longer, because {way.name} could not: {error.reason}")
    return _run(name, [*last.command, *what], last.environ)


def _make_installer(name: str) -> None:
    """An environment with pip, and with uv if it can be had."""
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            "This Python cannot make virtual environments. On Debian or Ubuntu: "
            f"`sudo apt install python{version}-venv` (or python3-venv)."
        )
    _say("Installing the installer, uv ...")
    with said_while(_say, "Still installing the installer ..."):
        _run(name, [sys.executable, "-m", "venv", "--clear", str(environment(name))])
        pip = [str(environment(name) / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run(name, [*pip, "uninstall", "--yes", "setuptools"])  # 13 MB that Python 3.11 adds and nothing here needs
        try:
            _run(name, [*pip, "install", "--no-deps", "--no-compile", "--require-hashes", "-r", str(_lock(name))])
        except InstallError as error:
            _say(f"pip installs everything, which takes longer, because uv cannot be had: {error.reason}")
            return
    (environment(name) / "made-from").write_text(_fingerprint(name))


def _run(name: str, command: list[str], environ: Mapping[str, str] | None = None) -> None:
    variables = {**child_environment(), **(environ or {})}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    except OSError as error:  # the program is for another machine or C library
        raise InstallError(name, str(error)) from error
    if done.returncode != 0:
        complaints = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in complaints if line.lower().startswith(("error", "cause:"))] or complaints[-1:]
        raise InstallError(name, " ".join(errors[:2]) or "No reason was given.")


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
        print(f"Usage: python3 -m dev.sandbox.toolchain {' '.join(f'[{name}]' for name in ENVIRONMENTS)}")
        return 2
    missing = [name for name in names if not _is_current(name)]
    failures = _install_all(missing) if missing else []
    for error in failures:
        print(error, file=sys.stderr)
    return 1 if failures else 0


def _install_all(names: list[str]) -> list[SetupError]:
    """Installs what installs, then the rest side by side; what failed is returned."""
    try:
        install("uv")
    except SetupError as error:
        return [error]
    others = [name for name in names if name != "uv"]
    with ThreadPoolExecutor(len(others) or 1) as pool:
        errors = [run.exception() for run in [pool.submit(install, name) for name in others]]
    with locked(_CACHE.with_suffix(".lock")):
        forget_index_pages(_CACHE)
    for unexpected in errors:
        if unexpected is not None and not isinstance(unexpected, SetupError):
            raise unexpected
    return [failure for failure in errors if isinstance(failure, SetupError)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
