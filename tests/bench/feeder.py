"""A minimal IQConnect that answers handshakes and, once everything is watched, sends its lines.

Usage: python -m tests.bench.feeder OPTIONS, which is `FeedOptions` as JSON
It prints its Level 1, admin and Level 2 ports, and later `sending` and when,
monotonic nanoseconds. Lines are sent at full speed or
as the schedule says; then what was handed over when is written to a file. A process of its own, so
that it shares no interpreter with what is measured.
"""

import json
import socket
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.lines import snapshot

TIME: Final = b"T,20261120 10:00:30\r\n"
STATS: Final = (
    b"S,STATS,127.0.0.1,60003,500,1,8,0,0,0,Nov 20 9:00AM,Nov 20 10:00AM,Connected,"
    b"6.2.0.15,1,0,0,0,0,0,0,\r\n"
)
SUMMARIES: Final = {
    "orders": b"6,%b,1,,B,1.00,1,1,2,10:00:00.000000,2026-11-20,\r\n",
    "makers": b"6,%b,,NSDQ,B,1.00,100,,4,10:00:00.000000,2026-11-20,\r\n",
    "levels": b"7,%b,B,1.00,1,1,2,10:00:00.000000,2026-11-20,\r\n",
}
"""The one row that a symbol's book begins with."""
CHUNK: Final = 1 << 20
NAP_S: Final = 0.00005
SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What is fed."""

    level1: str = ""
    """File of Level 1 lines; empty for none."""
    level1_symbols: int = 0
    """How many are watched before anything is sent, start and end included."""
    level2: str = ""
    level2_kind: str = "orders"
    level2_symbols: int = 0
    settle_s: float = 0.5
    """Pause before the lines: books must be live, queues quiet."""
    schedule: list[list[float]] = field(default_factory=list)
    """Lines a second and seconds, one after the other; full speed without."""
    stamps: str = ""
    """File for pairs of numbers: lines handed over so far, and when, monotonic nanoseconds."""


def agree(line: bytes) -> bytes:
    """What Level 1 answers to a command of the handshake or a request for the time."""
    if line.startswith(b"S,SET PROTOCOL,"):
        return b"S,CURRENT PROTOCOL," + line.split(b",")[2] + b"\r\n"
    if line.startswith(b"S,SELECT UPDATE FIELDS,"):
        return b"S,CURRENT UPDATE FIELDNAMES,Symbol," + line.split(b",", 2)[2] + b"\r\n"
    return TIME if line == b"T" else b""


class Port:
    """One port of IQConnect's: every connection is answered, one is fed.

    Args:
        answer: What is said to a command, and whose symbol it watched; None for no watch.
        beat: The sign of life of each second.
    """

    def __init__(
        self, answer: Callable[[bytes], tuple[bytes, bytes | None]] | None, beat: bytes
    ) -> None:
        self._answer = answer
        self._beat = beat
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listening.getsockname()[1]
        self.watched: set[bytes] = set()
        self.changed = threading.Condition()
        self.connection: socket.socket | None = None
        self.is_feeding = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for work in (self._tell, self._listen) if self._answer else (self._tell,):
                threading.Thread(target=work, args=(connection,), daemon=True).start()

    def _tell(self, connection: socket.socket) -> None:
        """Say once a second that somebody is there, except while lines say it."""
        try:
            while True:
                if not self.is_feeding.is_set():
                    connection.sendall(self._beat)
                time.sleep(1)
        except OSError:
            connection.close()

    def _listen(self, connection: socket.socket) -> None:
        assert self._answer is not None
        try:
            connection.sendall(b"S,SERVER CONNECTED\r\n")
            with connection.makefile("rb") as commands:
                for command in commands:
                    told, watched = self._answer(command.strip())
                    connection.sendall(told)
                    if watched is not None:
                        self._note(watched, connection)
        except ConnectionError:
            connection.close()  # The gateway's end is the run's.

    def _note(self, watched: bytes, connection: socket.socket) -> None:
        with self.changed:
            self.connection = connection
            self.watched.add(watched)
            self.changed.notify_all()

    def await_watches(self, count: int) -> socket.socket:
        """Wait until so many symbols are watched; the connection that watches them."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.watched) >= count)
            assert self.connection is not None
            return self.connection


def answer_level1(command: bytes) -> tuple[bytes, bytes | None]:
    """What the Level 1 port says, and which symbol the command watched."""
    if command.startswith(b"w"):
        return snapshot(command[1:].decode()), command[1:]
    return agree(command), None


def answer_level2(command: bytes, kind: str) -> tuple[bytes, bytes | None]:
    """What the Level 2 port says, and which symbol the command watched."""
    if command.startswith(b"S,SET PROTOCOL,"):
        return agree(command), None
    if command.startswith(b"WOR,") and kind == "levels":
        return b"q,%b,\r\n" % command.split(b",")[1], None
    if command[:4] in (b"WOR,", b"WPL,"):
        symbol = command.split(b",")[1]
        return SUMMARIES[kind] % symbol, symbol
    return b"", None


def feed(connection: socket.socket, data: bytes) -> None:
    """Send everything as fast as it is taken."""
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        connection.sendall(view[start : start + CHUNK])


def feed_paced(
    connection: socket.socket, data: bytes, schedule: Iterable[Iterable[float]]
) -> "array[int]":
    """Send lines when they are due; how many had been handed over when, in pairs.

    Whatever is due goes out at once, so a late one is not made later by those before it.
    """
    lines = data.splitlines(keepends=True)
    stamps = array("q")
    sent, begun = 0, 0.0
    started_ns = beat_ns = time.monotonic_ns()
    for rate, seconds in schedule:
        first, last = sent, min(len(lines), sent + round(rate * seconds))
        while sent < last:
            now_ns = time.monotonic_ns()
            elapsed_s = (now_ns - started_ns) / SECOND_NS - begun
            due = min(last, first + int(elapsed_s * rate))
            if due > sent:
                stamps.extend((due, now_ns))
                connection.sendall(b"".join(lines[sent:due]))
                sent = due
            if now_ns - beat_ns > SECOND_NS:
                beat_ns = now_ns
                connection.sendall(TIME)
            time.sleep(NAP_S)
        begun += seconds
    stamps.extend((len(lines), time.monotonic_ns()))
    connection.sendall(b"".join(lines[sent:]))
    return stamps


def main() -> None:
    """Serve until killed."""
    options = FeedOptions(**json.loads(sys.argv[1]))
    level1 = Port(answer_level1, TIME)
    admin = Port(None, STATS)
    level2 = Port(lambda command: answer_level2(command, options.level2_kind), TIME)
    print(level1.number, admin.number, level2.number, flush=True)
    feeds: list[tuple[Port, bytes, int]] = []
    for port, path, count in (
        (level1, options.level1, options.level1_symbols),
        (level2, options.level2, options.level2_symbols),
    ):
        if path:
            feeds.append((port, Path(path).read_bytes(), count))
    connections = [port.await_watches(count) for port, _, count in feeds]
    time.sleep(options.settle_s)
    print("sending", time.monotonic_ns(), flush=True)
    workers = []
    for connection, (port, data, _) in zip(connections, feeds, strict=True):
        port.is_feeding.set()
        if options.schedule:
            stamps = feed_paced(connection, data, options.schedule)
            Path(options.stamps).write_bytes(stamps.tobytes())
        else:
            workers.append(threading.Thread(target=feed, args=(connection, data), daemon=True))
            workers[-1].start()
    for worker in workers:
        worker.join()
    for port, _, _ in feeds:
        port.is_feeding.clear()
    threading.Event().wait()


if __name__ == "__main__":
    main()
