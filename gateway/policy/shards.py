"""Which of several connections a symbol belongs to."""

import zlib


def shard_of(symbol: str, count: int) -> int:
    """Choose a symbol's connection, the same one in every run and on every machine.

    Args:
        symbol: The vendor's string.
        count: How many connections there are, 1 or more.

    Returns:
        0 to `count` - 1.
    """
    return zlib.crc32(symbol.encode("latin-1", "replace")) % count if count > 1 else 0
