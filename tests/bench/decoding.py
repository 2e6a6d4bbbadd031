"""The gateway's decoding alone: the pipelines of both ports around any `send`, without sockets.

Usage: python -m tests.bench.decoding MIX LINES [--write FILE | --read FILE]

The brokers of the comparison publish what it makes; run by itself it decodes so many lines and says
how much processor time each took. Under `valgrind --tool=callgrind` the difference between two
runs is exact: instructions a line, whatever else the machine does.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.clock import FakeClock
from gateway.counters import Complaints, Counters
from gateway.iqfeed.fields import GATEWAY_FIELDS
from gateway.model.enums import SymbolState
from gateway.model.messages import Kind
from gateway.normalize.values import Values
from gateway.runtime.interpreter import InterpreterTuning
from gateway.wire.envelope import Envelope
from tests.bench import level2_lines, lines
from tests.bench.native import address_in_native
from tests.support.depth_bench import OPTIONS
from tests.support.pipelines import (
    COMPILED,
    NAMES,
    PYTHON,
    make_board,
    make_depth_board,
    make_depth_pipeline,
    make_pipeline,
)

UTC_US = 1_795_186_830_000_000
"""10:00:30 US Eastern of the day that the lines tell of."""
SECOND_US = 1_000_000
CHUNK = 65_536


class Decoding:
    """One board and the pipelines of both ports.

    Args:
        send: Takes each frame; the compiled pipeline drops those that it makes itself.
        pipeline: Which one reads.
    """

    def __init__(self, send: Callable[[bytes], object], *, pipeline: str = PYTHON) -> None:
        self.clock = FakeClock(utc_us=UTC_US, monotonic_ns=UTC_US * 1000)
        self.counters = Counters()
        complaints = Complaints(self.counters)
        values = Values(complaints)
        envelope = Envelope(epoch=UTC_US // 1000, send=send)
        native = address_in_native("drop") if pipeline == COMPILED else 0
        self.board = make_board(
            pipeline, envelope=envelope, clock=self.clock, symbol_count_max=100_000
        )
        self.level1 = make_pipeline(
            pipeline,
            {
                "board": self.board,
                "values": values,
                "counters": self.counters,
                "complaints": complaints,
                "on_system_line": lambda _: None,
                "summary_interval_us": 250_000,
                "line_bytes_max": 65_536,
            },
            send=native,
        )
        self.depths = make_depth_board(
            pipeline, self.board, clock=self.clock, counters=self.counters, options=OPTIONS
        )
        self.level2 = make_depth_pipeline(
            pipeline,
            {
                "board": self.depths,
                "values": values,
                "clock": self.clock,
                "counters": self.counters,
                "complaints": complaints,
                "on_system_line": lambda _: None,
                "line_bytes_max": 65_536,
            },
            send=native,
        )
        self.board.recover_upstream()
        self.level1.select(["Symbol", *GATEWAY_FIELDS])

    def open_level1(self, names: list[str]) -> None:
        """Watch symbols."""
        for name in names:
            self.board.open(name)


def chunks(data: bytes) -> Iterator[bytes]:
    """Cut bytes as reads do."""
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


def level1_feed(
    send: Callable[[bytes], object], names: list[str], *, pipeline: str = PYTHON
) -> Callable[[bytes, int], None]:
    """The Level 1 pipeline with everything watched, answered and alive; its `feed`."""
    decoding = Decoding(send, pipeline=pipeline)
    decoding.open_level1(names)
    first = b"T,20261120 10:00:30\r\n" + b"".join(map(lines.snapshot, names))
    decoding.level1.feed(first, UTC_US)
    return decoding.level1.feed


def level2_feed(
    send: Callable[[bytes], object], kind: str, names: list[str], *, pipeline: str = PYTHON
) -> Callable[[bytes, int], None]:
    """The Level 2 pipeline with everything asked for and alive; its `feed`."""
    decoding = Decoding(send, pipeline=pipeline)
    depths = decoding.depths
    depths.recover_upstream(is_new=True)
    for name in names:
        depth = depths.open(name)
        depth.asked.add(Kind.DEPTH if kind == "levels" else Kind.ORDER)
        depths.change(depth, SymbolState.LIVE, None)
    return decoding.level2.feed


class Pauses:
    """How often the collector runs, by generation, and for how long; a callback of `gc`."""

    def __init__(self) -> None:
        self._pauses_us: dict[int, list[float]] = {0: [], 1: [], 2: []}
        self._started_ns = 0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Note the begin or the end of a collection."""
        if phase == "start":
            self._started_ns = time.perf_counter_ns()
        else:
            took_us = (time.perf_counter_ns() - self._started_ns) / 1000
            self._pauses_us[info["generation"]].append(took_us)

    def told(self) -> str:
        """Counts, and the median and the longest pause of each generation."""
        return ", ".join(
            f"{generation}: {len(found)} ({statistics.median(found):.0f} us, at most "
            f"{max(found):.0f})"
            for generation, found in self._pauses_us.items()
            if found
        )


def make_lines(options: argparse.Namespace) -> bytes:
    """What is to be decoded."""
    count, symbol_count = options.lines, options.symbols
    mix = lines.MIXES.get(options.mix)
    if mix is not None:
        return lines.updates(count, mix=mix, symbol_count=symbol_count, seed=1)
    return level2_lines.updates(count, kind=options.mix, symbol_count=symbol_count, seed=1)


def make_feed(options: argparse.Namespace) -> Callable[[bytes, int], None]:
    """What decodes it; frames go nowhere."""

    def drop(_: bytes) -> None:
        pass

    ends = [lines.START, lines.END]
    if options.mix in lines.MIXES:
        names = [*lines.symbols(options.symbols), *ends]
        return level1_feed(drop, names, pipeline=options.pipeline)
    names = [*level2_lines.symbols(options.symbols), *ends]
    return level2_feed(drop, options.mix, names, pipeline=options.pipeline)


def main() -> None:
    """Decode, and say what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mix", choices=[*lines.MIXES, *level2_lines.BOOKS])
    parser.add_argument("lines", type=int)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--pipeline", choices=NAMES, default=PYTHON)
    parser.add_argument("--write", type=Path, help="make the lines, and nothing else")
    parser.add_argument("--read", type=Path, help="take lines that were made before")
    options = parser.parse_args()
    data = options.read.read_bytes() if options.read else make_lines(options)
    if options.write:
        options.write.write_bytes(data)
        return
    feed = make_feed(options)
    parts = [*chunks(data)]
    pauses = Pauses()
    blocks = sys.getallocatedblocks()
    InterpreterTuning().apply()
    gc.callbacks.append(pauses)
    started_s = time.process_time()
    for part in parts:
        feed(part, UTC_US)
    took_us = (time.process_time() - started_s) / options.lines * 1e6
    gc.callbacks.remove(pauses)
    print(f"{took_us:.3f} us of processor a line")
    print(f"{(sys.getallocatedblocks() - blocks) / options.lines:.3f} objects a line kept")
    print(f"collections by generation: {pauses.told()}")


if __name__ == "__main__":
    main()
