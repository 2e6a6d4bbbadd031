"""What a fuzzer needs to know about one reader of what others send."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

KEY_TEXT: Final = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
"""A public key, the one of ZeroMQ's own examples: a corpus must mean the same in every run."""


class Broken(AssertionError):
    """Something did not hold."""


@dataclass(frozen=True)
class Target:
    """One reader."""

    name: str
    """Names its corpus."""
    make: Callable[[], Callable[[bytes], None]]
    """Makes what reads one input, and raises whatever it is when something did not hold. Each input
    has one of its own: what it does must not hang on those before it."""
    seeds: tuple[bytes, ...]
    """What is right, to begin with."""
    tokens: tuple[bytes, ...] = ()
    """Words that mean something to the reader."""
    separator: bytes = b""
    """What stands between its fields."""
    is_msgpack: bool = False
    """Whether it reads msgpack."""
    bytes_max: int = 2_048
    """No input is longer."""


def join_parts(*parts: bytes) -> bytes:
    """Make one input of several messages: each behind its length, in two bytes."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def split_parts(data: bytes) -> list[bytes]:
    """Take such an input apart; what is wrong about it still gives parts."""
    parts = []
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        parts.append(data[2:end])
        data = data[end:]
    return parts
