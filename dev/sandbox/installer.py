"""With which commands are locked packages installed? With uv, which reads what pip is configured to use, or with pip.

uv is four to six times faster, and the environments share its files as hard links. Where it fails, pip is tried.
"""

import ast
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SECTIONS = ("global", "install", ":env:")
"""Of pip's configuration; a later one overrides: https://pip.pypa.io/en/stable/topics/configuration/"""

_PASSED_ON = {
    "index-url": ("UV_DEFAULT_INDEX", " ", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", " ", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS", ",", ""),
    "trusted-host": ("UV_INSECURE_HOST", " ", ""),
    "cert": ("SSL_CERT_FILE", " ", ""),
    "proxy": ("ALL_PROXY", " ", ""),
}
"""pip's setting: uv's variable, what separates its values, and an older variable that says the same.

https://docs.astral.sh/uv/reference/environment/
"""


@dataclass(frozen=True)
class Installer:
    """One program that installs: `command` is complete but for what to install and where from."""

    name: str
    command: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)


def installers(home: Path, cache: Path, target: Path, environ: Mapping[str, str]) -> list[Installer]:
    """What installs for the interpreter `target`, the best one first.

    `home` is an environment with pip, and with uv if it could be had; `environ` holds this process's variables.
    """
    pip = Installer(
        "pip",
        [
            *(str(home / "bin" / "python"), "-m", "pip", "--python", str(target)),
            *("--quiet", "--disable-pip-version-check", "install", "--no-compile"),
        ],
    )
    uv = home / "bin" / "uv"
    settings = pip_settings(home, environ) if uv.exists() else {}
    if not uv.exists() or settings.get("no-index", "0").lower() in ("1", "true", "yes", "on"):
        return [pip]
    variables = uv_variables(settings, environ) | {"UV_CACHE_DIR": str(cache), "UV_LINK_MODE": "hardlink"}
    return [Installer("uv", [str(uv), "pip", "install", "--quiet", "--python", str(target)], variables), pip]


def pip_settings(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What the user has configured pip to do, in files or variables: setting to value."""
    listing = subprocess.run(
        [str(home / "bin" / "python"), "-m", "pip", "config", "list"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)=(.+)$", listing.stdout, re.MULTILINE)
    by_section = {(section, setting): str(ast.literal_eval(value)) for section, setting, value in found}
    return {setting: value for one in _SECTIONS for (section, setting), value in by_section.items() if section == one}


def uv_variables(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that make uv use the indexes and certificates that pip uses; what is set for uv already, stays."""
    variables = {
        "UV_PYTHON_DOWNLOADS": "never",
        # As pip does: any index may have the version. The hashes decide which file is right.
        "UV_INDEX_STRATEGY": environ.get("UV_INDEX_STRATEGY", "unsafe-best-match"),
    }
    for setting, (variable, separator, older) in _PASSED_ON.items():
        if setting in settings and variable not in environ and older not in environ:
            variables[variable] = separator.join(settings[setting].split())
    return variables


def forget_index_pages(cache: Path) -> None:
    """Deletes uv's copies of index pages, 25 MB that only the next resolution would read; the packages stay."""
    for pages in cache.glob("simple-v*"):
        shutil.rmtree(pages, ignore_errors=True)
