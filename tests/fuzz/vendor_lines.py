"""Garbage and mutated vendor lines into the feed's decoders, in this process.

Usage: python -m tests.fuzz.vendor_lines [--lines N] [--seed S] [--minutes M]
Nothing may be raised, no line may make our own code fail, every number that is published must be
finite, and nothing may grow. Half of the lines are fed one by one, and told apart by what became of
them: refused and counted, flagged SUSPECT, published, or understood and nothing new. A batch that
breaks any of this is written into `corpus/lines`, where the next run begins with it.
"""

import argparse
import hashlib
import math
import random
import sys
import time
from collections import Counter as Counts
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import psutil

from gateway.counters import Counter, Counters
from gateway.iqfeed.link import Session
from gateway.policy.demand import Service
from tests.fuzz.guided_corpus import read_corpus
from tests.fuzz.mutations import Mutator
from tests.fuzz.target import Broken
from tests.support.depth_bench import DepthBench
from tests.support.pipelines import PYTHON, names_here
from tests.unit.iqfeed.session_bench import STATS, make, make_admin, make_level2
from tests.unit.normalize.line_desk import GATEWAY_NAMES, REORDERED, Desk, Options, line

CORPUS: Final = Path(__file__).parent / "corpus" / "lines"
BATCH_LINES: Final = 200
LINE_BYTES_MAX: Final = 2_000
SYMBOLS: Final = ("AAPL", "MSFT", "@ES")
MIB: Final = 1_048_576

LEVEL1: Final = tuple(
    line(letter, contents, columns, symbol=symbol, names=names)
    for names in (GATEWAY_NAMES, REORDERED)
    for symbol in SYMBOLS
    for letter, contents in (("P", "Cbacv"), ("Q", "ba"), ("Q", "Cv"), ("Q", "Oh"), ("Q", "Ebas"))
    for columns in ({}, {"Bid": "188.2600", "Ask Time": "10:00:00.5", "TickID": "4712"})
)
OTHERS: Final = (
    "F,AAPL,5,65.6,28624000,199.95,,,,,,,02/18/2026,",
    "R,MSFT,5,188.25,100,09:59:58,188.36,200,09:59:59,14,4,11,",
    "N,DTN,22017456,AAPL:MSFT:,20260916 095959,Up, up,",
    "C,AAPL,I,O,09/15/2026,15:59:59,188.05,15000,859256116,198944,24,",
    "T,20260916 10:00:01",
    "S,KEY,99999",
    "S,SERVER CONNECTED",
    "S,SERVER DISCONNECTED",
    "S,CURRENT PROTOCOL,6.2,",
    "S,CURRENT UPDATE FIELDNAMES,Symbol,Most Recent Trade,Bid,Ask,",
    "S,SYMBOL LIMIT REACHED,AAPL",
    "S,CLEAR DEPTH,@ES,B,",
    "S,CURRENT LOGINID,497214,",
    "E,!SYNTAX_ERROR!,",
    "E,6.2 is not a valid protocol.,",
    "n,XYZZY",
    "q,@ES,",
    STATS,
)
LEVEL2: Final = (
    "6,@ES,645,,B,100.25,10,71,4,10:00:00.000001,2026-09-16,",
    "3,@ES,646,,A,100.50,12,72,4,10:00:00.000002,2026-09-16,",
    "4,@ES,646,,A,100.75,3,72,4,10:00:00.000003,2026-09-16,",
    "5,@ES,646,,A,10:00:00.000004,2026-09-16,",
    "7,@ES,B,100.25,10,3,4,10:00:00.000001,2026-09-16,",
    "8,@ES,B,100.25,11,3,4,10:00:00.000002,2026-09-16,",
    "9,@ES,B,100.25,10:00:00.000003,2026-09-16,",
    "0,@ES,645,,B,100.25,10,71,4,10:00:00.000001,2026-09-16,",
    "6,AAPL,,AMEX,A,188.8400,100,,4,17:52:38.059128,2026-09-16,",
    "Z,AAPL,NSDQ,188.0,188.1,100,200,10:00:00,2026-09-16,52,10:00:00,T,T,T,",
    "2,AAPL,NSDQ,188.0,188.1,100,200,10:00:00,2026-09-16,52,10:00:00,T,T,T,",
)


