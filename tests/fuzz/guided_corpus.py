"""Inputs that reached new edges, kept under version control: a text file for each reader.

A line is an input: printable ASCII as it is, other bytes and the backslash as Python escapes them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus" / "guided"
BYTES_MAX: Final = 300_000
"""All files together; a test refuses more."""


def read_corpus(name: str) -> list[bytes]:
    """The inputs that are kept for a reader; none when it has no file yet."""
    path = FOLDER / f"{name}.txt"
    if not path.exists():
        return []
    text = path.read_text(encoding="ascii")
    return [decode(line) for line in text.splitlines() if not line.startswith("#")]


def write_corpus(name: str, inputs: Iterable[bytes]) -> None:
    """Replace what is kept for a reader."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = sorted({encode(data) for data in inputs}, key=lambda line: (len(line), line))
    text = "".join(f"{line}\n" for line in ("# Written by python -m tests.fuzz.guided.", *lines))
    (FOLDER / f"{name}.txt").write_text(text, encoding="ascii")


def encode(data: bytes) -> str:
    """An input as a line."""
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    # A line that begins like a remark is none; an empty input is a line of its own, too.
    return text.replace("#", "\\x23", 1) if text.startswith("#") else text


def decode(line: str) -> bytes:
    """A line as the input it stands for."""
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")
