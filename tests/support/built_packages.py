"""Checks what built packages say of themselves and carry.

python -m tests.support.built_packages FILE ...   # wheels and source distributions
"""

import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from packaging.metadata import Metadata

_NEVER: Final = (".venv/", "__pycache__", ".env", ".key_secret", ".pyc")
"""What must not be in a package."""


def check(path: Path) -> str:
    """Check one package.

    Returns:
        What it is, in a line.

    Raises:
        ValueError: Something is wrong with it.
    """
    names, metadata = _read_wheel(path) if path.suffix == ".whl" else _read_source(path)
    told = Metadata.from_email(metadata, validate=True)
    missing = [
        name
        for name in ("summary", "description", "license_expression", "requires_python")
        if not getattr(told, name)
    ]
    if missing:
        raise ValueError(f"{path.name}: says nothing of {', '.join(missing)}")
    wrong = [name for name in names if any(part in name for part in _NEVER)]
    if wrong:
        raise ValueError(f"{path.name}: must not have {wrong[:5]}")
    needed = len(told.requires_dist or [])
    return f"{path.name}: {told.name} {told.version}, {len(names)} files, {needed} requirements"


def _read_wheel(path: Path) -> tuple[list[str], bytes]:
    with zipfile.ZipFile(path) as wheel:
        return _find(path, wheel.namelist(), ".dist-info/METADATA", wheel.read)


def _read_source(path: Path) -> tuple[list[str], bytes]:
    with tarfile.open(path) as source:

        def read(name: str) -> bytes:
            file = source.extractfile(name)
            return b"" if file is None else file.read()

        return _find(path, source.getnames(), "/PKG-INFO", read)


def _find(
    path: Path, names: Iterable[str], ending: str, read: Callable[[str], bytes]
) -> tuple[list[str], bytes]:
    listed = list(names)
    found = [name for name in listed if name.endswith(ending)]
    if len(found) != 1:
        raise ValueError(f"{path.name}: has {len(found)} files {ending}")
    return listed, read(found[0])


def main(names: list[str]) -> int:
    """Check all that are named; each in a line."""
    for name in names:
        print(check(Path(name)))
    return 0 if names else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
