"""Subscribers of a broker that count without reading: one thread, a search through what comes.

Usage: python -m tests.bench.broker_sink BROKER PORT SUBSCRIBERS SYMBOLS
It prints `ready` when every subscription is known to the broker, then figures as JSON. Nothing of a
message is decoded, not even its length: less than any client of a broker's can do.
"""

import json
import selectors
import socket
import sys
import time
from typing import Final

from tests.bench.lines import END, START, symbols

READ: Final = 1 << 20
TAIL: Final = 64
"""Of what was read last, read once more: a mark may be cut in two."""
TIMEOUT_S: Final = 60.0
MARKS: Final = {"redis": b"\r\n$7\r\nmessage\r\n", "nats": b"\r\nMSG "}
"""What each message begins with, and nothing else has; the end of what is before it included."""


def subscribe(broker: str, port: int, names: list[str]) -> socket.socket:
    """Connect and subscribe; returns when the broker has confirmed all of it."""
    connection = socket.create_connection(("127.0.0.1", port))
    if broker == "redis":
        words = ["SUBSCRIBE", *(f"quote,{name}," for name in names)]
        told = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        last = f":{len(names)}\r\n".encode()
    else:
        told = 'CONNECT {"verbose":false}\r\n'
        told += "".join(f"SUB quote.{name} {number}\r\n" for number, name in enumerate(names, 1))
        told += "PING\r\n"
        last = b"PONG\r\n"
    connection.sendall(told.encode())
    heard = b""
    while not heard.endswith(last):
        part = connection.recv(READ)
        if not part:
            raise SystemExit(f"{broker} refuses: {heard[-200:]!r}")
        heard += part
    return connection


class Reader:
    """One subscriber."""

    def __init__(self, broker: str, connection: socket.socket) -> None:
        self.connection = connection
        self._mark = MARKS[broker]
        self._start, self._end = (
            f"quote,{name},\r\n".encode() if broker == "redis" else f"quote.{name} ".encode()
            for name in (START, END)
        )
        self._tail = b"\r\n"
        self.count = 0
        self.has_begun = False
        self.last_ns = 0

    def read(self) -> bool:
        """Read once; whether the end has come."""
        data = self.connection.recv(READ)
        if not data:
            raise SystemExit("the broker has cut a subscriber off")
        text, known = self._tail + data, self._tail.count(self._mark)
        self._tail = text[-TAIL:]
        if self.has_begun:
            self.count += text.count(self._mark) - known
        elif self._start in text:
            self.has_begun = True
            self.count = text.count(self._mark, text.index(self._start))
        if self._end in text:
            self.last_ns = time.monotonic_ns()
        return bool(self.last_ns)


def main() -> None:
    """Subscribe, count, print."""
    broker, port, count, symbol_count = sys.argv[1], *map(int, sys.argv[2:5])
    names = [*symbols(symbol_count), START, END]
    readers = [Reader(broker, subscribe(broker, port, names)) for _ in range(count)]
    print("ready", flush=True)
    waiting = len(readers)
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.connection, selectors.EVENT_READ, reader)
        while waiting:
            ready = selector.select(TIMEOUT_S)
            if not ready:
                raise SystemExit("a subscriber waits for messages that do not come")
            for key, _ in ready:
                if key.data.read():
                    selector.unregister(key.fileobj)
                    waiting -= 1
    told = {
        "counts": [reader.count for reader in readers],
        "last_ns": max(reader.last_ns for reader in readers),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
