"""The interpreter that both threads share, tuned so that neither holds up the other for long."""

import ctypes
import gc
import sys
from typing import Final

FULL_COLLECTIONS_RARER: Final = 100
SWITCH_S: Final = 0.0005
"""How long one thread may keep the interpreter while the other waits for it: every step of an
answer may have to wait so long while the feed is busy."""

FAST_BYTES_MAX: Final = 160
"""Blocks of glibc's that are handed out and taken back without being merged and split; its own
limit is 128."""
_M_MXFAST: Final = 1
"""Of glibc's malloc.h."""


class InterpreterTuning:
    """What is set for as long as a gateway runs."""

    def __init__(self) -> None:
        self._threshold = gc.get_threshold()
        self._switch_s = sys.getswitchinterval()

    def apply(self) -> None:
        """Set it; call it when everything that lives as long as the gateway is made."""
        # A full collection with many live objects stops both threads for tens of milliseconds:
        # what lives as long as the gateway is taken out of all later ones.
        gc.collect()
        gc.freeze()
        # Order books grow to hundreds of thousands of rows, none of them garbage: look through the
        # old ones a hundred times more rarely. What dies young is collected as always.
        gc.set_threshold(*self._threshold[:2], FULL_COLLECTIONS_RARER * self._threshold[2])
        sys.setswitchinterval(SWITCH_S)
        tune_allocator()

    def undo(self) -> None:
        """Leave everything as it was: a program that goes on without us, as tests do, needs it."""
        gc.unfreeze()
        gc.set_threshold(*self._threshold)
        sys.setswitchinterval(self._switch_s)


def tune_allocator() -> bool:
    """Have blocks of a message's size reused as they are; whether that could be set.

    libzmq allocates each message in the thread that sends it, and frees it in the one that writes
    it to its connections. A block as long as a quote's is beyond what glibc keeps in lists of one
    size, so it was merged with its neighbors and split again, each time under a lock that both
    threads wait for.
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MXFAST, FAST_BYTES_MAX))
    except (AttributeError, OSError):
        # Another C library, such as musl, has an allocator of its own.
        return False
