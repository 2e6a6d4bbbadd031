"""How long a start, a join and a recovery take, as a consumer sees them."""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgpack
import zmq

from tests.bench.gateway import WAIT_S_MAX, Peers, Standing, standing
from tests.bench.plan import Cell, Figures, Options, Suite
from tests.bench.running import await_port, ending, gateway_environment, start
from tests.support.stage import free_ports

SIMULATED: Final = "AAPL"
SIMULATOR_RATE: Final = 2_000
SNAPSHOT_OR_STALE: Final = 1 | 16


def await_frame(sub: "zmq.Socket[bytes]", prefix: bytes) -> bytes:
    """The next frame of a topic."""
    deadline_s = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline_s:
        if sub.poll(1000) and (frame := sub.recv()).startswith(prefix):
            return frame
    raise SystemExit(f"no {prefix!r} comes")


def await_live(sub: "zmq.Socket[bytes]", symbol: str) -> None:
    """Wait for a quote that is neither a snapshot nor stale."""
    prefix = f"quote,{symbol},".encode()
    while True:
        frame = await_frame(sub, prefix)
        if not msgpack.unpackb(frame[len(prefix) :])[3] & SNAPSHOT_OR_STALE:
            return


def first_answer() -> Figures:
    """From the start of the process to its first answer."""
    with standing(10) as gateway:
        return {"ms": 1000 * gateway.until_answered()}


def first_price() -> Figures:
    """From the start of the process to the first price at a consumer that waits for it."""
    with standing(10) as gateway:
        peers = Peers(gateway.data, 1)
        peers.sockets[0].subscribe("quote,BN0,")
        await_frame(peers.sockets[0], b"quote,BN0,")
        took_s = time.monotonic() - gateway.started_s
        peers.close()
    return {"ms": 1000 * took_s}


def join(gateway: Standing, number: int, topic: str) -> float:
    """Connect, subscribe, and wait for the symbol's values, milliseconds."""
    started_s = time.perf_counter()
    peers = Peers(gateway.data, 1)
    private = f"~join{number:012}.{topic}"
    peers.sockets[0].subscribe(topic)
    peers.sockets[0].subscribe(private)
    await_frame(peers.sockets[0], private.encode())
    took_ms = 1000 * (time.perf_counter() - started_s)
    peers.close()
    return took_ms


def joins(count: int) -> Figures:
    """Joins of consumers of their own to a symbol that is known."""
    with standing(10) as gateway:
        gateway.until_answered()
        first = Peers(gateway.data, 1)
        first.sockets[0].subscribe("quote,BN0,")
        await_frame(first.sockets[0], b"quote,BN0,")
        took_ms = sorted(join(gateway, number, "quote,BN0,") for number in range(count))
        first.close()
    return {"ms": statistics.median(took_ms), "max_ms": took_ms[-1]}


def watches(count: int) -> Figures:
    """Joins to symbols that have to be asked for first."""
    with standing(count) as gateway:
        gateway.until_answered()
        peers = Peers(gateway.data, 1)
        took_ms = []
        for number in range(count):
            topic = f"quote,BN{number},"
            started_s = time.perf_counter()
            peers.sockets[0].subscribe(topic)
            await_frame(peers.sockets[0], topic.encode())
            took_ms.append(1000 * (time.perf_counter() - started_s))
        peers.close()
    return {"ms": statistics.median(took_ms), "max_ms": max(took_ms)}


@contextmanager
def simulator(level1: int, admin: int) -> Iterator["subprocess.Popen[str]"]:
    """A simulator on given ports, until the block ends."""
    arguments = ("--level1-port", str(level1), "--admin-port", str(admin), "--level2-port", "0")
    process = start("gateway", "simulate", "--rate", str(SIMULATOR_RATE), *arguments)
    with ending(process):
        await_port(level1)
        yield process


def recovery() -> Figures:
    """From IQConnect's return, after it was killed, to the first live price."""
    level1, admin = free_ports(2)
    settings, (data, _, _) = gateway_environment(level1, admin, 0)
    settings.pop("IQGW_IQCONNECT__LEVEL2_PORT")
    with ending(start("gateway", "run", env={**os.environ, **settings}), is_killed=False):
        peers = Peers(f"tcp://127.0.0.1:{data}", 1)
        sub = peers.sockets[0]
        sub.subscribe(f"quote,{SIMULATED},")
        with simulator(level1, admin):
            await_live(sub, SIMULATED)
        with simulator(level1, admin):
            peers.read()
            back_s = time.monotonic()
            await_live(sub, SIMULATED)
            took_s = time.monotonic() - back_s
        peers.close()
    return {"ms": 1000 * took_s}


def make(options: Options) -> Suite:
    """The suite."""
    count = 5 if options.is_quick else 200
    cells = [
        Cell("start to first answer", first_answer),
        Cell("start to first price", first_price, "a consumer waits from the beginning"),
        Cell("join, symbol known", lambda: joins(count), f"median of {count}, each a connection"),
        Cell("join, symbol new", lambda: watches(count), f"median of {count}, one connection"),
        Cell("recovery", recovery, "IQConnect killed, and back after some seconds"),
    ]
    return Suite(
        name="life",
        title="Starts, joins and recoveries as a consumer sees them, milliseconds",
        figures=("ms", "max_ms"),
        cells=cells,
    )
