"""`demo`: simulator, gateway and client together, prices on the screen."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gateway_client import GatewayClient, GatewayClientError, Quote, State, Summary, Trade
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.commands.endpoints import CONTROL_ENDPOINT, DATA_ENDPOINT
from gateway.commands.ladder import LADDER_COLUMNS, Ladders
from gateway.errors import ConfigError, GatewayError
from gateway.logs import set_up_logging
from gateway.settings import Settings, load_settings
from gateway.simulator import Simulator, SimulatorOptions

SYMBOLS: Final = (
    "AAPL",
    "MSFT",
    "NVDA",
    "AMZN",
    "GOOGL",
    "TSLA",
    "BRK.B",
    "@ES#",
    "QCL#",
    "EURUSD.FXCM",
    "VIX.XO",
)
REFRESH_S: Final = 0.25
WIDE_COLUMNS: Final = 112
COLUMNS: Final = (
    ("symbol", True),
    ("bid", True),
    ("size", False),
    ("ask", True),
    ("size", False),
    ("trade", True),
    ("size", False),
    ("volume", False),
    ("updates", False),
    ("state", True),
)
"""Headings, and whether a narrow screen shows the column."""
TABLE_LINES: Final = 10
"""What the table needs beside its rows: title, heading, rules, caption, notes."""
LADDER_LEVELS: Final = 8
LADDER_LINES: Final = 2 * LADDER_LEVELS + 4
PLAIN_LEVELS: Final = 3
PLAIN_REFRESH_S: Final = 2.0
START_S_MAX: Final = 15.0


@dataclass(slots=True)
class _Row:
    """What the table shows of one symbol."""

    quote: Quote | None = None
    trade: Trade | None = None
    summary: Summary | None = None
    state: str = "pending"
    quote_count: int = 0
    trade_count: int = 0


@dataclass(slots=True)
class _Screen:
    """Everything on the screen."""

    rows: dict[str, _Row]
    ladder: str = ""
    """The symbol whose book is drawn; empty for none."""
    ladders: Ladders = field(default_factory=lambda: Ladders([]))
    messages: int = 0
    losses: int = 0
    notes: list[str] = field(default_factory=list)

    def take(self, item: Any) -> None:
        """Take one message or event of the client."""
        if hasattr(item, "sequence"):
            self.ladders.take(item)
        row = self.rows.get(getattr(item, "symbol", ""))
        if row is None:
            if not hasattr(item, "sequence"):
                self.losses += 1
                self.notes = [*self.notes[-2:], str(item)]
            return
        self.messages += 1
        match item:
            case Quote():
                row.quote, row.quote_count = item, row.quote_count + 1
            case Trade():
                row.trade, row.trade_count = item, row.trade_count + 1
            case Summary():
                row.summary = item
            case State():
                row.state = ": ".join(text for text in (item.state, item.cause) if text)
            case _:
                pass


class _Background:
    """Simulator and gateway on a loop of their own, in a thread beside the screen."""

    def __init__(self, *, rate: float, seed: int) -> None:
        self._options = SimulatorOptions(
            admin_port=0, level1_port=0, level2_port=0, rate=rate, depth_rate=rate, seed=seed
        )
        self._loop = asyncio.SelectorEventLoop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        self.endpoints: dict[str, str] = {}
        self.notes: list[str] = []
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        """Begin, and wait until both run.

        Raises:
            GatewayError: One of them could not start.
        """
        self._thread.start()
        self._ready.wait(START_S_MAX)
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """End both in order."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(START_S_MAX)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        except GatewayError as error:
            self.error = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _main(self) -> None:
        simulator = Simulator(self._options)
        await simulator.start()
        try:
            gateway = await self._start_gateway(simulator)
            self.endpoints = gateway.endpoints
            self._ready.set()
            await self._stop.wait()
            await gateway.stop("demo over")
        finally:
            await simulator.stop()

    async def _start_gateway(self, simulator: Simulator) -> Gateway:
        """Start on the usual ports, or on any free ones when those are taken."""
        try:
            gateway = Gateway(_settings(simulator, {}))
            await gateway.start()
        except ConfigError as error:
            self.notes.append(f"the usual ports are taken, using others ({error})")
            any_port = {"bind": "tcp://127.0.0.1:*"}
            others = {"data": any_port, "control": any_port, "http": {"bind": "127.0.0.1:0"}}
            gateway = Gateway(_settings(simulator, others))
            await gateway.start()
        return gateway


