"""What a consumer program is told while it runs: `pause`, `resume`, `slow MILLISECONDS`."""

import os
import sys

from tests.support import records
from tests.support.records import Recorder


class Orders:
    """Orders from standard input, line by line.

    Args:
        recorder: Where a pause is written down.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pending = b""
        self.descriptor = sys.stdin.fileno()
        """To wait for; then `read`."""
        self.is_reading = True
        self.slow_s = 0.0
        """Seconds to take for every message."""

    def read(self) -> bool:
        """Follow what came.

        Returns:
            Whether the program is to go on; what it wrote down is on disk when not.
        """
        data = os.read(self.descriptor, 4096)
        if not data:
            self._recorder.flush()
            return False
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            verb, *values = line.decode("ascii").split()
            self.is_reading = verb != "pause"
            self.slow_s = float(values[0]) / 1000 if verb == "slow" else 0.0
            if not self.is_reading:
                self._recorder.write(records.STOPPED_READING)
        return True
