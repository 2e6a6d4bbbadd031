"""Lines known from elsewhere, for both pipelines to read: captured, and kept by fuzzers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.fuzz.guided_corpus import read_corpus
from tests.support.pairs import Step

KEPT: Final = ("level1_lines", "level2_lines", "session_lines")
"""Readers whose inputs are kept."""
BYTES_MAX: Final = 6_000
"""Of one file of captured lines."""
SYMBOLS_MAX: Final = 12


def kept(name: str) -> list[Step]:
    """Every input that once took a new way in a reader, each as a line of its own."""
    texts = read_corpus(name)
    assert texts
    return [("feed", text + b"\r\n") for text in texts]


def captured(samples: Path) -> Iterator[tuple[bytes, list[str]]]:
    """What is in each file of captured lines, and whom it may be about."""
    files = sorted(path for path in samples.rglob("*") if path.is_file())
    assert files
    for path in files:
        data = path.read_bytes()[:BYTES_MAX]
        names = {text.split(b",")[1] for text in data.splitlines() if text.count(b",") > 1}
        symbols = sorted(name.decode() for name in names if name and name.isascii())
        yield data, symbols[:SYMBOLS_MAX]