def show_demo(
    symbols: list[str], *, rate: float, seconds: float, seed: int, ladder: str = "@ES#"
) -> int:
    """Run the demo until interrupted or for a while.

    Args:
        symbols: What to show; a mix of instruments when empty.
        ladder: The symbol whose book is drawn; empty for none.
        rate: Market events a second.
        seconds: How long; 0 until interrupted.
        seed: Of the simulated market.

    Returns:
        0, or 1 when no price came.
    """
    set_up_logging(level="error", form="console")
    console = Console()
    console.print("starting simulator and gateway …" if console.is_terminal else "starting ...")
    background = _Background(rate=rate, seed=seed)
    background.start()
    screen = _Screen(
        rows={symbol: _Row() for symbol in symbols or SYMBOLS},
        ladder=ladder,
        ladders=Ladders([ladder] if ladder else []),
    )
    opening = _opening(screen, background.endpoints, is_terminal=console.is_terminal)
    for line in (*background.notes, *opening):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    try:
        with GatewayClient(
            data_endpoint=background.endpoints["data"],
            control_endpoint=background.endpoints["control"],
            client_name="demo",
        ) as client:
            for symbol, result in client.subscribe_symbols(list(screen.rows)).items():
                if not result.is_accepted:
                    screen.rows[symbol].state = str(result.code)
            _want_book(client, screen)
            _show(console, client, screen, seconds=seconds, where=background.endpoints)
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        background.stop()
    return 0 if screen.messages else 1


def _opening(screen: _Screen, where: dict[str, str], *, is_terminal: bool) -> list[str]:
    """What is told once, above everything: a caption repeats it, and cuts a command in pieces."""
    # On a terminal the page's address stands below the table.
    lines = [] if is_terminal else [f"http {where['http']}"]
    return lines if is_terminal and not is_moved(where) else [*lines, _tail_of(screen, where)]


def _want_book(client: GatewayClient, screen: _Screen) -> None:
    """Subscribe to the book that is drawn; without one the prices are shown all the same."""
    if not screen.ladder:
        return
    try:
        (result,) = client.subscribe_symbols([screen.ladder], ["book", "state"]).values()
    except GatewayClientError as error:
        refusal: str | None = str(error)
    else:
        refusal = None if result.is_accepted else str(result.code)
    if refusal is not None:
        screen.notes.append(f"no book of {screen.ladder}: {refusal}")
        screen.ladder = ""


def _show(
    console: Console,
    client: GatewayClient,
    screen: _Screen,
    *,
    seconds: float,
    where: dict[str, str],
) -> None:
    started_s = _now_s()
    if not console.is_terminal:
        for _ in _frames(client, screen, PLAIN_REFRESH_S, seconds):
            _print_plain(screen, _now_s() - started_s)
        return
    with Live(console=console, refresh_per_second=1 / REFRESH_S, auto_refresh=False) as live:
        for _ in _frames(client, screen, REFRESH_S, seconds):
            live.update(_picture(screen, _now_s() - started_s, where, console), refresh=True)


def _frames(
    client: GatewayClient, screen: _Screen, refresh_s: float, seconds: float
) -> Iterator[None]:
    """Take messages and pause for a picture at regular times."""
    now_s = _now_s()
    end_s = now_s + seconds if seconds else None
    next_s = now_s + refresh_s
    while end_s is None or now_s < end_s:
        item = client.next_message(timeout_s=max(0.0, next_s - now_s))
        if item is not None:
            screen.take(item)
        now_s = _now_s()
        if now_s >= next_s:
            next_s = now_s + refresh_s
            yield
    yield


def _now_s() -> float:
    return SystemClock().monotonic_ns() / 1e9


