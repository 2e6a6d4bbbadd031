"""How late this machine lets anybody run: what no gateway can be better than."""

import threading
import time
from types import TracebackType
from typing import Final, Self

NAP_S: Final = 0.02


class Host:
    """A thread that sleeps for a moment, over and over, and notes how late it wakes."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host", daemon=True)
        self.late_ms: dict[int, float] = {}
        """The latest waking of each second of Unix time."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            began_s = time.monotonic()
            time.sleep(NAP_S)
            late_ms = (time.monotonic() - began_s - NAP_S) * 1000
            second = time.time_ns() // 1_000_000_000
            self.late_ms[second] = max(late_ms, self.late_ms.get(second, 0.0))
