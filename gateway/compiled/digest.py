"""Which sources the extension was built from: an editable install keeps one of older sources.

The build reads this file as it is, so it needs nothing but the standard library.
"""

import hashlib
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".cpp", ".hpp")


def digest_of(folder: Path) -> str | None:
    """Tell the extension's sources from others by a short text.

    Args:
        folder: Where they are.

    Returns:
        16 hexadecimal digits of what all of them are called and hold; None where there are none.

    Raises:
        OSError: One of them cannot be read.
    """
    digest = hashlib.sha256()
    sources = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES)
    for path in sources:
        data = path.read_bytes()
        digest.update(f"{path.name}\n{len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:16] if sources else None