REFUSED: Final = (
    *(Counter.LINES_OVERSIZE, Counter.LINES_UNKNOWN, Counter.LINES_TRUNCATED),
    *(Counter.LINES_EXTRA_COLUMNS, Counter.LINES_UNMAPPED, Counter.LINES_UNWATCHED),
    *(Counter.LINES_DUPLICATE, Counter.LINES_INVALID, Counter.VALUES_INVALID),
    *(Counter.VENDOR_ERRORS, Counter.BOOK_ROWS_UNKNOWN, Counter.BOOK_ROWS_REFUSED),
)
"""Something about the line is counted as wrong, or as nobody's."""
FLAGGED: Final = (Counter.MESSAGES_SUSPECT, Counter.BOOKS_SUSPECT, Counter.LINES_OUT_OF_ORDER)
MERGED: Final = (Counter.SUMMARIES_MERGED, Counter.BOOKS_MERGED)
FATES: Final = ("refused", "flagged", "published", "told", "merged", "nothing new")
"""What can become of a line, the first that fits; `told` is what handles the port's words."""


class Decoders:
    """Every reader of vendor lines, each with symbols that somebody wants.

    Attributes:
        fates: What became of the lines that were fed one by one.
        turn: Batches so far.
    """

    def __init__(self) -> None:
        options = [
            Options(names=names, line_bytes_max=LINE_BYTES_MAX, pipeline=pipeline)
            for names, pipeline in (
                (GATEWAY_NAMES, PYTHON),
                (REORDERED, PYTHON),
                *((GATEWAY_NAMES, name) for name in names_here() if name != PYTHON),
            )
        ]
        self.desks = tuple(map(Desk, options))
        for desk in self.desks:
            names = desk.options.names or ()
            for symbol in SYMBOLS:
                desk.board.open(symbol)
                desk.feed(line("P", "Cbav", symbol=symbol, names=names))
        self.depth = DepthBench()
        for symbol in SYMBOLS:
            self.depth.want(symbol, Service.BOOK)
        self.fates: Counts[str] = Counts()
        self.turn = 0

    def feed(self, data: bytes) -> None:
        """Let bytes arrive everywhere.

        Raises:
            Broken: Something did not hold.
        """
        self.turn += 1
        for desk in self.desks:
            recv_us = desk.clock.utc_us()
            if self.turn % 2:
                desk.pipeline.feed(data, recv_us)
            else:
                for text in _cut(data):
                    self.fates[self._fate_of(desk, text, recv_us)] += 1
            desk.pipeline.flush(recv_us)
            desk.clock.advance(seconds=0.01)
            check_frames(desk.raw, desk.counters)
            desk.system_lines.clear()
            desk.settled.clear()
        self.depth.pipeline.feed(data, self.depth.clock.utc_us())
        self.depth.pass_time(0.01)
        self.depth.upstream.take()
        check_frames(self.depth.frames, self.depth.counters)
        for session in (make(), make_level2(), make_admin()):
            feed_session(session, data)

    def _fate_of(self, desk: Desk, data: bytes, recv_us: int) -> str:
        """Feed at most one line and say what became of it."""
        count = desk.counters.value
        before = [sum(map(count, each)) for each in (REFUSED, FLAGGED, MERGED)]
        seen, told = len(desk.raw), len(desk.system_lines)
        lines = count(Counter.FEED_LINES) + count(Counter.LINES_OVERSIZE)
        desk.pipeline.feed(data, recv_us)
        if count(Counter.FEED_LINES) + count(Counter.LINES_OVERSIZE) == lines:
            return "no line yet"
        refused, flagged, merged = (
            sum(map(count, each)) > old
            for each, old in zip((REFUSED, FLAGGED, MERGED), before, strict=True)
        )
        facts = (refused, flagged, len(desk.raw) > seen, len(desk.system_lines) > told, merged)
        return next((fate for fate, is_so in zip(FATES, facts, strict=False) if is_so), FATES[-1])


def check_frames(frames: list[bytes], counters: Counters) -> None:
    """Check what came of some lines, and forget it.

    Raises:
        Broken: Our own code failed, or a number is none.
    """
    if counters.value(Counter.PROCESSING_FAULTS):
        raise Broken("a line made our own code fail")
    for frame in frames:
        body = msgpack.unpackb(frame.split(b",", 2)[2])
        if not _is_finite(body):
            raise Broken(f"not finite: {body!r:.300}")
    frames.clear()


def feed_session(session: Session, data: bytes) -> None:
    """Let lines arrive at a conversation that has just begun.

    Raises:
        Broken: It says more than it should.
    """
    session.connection_made(0)
    for text in data.decode("latin-1").splitlines():
        session.receive_line(text, now_ns=1)
    while session.next_event() is not None:
        continue
    if len(session.data_to_send()) > MIB:
        raise Broken("a session says more than a megabyte")