def _picture(
    screen: _Screen, elapsed_s: float, where: dict[str, str], console: Console
) -> RenderableType:
    """Lay out table and ladder: beside each other, below each other, or the table alone."""
    width, height = console.size
    is_beside = width >= WIDE_COLUMNS + LADDER_COLUMNS and height >= LADDER_LINES
    is_below = height >= len(screen.rows) + TABLE_LINES + LADDER_LINES
    if not screen.ladder or not (is_beside or is_below):
        return _table(screen, elapsed_s, where, width=width)
    picture = screen.ladders.picture(
        screen.ladder,
        width=LADDER_COLUMNS if is_beside else width - 1,
        levels=LADDER_LEVELS,
    )
    if not is_beside:
        return Group(_table(screen, elapsed_s, where, width=width), picture)
    grid = Table.grid(padding=(0, 2))
    grid.add_row(_table(screen, elapsed_s, where, width=width - LADDER_COLUMNS), picture)
    return grid


def _table(screen: _Screen, elapsed_s: float, where: dict[str, str], *, width: int) -> Table:
    rate = screen.messages / elapsed_s if elapsed_s else 0.0
    table = Table(
        title=f"simulated market · {screen.messages:,} messages · {rate:,.0f}/s · "
        f"{screen.losses} losses",
        caption=f"data {where['data']} · control {where['control']} · {where['http']} · "
        f"{'' if is_moved(where) else _tail_of(screen, where) + ' · '}Ctrl-C ends"
        + "".join(f"\n{note}" for note in screen.notes),
    )
    # A price that is cut is worse than none: on a narrow screen sizes and counts are left out.
    is_wide = width >= WIDE_COLUMNS
    for name, is_shown_narrow in COLUMNS:
        if is_wide or is_shown_narrow:
            is_text = name in ("symbol", "state")
            table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for symbol, row in screen.rows.items():
        cells = zip((symbol, *_cells(row)), COLUMNS, strict=True)
        table.add_row(*(cell for cell, (_, is_kept) in cells if is_wide or is_kept))
    return table


def is_moved(where: dict[str, str]) -> bool:
    """Whether the gateway is not where one is that nobody has configured otherwise."""
    return (where["data"], where["control"]) != (DATA_ENDPOINT, CONTROL_ENDPOINT)


def _tail_of(screen: _Screen, where: dict[str, str]) -> str:
    """The command that follows this very gateway: on the usual ports another one may run."""
    options = f" --data {where['data']} --control {where['control']}" if is_moved(where) else ""
    symbol = "AAPL" if "AAPL" in screen.rows else next(iter(screen.rows))
    return f"in another terminal: iqfeed-gateway tail quote,trade {symbol}{options}"


def _cells(row: _Row) -> list[str]:
    quote, trade, summary = row.quote, row.trade, row.summary
    volume = trade.total_volume if trade is not None else None
    if volume is None and summary is not None:
        volume = summary.total_volume
    return [
        _price(quote.bid if quote else None),
        _size(quote.bid_size if quote else None),
        _price(quote.ask if quote else None),
        _size(quote.ask_size if quote else None),
        _price(trade.price if trade else summary.last if summary else None),
        _size(trade.size if trade else None),
        _size(volume),
        str(row.quote_count + row.trade_count),
        row.state,
    ]


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5f}"


def _size(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _print_plain(screen: _Screen, elapsed_s: float) -> None:
    """One line a symbol, for pipes and files."""
    sys.stdout.write(f"t={elapsed_s:.1f}s messages={screen.messages} losses={screen.losses}\n")
    for symbol, row in screen.rows.items():
        bid, bid_size, ask, ask_size, price, size, volume, _, state = _cells(row)
        sys.stdout.write(
            f"  {symbol:<12} bid {bid:>10} x {bid_size:<6} ask {ask:>10} x {ask_size:<6} "
            f"trade {price:>10} x {size:<6} volume {volume:>12} {state}\n"
        )
    if screen.ladder:
        for line in screen.ladders.lines(screen.ladder, width=76, levels=PLAIN_LEVELS):
            sys.stdout.write(f"    {line.text}\n")
    sys.stdout.flush()


def _settings(simulator: Simulator, overrides: dict[str, Any]) -> Settings:
    ports = {
        "admin_port": simulator.admin_port,
        "level1_port": simulator.level1_port,
        "level2_port": simulator.level2_port,
    }
    # The simulated market may be of another day.
    health = {"thresholds": {"clock_offset_warning_ms": 0}}
    return load_settings(None, overrides={"iqconnect": ports, "health": health, **overrides})
