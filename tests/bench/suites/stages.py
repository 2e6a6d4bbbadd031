"""What the parts of decoding cost, in this process, without feed or subscribers: processor time.

The least of some repetitions is taken: what else the machine did meanwhile is no stage's.
"""

import functools
import time
from collections.abc import Callable
from typing import Final

import zmq

from gateway.counters import Complaints, Counters
from gateway.iqfeed.lines import LineFramer
from gateway.policy.demand import Service
from gateway.wire.codec import make_pack
from tests.bench import decoding, level2_lines, lines
from tests.bench.plan import Cell, Figures, Options, Suite
from tests.support.depth_bench import DepthBench

DEPTH_SYMBOLS: Final = 20
REPEATS: Final = 3
BODY: Final = (
    1, 1_795_186_830_000, 12_345, 0, 1_795_186_830_123_456, 1_795_186_830_120_000, 103.12, 300,
    108.12, 500, 1_795_186_830_120_000, 1_795_186_830_110_000, 11, 5, 1,
)  # fmt: skip
"""A quote's."""
Work = Callable[[], None]


def least(make_work: Callable[[], Work], count: int) -> Figures:
    """The processor time of work that is made anew each time, nanoseconds a line."""
    took_ns = []
    for _ in range(REPEATS):
        work = make_work()
        started_ns = time.process_time_ns()
        work()
        took_ns.append(time.process_time_ns() - started_ns)
    return {"cpu_ns_per_line": min(took_ns) / count}


@functools.cache
def level1_chunks(mix: lines.Mix, count: int, symbol_count: int) -> list[bytes]:
    """Lines as reads bring them."""
    return [*decoding.chunks(lines.updates(count, mix=mix, symbol_count=symbol_count, seed=1))]


def frame_lines(chunks: list[bytes]) -> Work:
    """Bytes to lines."""
    framer = LineFramer(Complaints(Counters()))

    def work() -> None:
        for chunk in chunks:
            framer.feed(chunk)

    return work


def split_lines(chunks: list[bytes]) -> Work:
    """Lines to the columns of a quote and the rest."""
    framer = LineFramer(Complaints(Counters()))
    framed = [line for chunk in chunks for line in framer.feed(chunk)]

    def work() -> None:
        for line in framed:
            line.split(",", 11)

    return work


def decode_level1(chunks: list[bytes], symbol_count: int) -> Work:
    """Bytes to frames that go nowhere."""
    names = [*lines.symbols(symbol_count), lines.START, lines.END]
    feed = decoding.level1_feed(lambda _: None, names)

    def work() -> None:
        for chunk in chunks:
            feed(chunk, decoding.UTC_US)

    return work


def decode_level2(kind: str, count: int) -> Work:
    """Bytes to frames that go nowhere."""
    bench = DepthBench()
    wanted = Service.LEVELS if kind == "levels" else Service.ORDERS
    for name in level2_lines.symbols(DEPTH_SYMBOLS):
        bench.want(name, wanted)
    made = level2_lines.updates(count, kind=kind, symbol_count=DEPTH_SYMBOLS, seed=1)
    chunks = [*decoding.chunks(made)]

    def work() -> None:
        for chunk in chunks:
            bench.pipeline.feed(chunk, decoding.UTC_US)
            bench.frames.clear()

    return work


def pack_bodies(count: int) -> Work:
    """A quote's values to bytes."""
    pack = make_pack()

    def work() -> None:
        for _ in range(count):
            pack(BODY)

    return work


def send_frames(count: int) -> Work:
    """A frame to libzmq, which nobody subscribes to: the thread's part of a send, at the least."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    data = context.socket(zmq.XPUB)
    data.bind("tcp://127.0.0.1:*")
    send = zmq.backend.Socket.send.__get__(data)
    frame = b"quote,AAPL," + make_pack()(BODY)

    def work() -> None:
        for _ in range(count):
            send(frame)
        context.destroy(linger=0)

    return work


def make(options: Options) -> Suite:
    """The suite."""
    count, symbol_count = options.lines(60_000), 20 if options.is_quick else 300

    def chunks(mix: lines.Mix) -> list[bytes]:
        return level1_chunks(mix, count, symbol_count)

    works: dict[str, Callable[[], Work]] = {
        "lines out of bytes": lambda: frame_lines(chunks(lines.QUOTES)),
        "columns out of a line": lambda: split_lines(chunks(lines.QUOTES)),
        "msgpack of a quote": lambda: pack_bodies(count),
        "send nobody wants": lambda: send_frames(count),
    }
    for mix in lines.MIXES.values():
        works[f"level1 {mix.name}, all but send"] = functools.partial(
            lambda mix: decode_level1(chunks(mix), symbol_count), mix
        )
    for kind in level2_lines.BOOKS:
        works[f"level2 {kind}, all but send"] = functools.partial(decode_level2, kind, count)
    return Suite(
        name="stages",
        title="What the stages of decoding cost, processor time a line",
        figures=("cpu_ns_per_line",),
        cells=[
            Cell(name, functools.partial(least, work, count), f"{count:,} lines")
            for name, work in works.items()
        ],
    )
