"""What a consumer program writes down, and how a test reads it while the program runs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgpack

from tests.support.history import History

MESSAGE: Final = 0
"""[topic, epoch, sequence, flags, recv_us, checksum]: a message on a public topic."""
SNAPSHOT: Final = 1
"""[topic, epoch, sequence, flags]: the answer on a private topic."""
HOLE: Final = 2
"""[topic, epoch, first, last]: messages that the consumer says it missed."""
SILENT: Final = 3
"""[seconds]: no heartbeat for so long; the socket is made anew."""
BACK: Final = 4
"""[]: the first frame of a new socket, or the first heartbeat of a client's."""
READY: Final = 5
"""[]: the first heartbeat of all."""
STOPPED_READING: Final = 6
"""[]: as ordered."""
NOTICE: Final = 7
"""[topic, map]: a message of the gateway's about itself or about this consumer."""
STATED: Final = 8
"""[symbol, state, cause]: what a `state` topic says, or the answer to a question for it."""
LEFT: Final = 9
"""[topic]: its subscription was taken back."""
AWAY: Final = 10
"""[seconds]: the program itself did not run, or did not get around to reading, for so long."""
BYTES_MAX: Final = 65_536
SNAPSHOT_FLAG: Final = 1


class Recorder:
    """Writes records, each with its time, into a file; bounded in memory.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._packer = msgpack.Packer()
        self._waiting = bytearray()

    def write(self, kind: int, *values: object) -> None:
        """Write one record; it may wait for `flush`."""
        self._waiting += self._packer.pack((kind, time.time_ns() // 1000, *values))
        if len(self._waiting) > BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Let the test see all of it."""
        if self._waiting:
            self._file.write(self._waiting)
            self._waiting.clear()

    def close(self) -> None:
        """Write what waits, and end."""
        self.flush()
        self._file.close()


class Log:
    """Reads what a program wrote so far, and keeps its history.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._unpacker = msgpack.Unpacker()
        self.history = History()
        self.latencies: list[tuple[int, int]] = []
        """When each new message was read, and how long after the gateway read the line, us."""
        self.events: list[tuple[int, int, list[Any]]] = []
        """Kind, time in us and values of everything that is no message."""
        self.message_count = 0
        self.foreign: list[str] = []
        """Topics of messages that nobody asked for."""
        self.topics: frozenset[str] = frozenset()
        """What was subscribed; empty for no check."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self) -> int:
        """Take what was written since the last call.

        Returns:
            How many records there were.
        """
        self._unpacker.feed(self._file.read())
        count = 0
        for kind, at_us, *values in self._unpacker:
            count += 1
            self._take(kind, at_us, values)
        return count

    def _take(self, kind: int, at_us: int, values: list[Any]) -> None:
        if kind == MESSAGE:
            topic, epoch, sequence, flags, recv_us, checksum = values
            self.message_count += 1
            if self.topics and topic not in self.topics:
                self.foreign.append(topic)
            is_answer = flags & SNAPSHOT_FLAG and (epoch, sequence) <= self.history.last(topic)
            if is_answer and checksum is None:
                # A client delivers the answer to its own question on the topic itself.
                return
            self.history.note(topic, [0, epoch, sequence, flags], checksum)
            if not flags:
                self.latencies.append((at_us, at_us - recv_us))
            return
        self.events.append((kind, at_us, values))
        if kind == SNAPSHOT:
            self.history.join(*values[:3])
        elif kind == HOLE:
            self.history.declare(*values)
        elif kind == LEFT:
            self.history.forget(*values)

    def events_of(self, kind: int, *, since_us: int = 0) -> list[tuple[int, list[Any]]]:
        """Time and values of the events of one kind, oldest first."""
        return [(at, values) for k, at, values in self.events if k == kind and at >= since_us]

    def holes(self, *, since_us: int = 0) -> int:
        """How many messages were declared missing."""
        found = self.events_of(HOLE, since_us=since_us)
        return sum(last - first + 1 for _, (_, _, first, last) in found)

    def percentiles_ms(
        self, *shares: float, since_us: int = 0, until_us: int = 1 << 62
    ) -> list[float]:
        """How long after the gateway had them messages were read, for some shares of all."""
        lags = [lag for at_us, lag in self.latencies if since_us <= at_us <= until_us]
        return percentiles_of(lags, *shares)


def percentiles_of(lags_us: Sequence[int], *shares: float) -> list[float]:
    """Percentiles of times in us, in ms."""
    ordered = sorted(lags_us)
    assert ordered, "no times: nothing was measured"
    return [ordered[min(len(ordered) - 1, int(len(ordered) * s))] / 1000 for s in shares]
