"""Strangers at a gateway's door, from a process of their own; prints what became of them.

python door_attack.py KIND PORT SECONDS [SERVER_KEY]
"""

import contextlib
import json
import random
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

SEED: Final = 61
HOST: Final = "127.0.0.1"
SIGNATURE: Final = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
ZMTP1: Final = b"\x01\x00\x02\x00x"
HTTP: Final = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"
TLS: Final = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x5a" * 160
NULL: Final = SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" * 32
CURVE: Final = SIGNATURE + b"\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" * 32
READY: Final = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
RESULTS: Final = {
    "HANDSHAKE_SUCCEEDED": "admitted",
    "HANDSHAKE_FAILED_AUTH": "refused",
    "DISCONNECTED": "sent away",
    "silence": "silence",
}
THREADS: Final = 4
HALF_OPEN: Final = 1_000
CROWD: Final = 3_000
DRIP_S: Final = 0.05
LONGEST_S: Final = 20.0


def raw(port: int, *parts: bytes) -> str:
    """Send bytes as they are, and say what came of it."""
    with socket.create_connection((HOST, port), timeout=5) as peer:
        with contextlib.suppress(OSError):
            for part in parts:
                peer.sendall(part)
                time.sleep(0.001)
            peer.settimeout(5)
            while data := peer.recv(4096):
                if data.find(b"READY") >= 0:
                    return "admitted"
            return "closed"
        return "reset"


def curve(
    context: "zmq.Context[zmq.Socket[bytes]]", port: int, server: str, *, seconds: float = 3.0
) -> str:
    """Try to come in with a key that nobody knows."""
    with context.socket(zmq.SUB) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        public, secret = zmq.curve_keypair()
        peer.setsockopt(zmq.CURVE_SERVERKEY, server.encode())
        peer.setsockopt(zmq.CURVE_PUBLICKEY, public)
        peer.setsockopt(zmq.CURVE_SECRETKEY, secret)
        peer.setsockopt(zmq.RECONNECT_IVL, -1)
        events = peer.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED
            | zmq.Event.HANDSHAKE_FAILED_AUTH
            | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
            | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
            | zmq.Event.DISCONNECTED
        )
        peer.connect(f"tcp://{HOST}:{port}")
        name = "silence"
        if events.poll(round(seconds * 1000)):
            name = zmq.Event(parse_monitor_message(events.recv_multipart())["event"]).name or ""
        peer.disable_monitor()
        events.close(linger=0)
        return RESULTS.get(name, "failed")


def strangers(port: int, seconds: float, server: str) -> dict[str, Any]:
    """Everything that is no client with a known key, one after the other."""
    del server
    rng = random.Random(SEED)
    wrong = zmq.curve_keypair()[0].decode()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    kinds: dict[str, Callable[[], str]] = {
        "zmtp1": lambda: raw(port, ZMTP1),
        "http": lambda: raw(port, HTTP),
        "tls": lambda: raw(port, TLS),
        "null": lambda: raw(port, NULL, READY, b"\x00\x01\x01"),
        "garbage": lambda: raw(port, rng.randbytes(rng.randrange(1, 2_000))),
        "garbage behind a greeting": lambda: raw(port, CURVE, rng.randbytes(300)),
        "a wrong server key": lambda: curve(context, port, wrong, seconds=0.5),
    }
    counts: Counter[str] = Counter()
    for kind in until(seconds, list(kinds)):
        counts[f"{kind}: {kinds[kind]()}"] += 1
    context.destroy(linger=0)
    return dict(counts)


def unknown(port: int, seconds: float, server: str) -> dict[str, Any]:
    """Well-formed handshakes with keys that nobody knows, as fast as they go."""
    counts: Counter[str] = Counter()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def run() -> None:
        for _ in until(seconds, [None]):
            counts[curve(context, port, server)] += 1

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    context.destroy(linger=0)
    return {**counts, "per_second": sum(counts.values()) / seconds}


def until(seconds: float, items: list[Any]) -> Iterator[Any]:
    """Items again and again, until the time is over."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        yield from items


def half_open(port: int, seconds: float, server: str) -> dict[str, Any]:
    """Handshakes that stop half-way: silent, after a greeting, or a byte now and then."""
    del seconds, server
    began_s = time.monotonic()
    waiting: dict[socket.socket, int] = {}
    with selectors.DefaultSelector() as selector:
        for number in range(HALF_OPEN):
            peer = socket.create_connection((HOST, port), timeout=5)
            if number % 3 == 1:
                peer.sendall(CURVE)
            peer.setblocking(False)
            waiting[peer] = number
            selector.register(peer, selectors.EVENT_READ)
        opened_s = time.monotonic() - began_s
        slowest_s, drips = 0.0, 0
        while waiting and time.monotonic() - began_s < LONGEST_S:
            for key, _ in selector.select(DRIP_S):
                peer = key.fileobj  # type: ignore[assignment] # only sockets are registered
                with contextlib.suppress(BlockingIOError):
                    if is_ended(peer):
                        selector.unregister(peer)
                        del waiting[peer]
                        peer.close()
                        slowest_s = time.monotonic() - began_s
            for peer in [p for p, number in waiting.items() if number % 3 == 2]:
                with contextlib.suppress(OSError):
                    peer.send(CURVE[drips % 60 : drips % 60 + 1])
            drips += 1
        for peer in waiting:
            peer.close()
    return {"opened_s": opened_s, "closed_s": slowest_s, "left": len(waiting)}


def is_ended(peer: socket.socket) -> bool:
    """Whether the other end has closed."""
    try:
        return peer.recv(4096) == b""
    except ConnectionError:
        return True


def crowd(port: int, seconds: float, server: str) -> dict[str, Any]:
    """Three thousand connections at once."""
    del seconds, server
    began_s = time.monotonic()
    peers = []
    with selectors.DefaultSelector() as selector:
        for _ in range(CROWD):
            peer = socket.socket()
            peer.setblocking(False)
            peer.connect_ex((HOST, port))
            selector.register(peer, selectors.EVENT_WRITE)
            peers.append(peer)
        left = CROWD
        while left and time.monotonic() - began_s < LONGEST_S:
            for key, _ in selector.select(0.1):
                selector.unregister(key.fileobj)
                left -= 1
        connected_s = time.monotonic() - began_s
    failed = sum(1 for p in peers if p.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    for peer in peers:
        peer.close()
    return {"connected_s": connected_s, "left": left, "failed": failed}


KINDS: Final = {
    "strangers": strangers,
    "unknown": unknown,
    "half_open": half_open,
    "crowd": crowd,
}


def main() -> None:
    """Run from the command line."""
    kind, port, seconds, *server = sys.argv[1:]
    print(json.dumps(KINDS[kind](int(port), float(seconds), *(server or [""]))))


if __name__ == "__main__":
    main()