def _cut(data: bytes) -> list[bytes]:
    """Pieces of a line each, with its end."""
    *whole, rest = data.split(b"\n")
    return [text + b"\n" for text in whole] + ([rest] if rest else [])


@dataclass
class Outcome:
    """How a run went."""

    lines: int = 0
    """Fed, each to every reader."""
    seconds: float = 0.0
    rss_mb: list[float] = field(default_factory=list)
    """Memory at the beginning, after the first tenth, and at the end."""
    published: int = 0
    """Messages that came of it."""
    fates: Counts[str] = field(default_factory=Counts)
    """What became of the lines that were fed one by one."""

    @property
    def grown_mb(self) -> float:
        """Memory, from after the first tenth to the end."""
        return self.rss_mb[-1] - self.rss_mb[min(1, len(self.rss_mb) - 1)]


def corpus() -> list[bytes]:
    """What is right, and what was found."""
    found = [path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))]
    kept = [text for name in ("level1_lines", "level2_lines") for text in read_corpus(name)]
    return [text.encode("latin-1") for text in (*LEVEL1, *OTHERS, *LEVEL2)] + found + kept


def run(lines: int, *, seed: int, seconds_max: float = math.inf) -> Outcome:
    """Feed so many lines.

    Args:
        lines: How many, at least.
        seed: The same does the same.
        seconds_max: Stop after this time, whatever was fed.

    Raises:
        Broken: Something did not hold; the batch is in the corpus.
    """
    rng = random.Random(seed)
    mutator = Mutator(rng, corpus(), bytes_max=LINE_BYTES_MAX, separator=b",")
    decoders, outcome = Decoders(), Outcome()
    began_s, outcome.rss_mb = time.monotonic(), [_rss_mb()]
    while outcome.lines < lines and time.monotonic() - began_s < seconds_max:
        batch = b"".join(_line(rng, mutator) for _ in range(BATCH_LINES))
        try:
            decoders.feed(batch)
        except Exception as error:
            path = CORPUS / f"{hashlib.sha256(batch).hexdigest()[:16]}.bin"
            path.write_bytes(batch)
            raise Broken(f"seed {seed}, after {outcome.lines} lines: {error!r}; {path}") from error
        outcome.lines += BATCH_LINES
        if len(outcome.rss_mb) == 1 and outcome.lines >= lines // 10:
            outcome.rss_mb.append(_rss_mb())
    outcome.seconds = time.monotonic() - began_s
    outcome.rss_mb.append(_rss_mb())
    outcome.fates = decoders.fates
    outcome.published = sum(desk.pipeline_count() for desk in _counted(decoders))
    return outcome


@dataclass(frozen=True)
class _Counted:
    desk: Any

    def pipeline_count(self) -> int:
        """Quotes and trades that were published."""
        counters = self.desk.counters
        names = (Counter.QUOTES_PUBLISHED, Counter.TRADES_PUBLISHED, Counter.ORDERS_PUBLISHED)
        return sum(counters.value(name) for name in names)


def _counted(decoders: Decoders) -> Iterable[_Counted]:
    return [_Counted(desk) for desk in (*decoders.desks, decoders.depth)]


def _line(rng: random.Random, mutator: Mutator) -> bytes:
    """Half are right or nearly, the rest is changed or garbage; a few have no end."""
    kind = rng.random()
    if kind < 0.25:
        data = mutator.example()
    elif kind < 0.95:
        data = mutator.mutate(mutator.example())
    else:
        data = mutator.noise()
    return data if rng.random() < 0.01 else data + b"\r\n"


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss) / MIB


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return True


def main() -> int:
    """Run from the command line; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    try:
        outcome = run(options.lines, seed=options.seed, seconds_max=options.minutes * 60)
    except Broken as broken:
        print(broken)
        return 1
    rate = outcome.lines / outcome.seconds
    print(
        f"seed {options.seed}: {outcome.lines} lines in {outcome.seconds:.0f} s ({rate:.0f}/s), "
        f"{outcome.published} messages, nothing raised; memory "
        f"{' -> '.join(f'{size:.1f}' for size in outcome.rss_mb)} MB (start, a tenth, end)"
    )
    print("; ".join(f"{fate}: {count}" for fate, count in outcome.fates.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
