"""Order books as ladders: asks above, bids below, prices in the middle, never a price cut off."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from gateway_client import Book, Event, Flag, GatewayClient, State, to_decimal
from gateway_client.messages import PriceLevel
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gateway.clock import SystemClock

EVENT_TYPES: Final = Event.__args__
REFRESH_S: Final = 0.1
"""Pause between two pictures in a terminal."""
LADDER_COLUMNS: Final = 52
"""What a ladder in a terminal takes when there is room for several beside each other."""
LEVELS_MAX: Final = 15
"""Levels a side in a terminal."""
BAR_CHARACTERS_MAX: Final = 10
BAR_CHARACTERS_MIN: Final = 4
SHOWN_FLAGS: Final = (Flag.STALE, Flag.SUSPECT, Flag.DELAYED)
STYLES: Final = {"head": "bold", "warning": "bold yellow", "ask": "red", "bid": "green"}


class Line(NamedTuple):
    """One line of a ladder."""

    part: str
    """head, warning, ask, bid or spread."""
    text: str
    """What it says."""


class _Cells(NamedTuple):
    """One level as texts."""

    price: str
    size: str
    orders: str
    share: float
    """Its size compared with the biggest on show, 0 to 1."""


def ladder_lines(
    book: Book | None,
    *,
    symbol: str,
    state: State | None = None,
    now_us: int | None = None,
    width: int = 80,
    levels: int | None = None,
    bar: str = "",
) -> list[str]:
    """Draw one book; the lines of `ladder` as texts."""
    drawn = ladder(
        book, symbol=symbol, state=state, now_us=now_us, width=width, levels=levels, bar=bar
    )
    return [line.text for line in drawn]


def ladder(
    book: Book | None,
    *,
    symbol: str,
    state: State | None = None,
    now_us: int | None = None,
    width: int = 80,
    levels: int | None = None,
    bar: str = "",
) -> list[Line]:
    """Draw one book.

    Args:
        book: The newest one; None before the first.
        symbol: Whose it is.
        state: The symbol's newest state, if known.
        now_us: UTC, to tell the book's age; None leaves it out.
        width: Characters a line may have. Where it is too small, bars are left out first, then
            counts of orders, then sizes; prices are whole at any width.
        levels: Most levels to show of a side; None shows all that the book has.
        bar: The character bars are made of; empty for no bars.

    Returns:
        The head, asks with the best one last, the spread, bids with the best one first.
    """
    head = _head(book, symbol=symbol, state=state, now_us=now_us)
    part = "head" if _is_well(book, state) else "warning"
    lines = [Line(part, text) for text in _wrapped(head, width)]
    if book is None or book.bids is None or book.asks is None:
        return [*lines, Line("spread", "  no book" if _is_refused(state) else "  no book yet")]
    bids, asks = book.bids[:levels], book.asks[:levels]
    cells = _cells([*bids, *asks])
    bid_cells, ask_cells = cells[: len(bids)], cells[len(bids) :]
    layout = _Layout(cells, width=width, bar=bar)
    lines += [Line("ask", layout.ask(level)) for level in reversed(ask_cells)]
    lines.append(Line("spread", layout.between(_spread(bids, asks))))
    lines += [Line("bid", layout.bid(level)) for level in bid_cells]
    return lines


def _is_well(book: Book | None, state: State | None) -> bool:
    flags = 0 if book is None else book.flags
    if flags & (Flag.STALE | Flag.SUSPECT):
        return False
    details = (state.details if state is not None else None) or {}
    told = details.get("level2", state.state if state is not None else None)
    return told in (None, "live", "pending")


def _head(
    book: Book | None, *, symbol: str, state: State | None, now_us: int | None
) -> Iterable[str]:
    """Say what is known of the book, one fact after the other."""
    yield symbol
    if state is not None:
        details = state.details or {}
        yield _joined(state.state, state.cause)
        if "level2" in details:
            yield "level 2 " + _joined(details["level2"], details.get("level2_cause"))
        for name in ("level2_source", "reason"):
            if name in details:
                yield str(details[name]).replace("_", " ")
    if book is None:
        return
    for flag in SHOWN_FLAGS:
        if book.flags & flag:
            yield str(flag.name)
    if now_us is not None:
        yield f"{max(0, now_us - book.recv_us) / 1e6:.1f} s old"
    if book.merged is not None and book.merged > 1:
        yield f"merged {book.merged}"
    yield f"#{book.sequence}"


def _joined(*texts: object) -> str:
    return ": ".join(str(text) for text in texts if text is not None)


def _wrapped(words: Iterable[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= width:
            lines[-1] += f"  {word}"
        else:
            lines.append(f"  {word}" if lines else word)
    return lines


def _cells(levels: Sequence[PriceLevel]) -> list[_Cells]:
    """Spell levels: prices exact, all with as many decimals as the one that has most."""
    prices = [to_decimal(level.price) for level in levels]
    decimals = max((_decimals(price) for price in prices), default=0)
    largest = max((level.size for level in levels), default=0) or 1
    return [
        _Cells(
            f"{price:.{decimals}f}",
            f"{level.size:,}",
            "" if level.order_count is None else f"({level.order_count:,})",
            level.size / largest,
        )
        for price, level in zip(prices, levels, strict=True)
    ]


def _decimals(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _spread(bids: Sequence[PriceLevel], asks: Sequence[PriceLevel]) -> str:
    if not bids or not asks:
        missing = " and ".join(name for name, side in (("bids", bids), ("asks", asks)) if not side)
        return f"no {missing}"
    spread = to_decimal(asks[0].price) - to_decimal(bids[0].price)
    mark = " crossed" if spread < 0 else " locked" if not spread else ""
    return f"spread {spread:f}{mark}"


class _Layout:
    """Where the columns of one ladder stand.

    Args:
        cells: Every level on show.
        width: Characters a line may have.
        bar: The character of the bars; empty for none.
    """

    def __init__(self, cells: Sequence[_Cells], *, width: int, bar: str) -> None:
        self._price = max((len(cell.price) for cell in cells), default=0)
        self._size = max((len(cell.size) for cell in cells), default=0)
        self._orders = max((len(cell.orders) for cell in cells), default=0)
        self._bar = bar
        if self._orders and self._side() * 2 + self._price > width:
            self._orders = 0
        if self._side() * 2 + self._price > width:
            self._size = 0
        room = (width - self._price) // 2 - self._side() - 1
        has_bars = bar and self._size and room >= BAR_CHARACTERS_MIN
        self._bars = min(room, BAR_CHARACTERS_MAX) if has_bars else 0

    def _side(self) -> int:
        """Characters beside the prices, bars excepted."""
        orders = self._orders + 1 if self._orders else 0
        return self._size + 2 + orders if self._size else 0

    @property
    def _margin(self) -> int:
        return self._side() + (self._bars + 1 if self._bars else 0)

    def ask(self, cell: _Cells) -> str:
        text = " " * self._margin + cell.price.rjust(self._price)
        if self._size:
            text += f"  {cell.size:>{self._size}}"
        if self._orders:
            text += f" {cell.orders:<{self._orders}}"
        if self._bars:
            text += " " + self._filled(cell)
        return text.rstrip()

    def bid(self, cell: _Cells) -> str:
        text = ""
        if self._bars:
            text += self._filled(cell).rjust(self._bars) + " "
        if self._orders:
            text += f"{cell.orders:>{self._orders}} "
        if self._size:
            text += f"{cell.size:>{self._size}}  "
        return text + cell.price.rjust(self._price)

    def between(self, text: str) -> str:
        """Center a text on the prices."""
        start = self._margin + (self._price - len(text)) // 2
        return " " * max(0, start) + text

    def _filled(self, cell: _Cells) -> str:
        return self._bar * max(1 if cell.share else 0, round(cell.share * self._bars))


class Ladders:
    """The newest book and state of some symbols.

    Args:
        symbols: In the order they are shown.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        self._books: dict[str, Book | None] = dict.fromkeys(symbols)
        self._states: dict[str, State] = {}
        self._notes: list[str] = []

    def take(self, item: Any) -> bool:
        """Take one message or event; returns whether it was a book on show."""
        if isinstance(item, EVENT_TYPES):
            self._notes = [*self._notes[-2:], str(item)]
        elif item.symbol in self._books:
            if isinstance(item, State):
                self._states[item.symbol] = item
            elif isinstance(item, Book):
                self._books[item.symbol] = item
                return True
        return False

    def has_book(self, symbol: str) -> bool:
        """Whether a book has come."""
        return self._books.get(symbol) is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether the vendor refuses every symbol's depth, so that nothing will come."""
        return all(
            book is None and _is_refused(self._states.get(symbol))
            for symbol, book in self._books.items()
        )

    def lines(self, symbol: str, *, width: int, levels: int | None, bar: str = "") -> list[Line]:
        """Draw one symbol's book as of now."""
        return ladder(
            self._books.get(symbol),
            symbol=symbol,
            state=self._states.get(symbol),
            now_us=SystemClock().utc_us(),
            width=width,
            levels=levels,
            bar=bar,
        )

    def picture(self, symbol: str, *, width: int, levels: int) -> Text:
        """Draw one symbol's book in color."""
        text = Text(no_wrap=True, overflow="ignore")
        for line in self.lines(symbol, width=width, levels=levels, bar="█"):
            text.append(f"{line.text}\n", style=STYLES.get(line.part, "dim"))
        return text

    def screen(self, *, width: int, height: int) -> Group:
        """Draw all symbols beside and below each other."""
        beside = max(1, min(len(self._books), width // LADDER_COLUMNS))
        below = -(-len(self._books) // beside)
        rows = (height - len(self._notes)) // below
        # Head of two lines, spread, an empty line.
        levels = max(1, min(LEVELS_MAX, (rows - 4) // 2))
        pictures = [
            self.picture(symbol, width=width // beside - 1, levels=levels) for symbol in self._books
        ]
        return Group(
            Columns(pictures, width=width // beside - 1, padding=(0, 1, 0, 0)),
            *(Text(note, style="dim") for note in self._notes),
        )


def _is_refused(state: State | None) -> bool:
    """Whether a symbol's depth will not be delivered."""
    return state is not None and (state.details or {}).get("level2", state.state) == "refused"


def show_ladders(client: GatewayClient, symbols: Sequence[str], *, count: int) -> None:
    """Draw books until interrupted: alive in a terminal, one block an update elsewhere.

    Args:
        client: Subscribed to the symbols' books and states.
        symbols: What to show.
        count: Stop after this many books; 0 never stops. Where nobody watches, it also ends when
            the vendor refuses every one of them.
    """
    console = Console()
    ladders = Ladders(symbols)
    if console.is_terminal:
        _show_live(console, client, ladders, count=count)
    else:
        _print_blocks(client, ladders, count=count)


def _print_blocks(client: GatewayClient, ladders: Ladders, *, count: int) -> None:
    shown = 0
    for item in client:
        is_book = ladders.take(item)
        if isinstance(item, EVENT_TYPES):
            print(f"--- {item}\n", flush=True)
        elif isinstance(item, Book | State) and (is_book or not ladders.has_book(item.symbol)):
            # Before the first book the state is all there is to say.
            block = ladders.lines(item.symbol, width=80, levels=None)
            print("\n".join(line.text for line in block) + "\n", flush=True)
        shown += is_book
        if (count and shown >= count) or ladders.is_hopeless:
            return


def _show_live(console: Console, client: GatewayClient, ladders: Ladders, *, count: int) -> None:
    shown, clock = 0, SystemClock()
    next_s = 0.0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while not count or shown < count:
            now_s = clock.monotonic_ns() / 1e9
            if now_s >= next_s:
                next_s = now_s + REFRESH_S
                size = console.size
                live.update(ladders.screen(width=size.width, height=size.height), refresh=True)
            item = client.next_message(timeout_s=max(0.0, next_s - now_s))
            if item is not None:
                shown += ladders.take(item)
