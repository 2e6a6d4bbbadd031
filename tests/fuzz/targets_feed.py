"""Readers of the vendor's lines, and the simulator's of ours."""

import contextlib
import functools
import random
from collections.abc import Callable
from typing import Final

from gateway.errors import ConfigError
from gateway.policy.demand import Service
from gateway.simulator.admin import AdminConnection
from gateway.simulator.control import read_command
from tests.fuzz.target import Broken, Target
from tests.fuzz.vendor_lines import (
    LEVEL1,
    LEVEL2,
    LINE_BYTES_MAX,
    OTHERS,
    SYMBOLS,
    check_frames,
    feed_session,
)
from tests.support.depth_bench import DepthBench
from tests.support.pipelines import PYTHON, names_here
from tests.unit.iqfeed.session_bench import STATS, make, make_admin, make_level2
from tests.unit.normalize.line_desk import GATEWAY_NAMES, REORDERED, Desk, Options, line
from tests.unit.simulator.bench_desk import Bench, Peer


def make_level1_reader() -> Callable[[bytes], None]:
    """Read Level 1 lines, by both readers, whole and in pieces, and in pieces by each pipeline."""
    pairs = [
        (_level1_desk(names, PYTHON), _level1_desk(names, pipeline))
        for names in (GATEWAY_NAMES, REORDERED)
        for pipeline in names_here()
    ]
    return functools.partial(run_level1, pairs)


def run_level1(pairs: list[tuple[Desk, Desk]], data: bytes) -> None:
    """Read some; how they were cut, and by which pipeline, must make no difference."""
    for whole, cut in pairs:
        whole.pipeline.feed(data, whole.clock.utc_us())
        for start in range(0, len(data), 97):
            cut.pipeline.feed(data[start : start + 97], cut.clock.utc_us())
        for desk in (whole, cut):
            desk.pipeline.flush(desk.clock.utc_us() + 10**6)
        if whole.counters.as_map() != cut.counters.as_map() or whole.raw != cut.raw:
            how = f"cut, by the {cut.options.pipeline} pipeline"
            raise Broken(f"{how}, the same bytes are read otherwise than whole")
        for desk in (whole, cut):
            check_frames(desk.raw, desk.counters)


def _level1_desk(names: tuple[str, ...], pipeline: str) -> Desk:
    desk = Desk(Options(names=names, line_bytes_max=LINE_BYTES_MAX, pipeline=pipeline))
    for symbol in SYMBOLS:
        desk.board.open(symbol)
        desk.feed(line("P", "Cbav", symbol=symbol, names=names))
    desk.raw.clear()
    return desk


def make_level2_reader() -> Callable[[bytes], None]:
    """Read Level 2 lines into books."""
    bench = DepthBench()
    for symbol in SYMBOLS:
        bench.want(symbol, Service.BOOK)
    return functools.partial(run_level2, bench)


def run_level2(bench: DepthBench, data: bytes) -> None:
    """Read some, and let time pass."""
    bench.pipeline.feed(data, bench.clock.utc_us())
    for _ in range(3):
        bench.pass_time(0.3)
        bench.care.look()
    check_frames(bench.frames, bench.counters)


def run_sessions(data: bytes) -> None:
    """Read what a port says of itself, in each of the three conversations."""
    for session in (make(), make_level2(), make_admin()):
        feed_session(session, data)


@functools.cache
def _simulator() -> Bench:
    return Bench()


def make_simulator_reader() -> Callable[[bytes], None]:
    """Read a client's commands on each port of the simulator, and faults on its control port."""
    simulator = _simulator().simulator
    admin = Peer(AdminConnection(simulator, simulator.counts, options=simulator.options))
    return functools.partial(run_simulator, [_simulator().level1(), _simulator().level2(), admin])


def run_simulator(peers: list[Peer], data: bytes) -> None:
    """Read some on each."""
    for peer in peers:
        peer.connection.data_received(data + b"\r\n")
        if len(peer.take()) > 1_048_576:
            raise Broken("the simulator says more than a megabyte")
        peer.connection.connection_lost(None)
    for text in data.split(b"\n"):
        with contextlib.suppress(ConfigError):
            read_command(text)


def _lines(*lines: str) -> bytes:
    return "".join(f"{text}\r\n" for text in lines).encode("latin-1")


def _pairs(lines: tuple[str, ...]) -> tuple[bytes, ...]:
    """Each line alone, and some of them together."""
    rng = random.Random(0)
    alone = tuple(_lines(text) for text in lines)
    return alone + tuple(_lines(*rng.sample(lines, 3)) for _ in range(10))


CONTENTS: Final = tuple(letter.encode() for letter in "CEObacvhlospqtx")
COMMANDS: Final = (
    *("S,SET PROTOCOL,6.2", "S,SELECT UPDATE FIELDS,Symbol,Bid,Ask", "S,REQUEST STATS"),
    *("wAAPL", "rAAPL", "fAAPL", "S,REGON,AAPL", "tAAPL", "S,NEWSON", "S,TIMESTAMPSON", "T"),
    *("S,REQUEST ALL UPDATE FIELDNAMES", "S,REQUEST WATCHES", "S,SET CLIENT NAME,x", "S,KEY,1"),
    *("WOR,@ES,", "ROR,@ES,", "WPL,@ES,", "RPL,@ES,", "w@ES", "q,@ES", "S,CLIENTSTATS ON"),
    *("S,CONNECT", "S,DISCONNECT", "S,REGISTER CLIENT APP,X,1", "S,SET LOGINID,1", "S,UNWATCH ALL"),
    '{"do": "close", "port": "level1"}',
)
FEED_TARGETS: Final = (
    Target(
        "level1_lines",
        make_level1_reader,
        _pairs((*LEVEL1[:10], *OTHERS)),
        tokens=(*CONTENTS, b"N", b"02/30/2026", b"23:59:60", b"3D87", b"\r\nQ,AAPL,"),
        separator=b",",
    ),
    Target(
        "level2_lines",
        make_level2_reader,
        _pairs(LEVEL2 + OTHERS),
        tokens=(b"B", b"A", b"@ES", b"NSDQ", b"\r\n6,@ES,", b"S,CLEAR DEPTH,@ES,A,\r\n"),
        separator=b",",
    ),
    Target(
        "session_lines",
        lambda: run_sessions,
        _pairs((*OTHERS, STATS, "S,CLIENTSTATS,1,2,x,20260916 100000,3,4,1.0,2.0,3.0,")),
        tokens=(b"S,", b"E,", b"T,", b"STATS", b"Connected", b"Not Connected", b"6.2"),
        separator=b",",
    ),
    Target(
        "simulator_commands",
        make_simulator_reader,
        _pairs(COMMANDS),
        tokens=(b"S,", b"AAPL", b"@ES", b"{", b"SELECT UPDATE FIELDS", b"Symbol"),
        separator=b",",
        bytes_max=512,
    ),
)
