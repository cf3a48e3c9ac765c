"""Under which licences are the packages of the functions? Fails for one that the project has not accepted."""

import re
import sys
from collections.abc import Mapping
from importlib.metadata import metadata
from pathlib import Path

from dev.sandbox.toolchain import ROOT

LOCK = ROOT / "layers" / "dependencies" / "requirements.txt"
ACCEPTED = frozenset(
    {
        "Apache-2.0",
        "Apache Software License",
        "BSD License",
        "BSD-3-Clause",
        "MIT",
        "MIT License",
        "MIT No Attribution License (MIT-0)",
        "Mozilla Public License 2.0 (MPL 2.0)",  # certifi: a list of certificates, unchanged
        "PSF-2.0",
    }
)
"""Licences that allow distribution in an archive under Apache-2.0, with their texts in it."""


def licences_of(about: Mapping[str, str | list[str]]) -> set[str]:
    """The licences that a package's metadata name: https://peps.python.org/pep-0639/"""
    if expression := about.get("license_expression"):
        return set(re.split(r" (?:AND|OR) ", str(expression)))
    classified = [one for one in about.get("classifier", []) if one.startswith("License ::")]
    return {one.rpartition(" :: ")[2] for one in classified} or {str(about.get("license", "unknown"))}


def locked(lock: Path) -> dict[str, str]:
    """The versions in a lock, by name."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ \n]+)", lock.read_text(), re.MULTILINE))


def main() -> int:
    refused = 0
    for name, version in locked(LOCK).items():
        about = metadata(name).json
        licences = licences_of(about)
        unknown = licences - ACCEPTED
        refused += bool(unknown)
        print(f"{name} {version}: {', '.join(sorted(licences))}{' - not accepted' if unknown else ''}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
