"""A pipeline on a desk: vendor lines in, decoded frames out.

What the tests expect is spelled by hand: field names from the vendor's list, message items from
the wire contract. Nothing here asks the code under test how it spells them.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgpack
import pytest

from gateway.clock import FakeClock
from gateway.counters import Complaints, Counter, Counters
from gateway.normalize.board_answers import BoardAnswers
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits
from gateway.normalize.symbols import Symbol
from gateway.normalize.values import Values
from gateway.wire.envelope import Body, Envelope
from gateway.wire.topics import parse_topic
from tests.support.pipelines import default_name, make_board, make_pipeline

SNAPSHOT, CONFLATED, STALE, SUSPECT, DELAYED = 1, 8, 16, 32, 128
EPOCH = 1_790_000_000_000
INTERVAL_US = 250_000

HEADER = ("type", "epoch", "sequence", "flags", "recv_us", "event_us")
ITEMS = {
    1: "bid bid_size ask ask_size bid_us ask_us bid_market_center ask_market_center merged",
    2: "price size trade_id market_center conditions basis aggressor total_volume bid ask",
    3: "last last_size last_us open high low close settle total_volume vwap open_interest "
    "number_of_trades last_conditions last_market_center merged",
    4: "fields",
    8: "distributor story_id symbols headline",
    9: "state cause since_us details",
    10: "bid bid_size bid_us ask ask_size ask_us market_center",
    11: "action basis price size trade_id conditions market_center trade_us",
}

COLUMNS = {
    "Symbol": "AAPL",
    "Message Contents": "",
    "Bid": "188.2500",
    "Bid Size": "100",
    "Bid Time": "09:59:59.100000",
    "Bid Market Center": "11",
    "Ask": "188.3600",
    "Ask Size": "200",
    "Ask Time": "09:59:59.300000",
    "Ask Market Center": "26",
    "Most Recent Trade": "188.3000",
    "Most Recent Trade Size": "50",
    "Most Recent Trade Time": "09:59:58.000001",
    "Most Recent Trade Date": "09/16/2026",
    "Most Recent Trade Market Center": "19",
    "Most Recent Trade Conditions": "3D87",
    "Most Recent Trade Aggressor": "0",
    "TickID": "4711",
    "Total Volume": "37629453",
    "Last": "188.2900",
    "Last Size": "300",
    "Last Time": "09:59:57.500000",
    "Last Date": "09/16/2026",
    "Last Market Center": "5",
    "Open": "187.0000",
    "High": "189.5000",
    "Low": "186.2500",
    "Close": "187.9700",
    "Settle": "",
    "VWAP": "188.0123",
    "Open Interest": "",
    "Number of Trades Today": "1234",
}
"""The gateway's own field set in its order, with a plausible line's texts."""
GATEWAY_NAMES = tuple(COLUMNS)
REORDERED = ("Symbol", *sorted(GATEWAY_NAMES[1:]))
"""All of the gateway's fields in another order: the same values by the other reader."""
LAYOUTS = pytest.mark.parametrize("names", [GATEWAY_NAMES, REORDERED], ids=["own", "other"])
"""For what must be the same whichever reader reads it."""

Frame = dict[str, Any]


def utc_us(wall: str, *, fold: int = 0) -> int:
    """A US Eastern `YYYY-MM-DD HH:MM:SS[.ffffff]` as UTC microseconds, by the standard library."""
    moment = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo("America/New_York"), fold=fold)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


NOW = "2026-09-16 10:00:00"
NOW_US = utc_us(NOW)


def line(
    letter: str,
    contents: str = "",
    columns: Mapping[str, str] | None = None,
    *,
    symbol: str = "AAPL",
    names: Sequence[str] = GATEWAY_NAMES,
) -> str:
    """One P or Q line: the named columns of the field set, defaults where nothing is said."""
    texts = COLUMNS | {"Symbol": symbol, "Message Contents": contents} | dict(columns or {})
    return ",".join([letter, *(texts.get(name, "") for name in names), ""])


_NUMBERS = itertools.count(10_000)


def another(
    letter: str,
    contents: str = "",
    columns: Mapping[str, str] | None = None,
    **more: Any,
) -> str:
    """A line that differs from every other one: in the day's count, and a trade in its volume."""
    number = next(_NUMBERS)
    changed = {"Number of Trades Today": str(number)}
    if set(contents) & set("CEO"):
        changed["Total Volume"] = str(37_629_453 + number)
    return line(letter, contents, changed | dict(columns or {}), **more)


