"""Subscribers that count: some SUB sockets, read until each has had the end; figures as JSON.

Usage: python -m tests.bench.sink OPTIONS, which is `SinkOptions` as JSON
With keys in BENCH_KEYS: the gateway's public one, and both halves of its own. All sockets are read
by one thread, in C where there is a compiler, so that readers take as little as they can from what
is measured.
"""

import itertools
import json
import os
import sys
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack
import zmq

from gateway.model.messages import MessageType
from tests.bench import native
from tests.bench.lines import END, START

TIMEOUT_MS: Final = 60_000
QUEUE: Final = 4_000_000
READY_S_MAX: Final = 60.0
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What is read."""

    endpoint: str
    topics: list[str]
    """Prefixes of what is counted, those of start and end excluded."""
    kind: str
    """Prefix of the start's and of the end's topic, with its comma."""
    count: int = 1
    """Subscribers."""
    is_disjoint: bool = False
    """Whether each has topics of its own; else all have all."""
    frames: int = 1
    """Frames of a message."""
    is_gateway: bool = True
    """Whether snapshots can be asked for, which is how a subscriber knows that it is heard."""
    stamps: str = ""
    """File for the moments of the first subscriber's messages, monotonic nanoseconds."""
    stamps_max: int = 0


def open_sockets(options: SinkOptions) -> "list[zmq.Socket[bytes]]":
    """Connect and subscribe to everything but the end, and wait until that is known."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = []
    for place in range(options.count):
        sub = context.socket(zmq.SUB)
        sub.setsockopt(zmq.SNDHWM, 0)
        sub.setsockopt(zmq.RCVHWM, QUEUE)
        if "BENCH_KEYS" in os.environ:
            server, public, secret = os.environ["BENCH_KEYS"].encode().split()
            sub.curve_serverkey, sub.curve_publickey, sub.curve_secretkey = server, public, secret
        sub.connect(options.endpoint)
        step = options.count if options.is_disjoint else 1
        first = place if options.is_disjoint else 0
        for topic in options.topics[first::step]:
            sub.subscribe(topic)
        sub.subscribe(f"{options.kind}{START},")
        sockets.append(sub)
    if options.is_gateway:
        await_start(sockets, options.kind)
    for sub in sockets:
        sub.subscribe(f"{options.kind}{END},")
    return sockets


def await_start(sockets: "list[zmq.Socket[bytes]]", kind: str) -> None:
    """Wait until every subscriber has been heard, and has the start's snapshot behind it.

    A snapshot that is asked for comes behind everything that was sent before, on the same way: once
    one says that the start's symbol is live, the messages of its first watch are in front of the
    next one that is asked for.
    """
    numbers = itertools.count()
    topic = f"{kind}{START},"
    for sub in sockets:
        ask(sub, topic, next(numbers))
    deadline_s = time.monotonic() + READY_S_MAX
    while not has_values(ask(sockets[0], topic, next(numbers))):
        if time.monotonic() > deadline_s:
            raise SystemExit("the first symbol does not become live")
        time.sleep(PAUSE_S)
    for sub in sockets:
        ask(sub, topic, next(numbers))


def has_values(answer: bytes) -> bool:
    """Whether a snapshot tells what the topic is about, and not only that nothing is known yet."""
    body = msgpack.unpackb(answer.split(b",", 2)[2])
    return body[0] != MessageType.STATE and body[6] not in (None, [])


def ask(sub: "zmq.Socket[bytes]", topic: str, number: int) -> bytes:
    """Ask for a snapshot; what came before it is dropped."""
    private = f"~bench{number:015}.{topic}".encode()
    sub.subscribe(private)
    deadline_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline_s:
        if sub.poll(1000) and (frame := sub.recv()).startswith(private):
            sub.unsubscribe(private)
            return frame
    raise SystemExit("the gateway does not answer a snapshot")


def drain(
    sockets: "list[zmq.Socket[bytes]]", options: SinkOptions
) -> tuple[list[int], int, list[int]] | None:
    """What `native.drain` does, without a compiler."""
    start, end = (f"{options.kind}{name},".encode() for name in (START, END))
    counts, has_begun = [0] * len(sockets), [False] * len(sockets)
    stamps: list[int] = []
    last_ns = 0
    poller = zmq.Poller()
    for sub in sockets:
        poller.register(sub, zmq.POLLIN)
    waiting = len(sockets)
    while waiting:
        ready = dict(poller.poll(TIMEOUT_MS))
        if not ready:
            return None
        for place, sub in enumerate(sockets):
            while sub in ready and int(sub.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                frame = sub.recv_multipart()[0]
                if not has_begun[place]:
                    has_begun[place] = frame.startswith(start)
                    continue
                if not place and len(stamps) < options.stamps_max:
                    stamps.append(time.monotonic_ns())
                counts[place] += 1
                if frame.startswith(end):
                    last_ns = time.monotonic_ns()
                    waiting -= 1
                    poller.unregister(sub)
                    del ready[sub]
    return counts, last_ns, stamps


def main() -> None:
    """Subscribe, count, print."""
    options = SinkOptions(**json.loads(sys.argv[1]))
    sockets = open_sockets(options)
    if native.why_not() is None:
        read = native.drain(
            sockets,
            start=f"{options.kind}{START},".encode(),
            end=f"{options.kind}{END},".encode(),
            frames=options.frames,
            stamps_max=options.stamps_max,
            timeout_ms=TIMEOUT_MS,
        )
    else:
        read = drain(sockets, options)
    if read is None:
        raise SystemExit("a subscriber waits for messages that do not come")
    counts, last_ns, stamps = read
    if options.stamps:
        Path(options.stamps).write_bytes(array("q", stamps).tobytes())
    told: dict[str, Any] = {"counts": counts, "last_ns": last_ns}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
