"""What the gateway is compared with: programs that do less, or do it the obvious way.

Usage: python -m tests.bench.publishers STYLE FEED_PORT OUT_PORT SUBSCRIBERS SYMBOLS KIND

`c1`, `c2`: C that sends each line as it is, in one frame or in two: the limit of libzmq. `python`:
the same in Python: the limit of one of its threads. `json`: the obvious program: asyncio streams, a
dict a line, json, send_multipart. `redis`, `nats`: the gateway's own decoding, its frames published
through a broker with the usual client; redis-py in one pipeline a read, nats-py in its own buffer.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from typing import Final

import zmq
import zmq.asyncio

from gateway.iqfeed.fields import GATEWAY_FIELDS
from tests.bench import decoding, native
from tests.bench.lines import END, START, symbols

HIGH_WATER_MARK: Final = 4_000_000
READ: Final = 262_144
LEVEL1: Final = "level1"


def handshake(kind: str, names: list[str]) -> bytes:
    """What is said to the feeder, all of it at once."""
    if kind == LEVEL1:
        select = "S,SELECT UPDATE FIELDS," + ",".join(GATEWAY_FIELDS)
        watches = "".join(f"w{name}\r\n" for name in names)
        return f"S,SET PROTOCOL,6.2\r\n{select}\r\n{watches}".encode()
    verb = "WPL" if kind == "levels" else "WOR"
    watches = "".join(f"{verb},{name}\r\n" for name in names)
    return f"S,SET PROTOCOL,6.2\r\n{watches}".encode()


def open_feed(port: int, kind: str, names: list[str]) -> socket.socket:
    """Connect and ask for everything."""
    feed = socket.create_connection(("127.0.0.1", port))
    feed.sendall(handshake(kind, names))
    return feed


def open_data(port: int, *, subscribers: int, end: bytes) -> "zmq.Socket[bytes]":
    """Bind, and wait until each subscriber has subscribed to the end's topic, its last one."""
    data: zmq.Socket[bytes] = zmq.Context().socket(zmq.XPUB)
    data.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    data.setsockopt(zmq.XPUB_VERBOSE, 1)
    data.bind(f"tcp://127.0.0.1:{port}")
    while subscribers:
        subscribers -= data.recv() == b"\x01" + end
    return data


def forward(data: "zmq.Socket[bytes]", feed: socket.socket) -> None:
    """Send every line as it is, one frame each."""
    send: Callable[[bytes], object] = zmq.backend.Socket.send.__get__(data)
    tail = b""
    while chunk := feed.recv(READ):
        lines = (tail + chunk).split(b"\r\n")
        tail = lines.pop()
        for line in lines:
            send(line)


async def publish_json(data: "zmq.Socket[bytes]", feed: socket.socket) -> None:
    """Read, make a dict, dump JSON, send two parts."""
    publisher = zmq.asyncio.Socket.from_socket(data)
    reader, _ = await asyncio.open_connection(sock=feed, limit=1 << 20)
    names = ["Symbol", *GATEWAY_FIELDS]
    while line := await reader.readline():
        fields = line.decode("latin-1").strip().split(",")
        if fields[0] not in ("P", "Q"):
            continue
        message = {name: number_of(text) for name, text in zip(names, fields[1:], strict=False)}
        topic = f"{fields[0]},{fields[1]},".encode()
        await publisher.send_multipart([topic, json.dumps(message).encode()])


def number_of(text: str) -> object:
    """A number where it is one."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text or None


class Decoder:
    """The gateway's decoding of one feed; frames of what comes before the start are dropped.

    Args:
        names: All symbols.
    """

    def __init__(self, names: list[str]) -> None:
        self._frames: list[bytes] = []
        self._decode = decoding.level1_feed(self._frames.append, names)
        self._has_begun = False

    def frames(self, chunk: bytes) -> list[bytes]:
        """What a read publishes."""
        start = 0 if self._has_begun else chunk.find(f"Q,{START},".encode())
        if start:
            self._decode(chunk[:start] if start > 0 else chunk, decoding.UTC_US)
        self._has_begun |= start >= 0
        self._frames.clear()
        if self._has_begun:
            self._decode(chunk[start:], decoding.UTC_US)
        return self._frames


def publish_redis(port: int, feed: socket.socket, names: list[str]) -> None:
    """Publish through Redis, what one read brought in one pipeline."""
    import redis  # noqa: PLC0415 - an extra's, for this style alone

    client = redis.Redis(port=port)
    decoder = Decoder(names)
    while chunk := feed.recv(READ):
        pipeline = client.pipeline(transaction=False)
        for frame in decoder.frames(chunk):
            kind, symbol, body = frame.split(b",", 2)
            pipeline.publish(b"%b,%b," % (kind, symbol), body)
        pipeline.execute()


async def publish_nats(port: int, feed: socket.socket, names: list[str]) -> None:
    """Publish through NATS; its client gathers what is published until its loop turns."""
    import nats  # noqa: PLC0415 - the same

    client = await nats.connect(f"nats://127.0.0.1:{port}")
    decoder = Decoder(names)
    feed.setblocking(False)
    loop = asyncio.get_running_loop()
    while chunk := await loop.sock_recv(feed, READ):
        for frame in decoder.frames(chunk):
            kind, symbol, body = frame.split(b",", 2)
            await client.publish(f"{kind.decode()}.{symbol.decode()}", body)
        await asyncio.sleep(0)  # A read that needs no waiting would not let the client write.


FIRST_LETTERS: Final = {LEVEL1: "Q", "orders": "3", "makers": "4", "levels": "8"}
"""Of the first and the last line, by kind of feed."""


def main() -> None:
    """Publish until the feed ends."""
    style, kind = sys.argv[1], sys.argv[6]
    feed_port, out_port, subscribers, symbol_count = map(int, sys.argv[2:6])
    names = [*symbols(symbol_count), START, END]
    if style in {"redis", "nats"}:
        feed = open_feed(feed_port, kind, names)
        if style == "redis":
            publish_redis(out_port, feed, names)
        else:
            asyncio.run(publish_nats(out_port, feed, names))
        return
    end = f"{FIRST_LETTERS[kind]},{END},".encode()
    data = open_data(out_port, subscribers=subscribers, end=end)
    feed = open_feed(feed_port, kind, names)
    if style == "python":
        forward(data, feed)
    elif style == "json":
        asyncio.run(publish_json(data, feed))
    elif native.forward(data, feed.fileno(), frames=int(style[1])) < 0:
        raise SystemExit("the forwarder failed")


if __name__ == "__main__":
    main()
