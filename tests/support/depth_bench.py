"""The Level 2 side of a gateway without sockets and threads, for unit and property tests."""

from collections.abc import Callable
from typing import Any, Final

from gateway.clock import FakeClock
from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.events import SystemLine
from gateway.iqfeed.system import NoDepth, SymbolLimitReached, SymbolNotFound, parse_system
from gateway.normalize.board import Board
from gateway.normalize.depths import BookOptions, Depth
from gateway.policy.demand import Demand, Service
from gateway.wire.codec import Encoded
from gateway.wire.envelope import Envelope
from gateway.wire.topics import parse_topic
from schemas.reference_msgpack import decode_value
from tests.support.depth_parts import DepthParts
from tests.support.pipelines import (
    PYTHON,
    default_name,
    make_board,
    make_depth_pipeline,
)

START_NS: Final = 1_000_000_000_000
EVENT_US: Final = 1_790_000_400_000_000
"""The vendor's time on the lines made here, UTC."""
_MOMENT: Final = "10:20:00.000000,2026-09-21"
SNAPSHOT, CONFLATED, STALE, SUSPECT, LAST, DELAYED = 1, 8, 16, 32, 64, 128
EPOCH: Final = 1_790_000_000_000
RECV_US: Final = 1_790_000_000_000_000
OPTIONS: Final = BookOptions(
    levels=10,
    interval_us=50_000,
    settle_us=200_000,
    market_maker_age_us_max=900_000_000,
    crossed_us_max=2_000_000,
    silence_us_max=20_000_000,
    row_count_max=10_000,
    variants_max=4,
)


class DepthBench:
    """Books, their desk and a pipeline; the upstream is whole from the start.

    Args:
        board: Shared with a bench for Level 1; its own when left out.
        clock: Likewise.
        demand: Likewise.
        options: What of the settings decides.
        images_per_minute_max: Budget for asking anew.
        epoch: The gateway run.
        pipeline: Which pipeline reads; a board that is shared is of the Python one.
    """

    def __init__(
        self,
        *,
        board: Board | None = None,
        clock: FakeClock | None = None,
        demand: Demand | None = None,
        options: BookOptions = OPTIONS,
        images_per_minute_max: int = 30,
        epoch: int = EPOCH,
        pipeline: str = "",
    ) -> None:
        self.name = pipeline or (default_name() if board is None else PYTHON)
        # Not from 0: a moment of 0 stands for none.
        self.clock = FakeClock(monotonic_ns=START_NS) if clock is None else clock
        self.frames: list[bytes] = []
        if board is None:
            envelope = Envelope(epoch=epoch, send=self.frames.append)
            board = make_board(
                self.name, envelope=envelope, clock=self.clock, symbol_count_max=1_000
            )
            board.down_causes[0] = None
        self.board = board
        self.counters = Counters()
        self.complaints = Complaints(self.counters)
        self.demand = Demand(self.clock, linger_ns=0) if demand is None else demand
        parts = DepthParts(
            self.name,
            board,
            clock=self.clock,
            counters=self.counters,
            demand=self.demand,
            options=options,
            images_per_minute_max=images_per_minute_max,
        )
        self.depths, self.upstream = parts.depths, parts.upstream
        self.desk, self.answers, self.care = parts.desk, parts.answers, parts.care
        self.pipeline = make_depth_pipeline(
            self.name,
            parts.of_pipeline(self.complaints, self._on_system_line, line_bytes_max=65_536),
        )
        self.depths.recover_upstream(is_new=True)
        self._acts: dict[type[SystemLine], Callable[[Any], object]] = {
            NoDepth: self.desk.note_no_depth,
            SymbolNotFound: self.desk.note_not_found,
            SymbolLimitReached: self.desk.note_limit,
        }

    def _on_system_line(self, line: str) -> None:
        event = parse_system(line)
        act = self._acts.get(type(event))
        if act is not None:
            act(event.symbol)  # type: ignore[attr-defined]

    def want(self, symbol: str, *services: Service) -> Depth:
        """Wish for a symbol, a book by default."""
        for service in services or (Service.BOOK,):
            self.desk.open(symbol)
            self.demand.want(symbol, service)
            self.desk.review(symbol)
        return self.depths.depths[symbol]

    def feed(self, *lines: str) -> None:
        """Let lines arrive in one chunk."""
        self.pipeline.feed("".join(f"{line}\r\n" for line in lines).encode("latin-1"), RECV_US)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what waits for it happen."""
        self.clock.advance(seconds=seconds)
        self.pipeline.flush()

    def settle(self) -> None:
        """Let the summary's pause pass."""
        self.pass_time(0.25)

    def take(self, prefix: str = "") -> list[tuple[str, list[Any]]]:
        """Topic and body of the frames since the last look, of topics that begin with a text."""
        frames = [split_frame(frame) for frame in self.frames]
        self.frames.clear()
        return [(topic, body) for topic, body in frames if topic.startswith(prefix)]

    def answer(self, topic: str) -> list[Any]:
        """The answer to a snapshot request."""
        name = parse_topic(topic.encode())
        assert name is not None
        answer = self.answers.answer(name)
        if isinstance(answer, Encoded):
            body = decode_value(answer.data)
            assert isinstance(body, list)
            return body
        return list(answer)

    def order_rows(self, symbol: str = "@ES") -> list[list[Any]]:
        """What a snapshot says of a symbol's orders: rows without their action."""
        return [row[1:] for row in self.answer(f"order,{symbol},")[6]]

    def top(self, symbol: str = "@ES") -> tuple[list[list[Any]], list[list[Any]]]:
        """Bids and asks of the book that was published last, price and size only."""
        body = self.answer(f"book,{symbol},")
        assert body[0] == 7, body
        return [[*row[:2]] for row in body[6]], [[*row[:2]] for row in body[7]]

    def state(self, symbol: str = "@ES") -> str:
        """Where a symbol's depth stands."""
        return self.depths.depths[symbol].standing.state.value

    def count(self, counter: Counter) -> int:
        """What a counter says."""
        return self.counters.value(counter)


