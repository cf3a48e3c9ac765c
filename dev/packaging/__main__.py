"""Makes the files of a release: ``make package``."""

import subprocess
import sys

from dev.sandbox.toolchain import ROOT, SetupError, program

from .bundle import bill_of_materials, build_layers, write_release

BUILD = ROOT / "build" / "package"


def main() -> int:
    if not _has_compiler():
        print("There is no python3.13 here: without its bytecode, the release would start slowly.", file=sys.stderr)
        return 1
    try:
        build_layers(BUILD / "layers", {"PYTHON": str(program("uv", "python"))}, {})
        archive = write_release(BUILD, BUILD / "layers", bill_of_materials())
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 1e6:.1f} MB")
    return 0


def _has_compiler() -> bool:
    """Whether Lambda's Python runs here: a name on the PATH may be a shim that does not."""
    try:
        return subprocess.run(["python3.13", "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S607
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
