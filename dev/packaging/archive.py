"""Zip archives that are the same, byte for byte, whenever and wherever they are made from the same files."""

import hashlib
import zipfile
from pathlib import Path

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""A zip file knows no earlier date."""
_PERMISSIONS = 0o100644


def write_archive(target: Path, folder: Path) -> None:
    """Packs all files of a folder, in the order of their names, without dates, owners and empty folders."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EARLIEST)
            entry.external_attr = _PERMISSIONS << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever system makes it
            archive.writestr(entry, path.read_bytes())


def checksum(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
