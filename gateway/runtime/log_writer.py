"""Writes log lines from a thread of its own: a full pipe must never hold up prices.

Standard error blocks when its reader does: a paused terminal, a stuck collector. The feed thread
logs too, so lines go through a bounded queue, and what finds it full is dropped and counted.
"""

import atexit
import queue
import threading
from collections.abc import Callable
from typing import Final, TextIO

LINES_MAX: Final = 10_000
IDLE_S: Final = 1.0
"""Longest time between two calls of `on_turn`, while the target takes what is written."""
CLOSE_S_MAX: Final = 1.0
"""How long the end of the process waits for the last lines to be written."""


class LogWriter:
    """A text file for loggers that never blocks.

    Args:
        target: Where lines go in the end, such as `sys.stderr`.
    """

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._texts: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self.on_turn: Callable[[], object] = lambda: None
        """Called in the writer's thread, about once a second and before each text; may write."""
        self.dropped = 0
        """Texts that were lost: they found the queue full, or the reader was gone."""
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, text: str) -> int:
        """Queue a text; drop it when nobody reads what was written before."""
        try:
            self._texts.put_nowait(text)
        except queue.Full:
            self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing to do: the thread flushes after each text."""

    def isatty(self) -> bool:
        """Whether people read along."""
        return self._target.isatty()

    def close(self) -> None:
        """Wait a moment for what is queued to be written."""
        atexit.unregister(self.close)
        try:
            self._texts.put(None, timeout=CLOSE_S_MAX)
        except queue.Full:
            return
        self._thread.join(CLOSE_S_MAX)

    def _run(self) -> None:
        while (text := self._next()) is not None:
            self.on_turn()
            if not text:
                continue
            try:
                self._target.write(text)
                untold, self._told = self.dropped - self._told, self.dropped
                if untold:
                    self._target.write(f"{untold} log texts were dropped\n")
                self._target.flush()
            except (OSError, ValueError):
                # The reader is gone for good; the gateway is not.
                self.dropped += 1

    def _next(self) -> str | None:
        """The next text; an empty one while there is none, None at the end."""
        try:
            return self._texts.get(timeout=IDLE_S)
        except queue.Empty:
            return ""