def decode(frame: bytes) -> Frame:
    """A frame as a map: kind, symbol, and every item by its name in the contract."""
    kind, symbol, body = frame.split(b",", 2)
    items = msgpack.unpackb(body)
    names = (*HEADER, *ITEMS[items[0]].split())
    values = dict(zip(names, items, strict=True))
    return {"kind": kind.decode(), "symbol": symbol.decode(), **values}


def as_frame(body: Body) -> Frame:
    """A body that was answered, by its items' names."""
    return dict(zip((*HEADER, *ITEMS[body[0]].split()), body, strict=True))


@dataclass(frozen=True)
class Options:
    """What a desk is made with."""

    names: Sequence[str] | None = GATEWAY_NAMES
    """The field set; None leaves it unknown."""
    now: str = NOW
    """Where both clocks begin, US Eastern; also said by a T line unless it is empty."""
    fold: int = 0
    """Which reading of a repeated hour `now` is."""
    symbol_count_max: int = 100
    line_bytes_max: int = 65_536
    limits: PriceLimits = ANY_PRICE
    """Which prices are implausible."""
    pipeline: str = field(default_factory=default_name)
    """Which pipeline reads."""
    is_whole: bool = True
    """Whether the upstream is whole at the beginning."""


class Desk:
    """One board, one pipeline, and everything they sent."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.clock = FakeClock(utc_us=utc_us(self.options.now, fold=self.options.fold))
        self.counters = Counters()
        self.complaints = Complaints(self.counters)
        self.raw: list[bytes] = []
        self.system_lines: list[str] = []
        self.settled: list[str] = []
        self.envelope = Envelope(epoch=EPOCH, send=self.raw.append)
        self.board = make_board(
            self.options.pipeline,
            envelope=self.envelope,
            clock=self.clock,
            symbol_count_max=self.options.symbol_count_max,
            on_settled=lambda symbol: self.settled.append(symbol.name),
        )
        self._values = Values(self.complaints, limits=self.options.limits)
        self.pipeline = self.connection()
        if self.options.is_whole:
            self.board.recover_upstream()
        if self.options.names is not None:
            self.pipeline.select(self.options.names)
        self.clock_line(self.options.now)

    def connection(self) -> Pipeline:
        """Another connection's pipeline, without a field set yet."""
        return make_pipeline(
            self.options.pipeline,
            {
                "board": self.board,
                "values": self._values,
                "counters": self.counters,
                "complaints": self.complaints,
                "on_system_line": self.system_lines.append,
                "summary_interval_us": INTERVAL_US,
                "line_bytes_max": self.options.line_bytes_max,
            },
        )

    def clock_line(self, wall: str) -> None:
        """Let the session's clock say a time, fraction left out, without moving our clocks."""
        self.feed(f"T,{wall[:19].replace('-', '')}")

    def move_to(self, wall: str, *, fold: int = 0) -> None:
        """Move our clocks and the session's to a US Eastern time."""
        step = utc_us(wall, fold=fold) - self.clock.utc_us()
        self.clock.step_wall(seconds=step / 1_000_000)
        self.clock_line(wall)

    def feed(self, *lines: str, recv_us: int | None = None) -> None:
        """Feed whole lines, read now."""
        data = "".join(f"{text}\r\n" for text in lines).encode("latin-1")
        self.pipeline.feed(data, self.clock.utc_us() if recv_us is None else recv_us)

    def take(self, *kinds: str) -> list[Frame]:
        """The frames sent since the last call, of some kinds or of all."""
        frames = [decode(frame) for frame in self.raw]
        self.raw.clear()
        return [frame for frame in frames if not kinds or frame["kind"] in kinds]

    def one(self, kind: str) -> Frame:
        """The one frame of a kind sent since the last call; other kinds are dropped."""
        (frame,) = self.take(kind)
        return frame

    def live(self, symbol: str = "AAPL", columns: Mapping[str, str] | None = None) -> Symbol:
        """A symbol that was asked for and answered; its frames are dropped."""
        known = self.board.open(symbol)
        names = self.options.names or GATEWAY_NAMES
        self.feed(line("P", "Cbav", columns, symbol=symbol, names=names))
        self.raw.clear()
        return known

    def answer(self, topic: str) -> Frame:
        """The answer to a snapshot request."""
        name = parse_topic(topic.encode())
        assert name is not None
        return as_frame(BoardAnswers(self.board, clock=self.clock).answer(name))

    def count(self, counter: Counter) -> int:
        """A counter's number."""
        return self.counters.value(counter)

    def counted(self) -> dict[str, int]:
        """Every counter of something bad that is not 0; implausible is not unreadable."""
        usual = ("feed_", "_published", "summaries_merged", "suspect", "out_of_order")
        return {
            label: value
            for label, value in self.counters.as_map().items()
            if value and not any(part in label for part in usual)
        }
