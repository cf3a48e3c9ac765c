"""Environments are installed by uv from where pip is configured to look, or else by pip, and only once.

Each test installs a package of one module into a bare clone, from a package index on this machine.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dev.sandbox.installer import installers, uv_variables
from dev.sandbox.toolchain import environment
from tests.template_file import ROOT

UV = environment("uv") / "bin" / "uv"
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv could not be had when the environments were installed")


class Index:
    """A package index: https://packaging.python.org/en/latest/specifications/simple-repository-api/"""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self.url = url

    def add(self, name: str, version: str, files: Mapping[str, str]) -> str:
        """Adds a wheel of these files; its line in a lock is returned."""
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        written = {
            **files,
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},,\n" for path in [*written, f"{about}/RECORD"])
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, content in {**written, f"{about}/RECORD": record}.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o100755 << 16  # an ordinary file that may be executed
                archive.writestr(entry, content)
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name it has in the class)
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Index(folder, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clone(tmp_path: Path, index: Index) -> Path:
    """A clone in which the environments `docs` and `sandbox` are one module, `thing`; uv is not on the index."""
    clone = tmp_path / "a clone"
    for name in ["dev/__init__.py", *(f"dev/sandbox/{name}.py" for name in ("__init__", "toolchain", "installer"))]:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    thing = index.add("thing", "1.0", {"thing.py": "said = 'hello'\n"})
    lock(clone, "docs", thing)
    lock(clone, "sandbox", thing)
    lock(clone, "uv", f"uv==1.0 --hash=sha256:{'0' * 64}\n")
    return clone


def lock(clone: Path, name: str, line: str) -> None:
    (clone / "dev" / "requirements").mkdir(exist_ok=True)
    (clone / "dev" / "requirements" / f"{name}.txt").write_text(line)


def bare(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without what it tells pip and uv, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, **variables}


def toolchain(clone: Path, *names: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.sandbox.toolchain", *names],
        cwd=clone,
        env=bare(variables),
        capture_output=True,
        text=True,
        check=False,
    )


def says(clone: Path, name: str) -> str:
    """What the installed module says."""
    python = clone / "build" / "venvs" / name / "bin" / "python"
    return subprocess.run(
        [str(python), "-c", "import thing; print(thing.said)"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_pip_installs_where_uv_cannot_be_had_and_a_second_run_installs_nothing(clone: Path, index: Index) -> None:
    first = toolchain(clone, "docs", PIP_INDEX_URL=index.url)
    assert first.returncode == 0, first.stderr
    assert "pip installs everything, which takes longer, because uv cannot be had: ERROR" in first.stdout
    assert says(clone, "docs") == "hello"
    second = toolchain(clone, "docs", PIP_INDEX_URL="http://127.0.0.1:9/")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    lock(clone, "docs", index.add("thing", "2.0", {"thing.py": "said = 'hello again'\n"}))
    third = toolchain(clone, "docs", PIP_INDEX_URL=index.url)
    assert third.returncode == 0, third.stderr
    assert says(clone, "docs") == "hello again"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("#!/bin/sh\necho 'error: the index is out of reach' >&2\nexit 2\n", "error: the index is out of reach"),
        ("#!/not/for/this/machine\n", "[Errno 2] No such file or directory"),
    ],
    ids=["fails", "does not run"],
)
def test_pip_installs_where_uv_fails(clone: Path, index: Index, script: str, reason: str) -> None:
    lock(clone, "uv", index.add("uv", "1.0", {"uv-1.0.data/scripts/uv": script}))
    done = toolchain(clone, "docs", PIP_INDEX_URL=index.url)
    assert done.returncode == 0, done.stderr
    assert f"docs: pip installs it, which takes longer, because uv could not: {reason}" in done.stdout
    assert says(clone, "docs") == "hello"


@needs_uv
def test_uv_installs_from_the_index_in_pips_file_and_environments_share_files(clone: Path, index: Index) -> None:
    lock(clone, "uv", index.add("uv", "1.0", {"uv-1.0.data/scripts/uv": f'#!/bin/sh\nexec "{UV}" "$@"\n'}))
    configuration = clone / "pip.conf"
    configuration.write_text(f"[global]\nindex-url = {index.url}\n")
    done = toolchain(clone, "docs", "sandbox", PIP_CONFIG_FILE=str(configuration))
    assert done.returncode == 0, done.stderr
    assert "pip installs" not in done.stdout
    assert says(clone, "docs") == says(clone, "sandbox") == "hello"
    (one,) = (clone / "build" / "venvs" / "docs").glob("lib/python*/site-packages/thing.py")
    (other,) = (clone / "build" / "venvs" / "sandbox").glob("lib/python*/site-packages/thing.py")
    assert one.samefile(other)
    assert not list((clone / "build" / "uv-cache").glob("simple-v*")), "pages of the index are kept"


def test_a_file_that_is_not_the_locked_one_is_refused(clone: Path, index: Index) -> None:
    index.add("thing", "1.0", {"thing.py": "said = 'something else'\n"})
    done = toolchain(clone, "docs", PIP_INDEX_URL=index.url)
    assert done.returncode == 1
    assert "Installing docs failed" in done.stderr
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr


def test_a_python_that_cannot_make_environments_gets_a_sentence(clone: Path) -> None:
    (clone / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")  # as Debian ships Python
    done = toolchain(clone, "docs", PYTHONPATH=str(clone))
    assert done.returncode == 1
    assert "sudo apt install python3" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_set_for_uv_is_kept() -> None:
    settings = {"index-url": "https://pip/simple", "extra-index-url": "https://a\nhttps://b", "find-links": "/a /b"}
    assert uv_variables(settings, {"UV_INDEX_URL": "https://uv/simple"}).keys().isdisjoint({"UV_DEFAULT_INDEX"})
    variables = uv_variables(settings, {})
    assert variables["UV_DEFAULT_INDEX"] == "https://pip/simple"
    assert variables["UV_INDEX"] == "https://a https://b"
    assert variables["UV_FIND_LINKS"] == "/a,/b"


@needs_uv
@pytest.mark.parametrize(("variables", "names"), [({}, ["uv", "pip"]), ({"PIP_NO_INDEX": "1"}, ["pip"])])
def test_uv_is_not_used_where_pip_may_use_no_index(tmp_path: Path, variables: dict[str, str], names: list[str]) -> None:
    ways = installers(environment("uv"), tmp_path / "cache", tmp_path / "python", bare(variables))
    assert [way.name for way in ways] == names