def order(
    letter: str,
    order_id: object,
    side: str,
    price: object,
    size: object = 5,
    *,
    symbol: str = "@ES",
    maker: str = "",
    priority: object = 7,
) -> str:
    """A row of an order book: 3 added, 4 changed, 6 of a summary, 0 a level."""
    return f"{letter},{symbol},{order_id},{maker},{side},{price},{size},{priority},2,{_MOMENT},"


def gone(order_id: object, side: str, *, symbol: str = "@ES", maker: str = "") -> str:
    """An order, or a market maker's row, is gone."""
    return f"5,{symbol},{order_id},{maker},{side},{_MOMENT},"


def level(letter: str, side: str, price: object, size: object = 5, *, symbol: str = "@ES") -> str:
    """A price level: 7 of a summary, 8 changed."""
    return f"{letter},{symbol},{side},{price},{size},3,2,{_MOMENT},"


def level_gone(side: str, price: object, *, symbol: str = "@ES") -> str:
    """A price level is gone."""
    return f"9,{symbol},{side},{price},{_MOMENT},"


def classic(
    letter: str, bid: str, ask: str, flags: str = "TTF", *, maker: str = "MD01", symbol: str = "@ES"
) -> str:
    """A market maker's line of the classic dialect: `bid` and `ask` as `price x size`."""
    (bid_price, _, bid_size), (ask_price, _, ask_size) = bid.partition("x"), ask.partition("x")
    time, _, date = _MOMENT.partition(",")
    return (
        f"{letter},{symbol},{maker},{bid_price},{ask_price},{bid_size},{ask_size},{time},{date},52,"
        f"{time},{','.join(flags)},"
    )


def split_frame(frame: bytes) -> tuple[str, list[Any]]:
    """Topic and body of a frame, by the reference decoder."""
    kind, symbol, data = frame.split(b",", 2)
    body = decode_value(data)
    assert isinstance(body, list)
    return f"{kind.decode()},{symbol.decode()},", body
