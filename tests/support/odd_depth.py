"""Level 2 lines that are usual, nearly usual, and sometimes nothing of the kind.

Books go on as the vendor's would, told in every layout there is. A few columns are replaced by a
spelling that a reader may take for another one, and a few lines are cut, glued, doubled or garbled;
between the lines stands whatever else a connection says. What comes out are steps of
`tests.support.pairs`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gateway.normalize.depths import BookOptions
from tests.support.depth_side import DepthOptions
from tests.support.odd_book import STYLES, OddBook
from tests.support.odd_texts import DEPTH_COLUMNS, DEPTH_KINDS
from tests.support.odd_world import BEGINNINGS, OTHERS, SYMBOLS, OddWorld, garbled
from tests.support.pairs import Step

VARIANTS: Final = ("10", "250", "250x5", "1000x1", "20x50")
SERVICES: Final = ("orders", "levels", "book", "book")
CAUSES: Final = ("iqconnect_down", "dtn_link_down", "link_silent")
DO: Final = ("RESET", "LOSE", "RESUME", "AGAIN", "REFRESH", "LOOK")
HEALED: Final = 0.1
"""How often all connections begin anew before something else happens."""
AGED: Final = 0.1
"""How often market makers have time to grow old."""
AGE_US: Final = 6_000_000
CUT_LINES: Final = ("3", "3,", "4,AAPL", "5,@ES,", "6,,1,,B,1,1,,2,,2026-09-16,", ",", "7" * 9)


class OddDepth(OddWorld):
    """Makes the steps of one world.

    Args:
        seed: The same one makes the same steps.
    """

    options: DepthOptions
    # Rows of a day whose clock changes are all unusual.
    beginnings = (*BEGINNINGS, *BEGINNINGS[:2] * 3)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self._rng
        styles = rng.sample(STYLES, k=len(STYLES))
        self._books = [
            OddBook(rng, symbol, style, middle=400 * place)
            for place, (symbol, style) in enumerate(zip(SYMBOLS, styles, strict=True))
        ]
        # One symbol has levels beside its orders, as futures do.
        self._books += [
            OddBook(rng, book.symbol, "levels", middle=800)
            for book in self._books
            if book.style == "orders"
        ]
        self._last = "3"
        self.options = DepthOptions(
            utc_us=self._utc_us,
            line_bytes_max=rng.choice((1_000, 1_000, 1_000, 350, 65_536, 65_536, 80)),
            symbol_count_max=rng.choice((6, 7, 9)),
            shard_count=rng.choice((1, 1, 1, 2)),
            is_sent_natively=rng.random() < 0.5,
            book=BookOptions(
                levels=rng.choice((10, 10, 1, 5)),
                interval_us=rng.choice((50_000, 10_000, 1_000_000)),
                settle_us=rng.choice((200_000, 200_000, 1, 2_000_000)),
                market_maker_age_us_max=rng.choice((AGE_US, AGE_US, 2 * AGE_US, 900_000_000)),
                crossed_us_max=rng.choice((2_000_000, 2_000_000, 1)),
                silence_us_max=rng.choice((20_000_000, 500_000)),
                row_count_max=rng.choice((10_000, 10_000, 25, 12)),
                variants_max=rng.choice((4, 1)),
            ),
            images_per_minute_max=rng.choice((30, 2)),
            is_classic=rng.random() < 0.1,
            is_watched=rng.random() < 0.5,
        )

    def _beginning(self) -> Iterator[Step]:
        yield from (("recover", shard, True) for shard in range(self.options.shard_count))
        yield from (("want", book.symbol, name) for book in self._books for name in book.services)
        yield ("feed", f"{self._clock_line()}\r\n".encode())
        yield from self._summaries(self._books)

    def _something(self, lines_max: int) -> Iterator[Step]:
        way = self._rng.random()
        if way < HEALED:
            shards = range(self.options.shard_count)
            yield from (("recover", shard, True) for shard in shards)
            yield from self._summaries(self._books)
        elif way < HEALED + AGED:
            # Some are told again, and are as old as the limit allows at the next look.
            yield self._pass(AGE_US)
            yield ("feed", self._lines(20))
            yield self._pass(AGE_US)
            yield ("look",)
        yield from super()._something(lines_max)

    def _summaries(self, books: Iterable[OddBook]) -> Iterator[Step]:
        """The vendor tells of whole books, and they come to life."""
        data = b"".join(self._summary_of(book) for book in books)
        yield from self._chunks(data)
        yield self._pass(self.options.book.settle_us)
        yield ("flush",)

    def _summary_of(self, book: OddBook) -> bytes:
        lines = [",".join(columns) for columns in book.summary(self._moment_texts())]
        if book.style == "levels" and not any(
            other.style == "orders" for other in self._books if other.symbol == book.symbol
        ):
            lines.insert(0, f"q,{book.symbol}")
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1")

    def _moment_texts(self) -> list[str]:
        return [self._moment(), f"{self._wall:%Y-%m-%d}"]

    def _after(self, step: Step) -> Iterator[Step]:
        rng = self._rng
        name = step[0]
        if name == "lose" and rng.random() < 0.8:
            shard = step[2]
            again: tuple[Step, ...] = (
                *(("recover", shard, True), ("recover", shard, False), ("resume", shard)),
            )
            yield rng.choice(again)
        elif name in ("close", "unwant", "note_equity") and rng.random() < 0.7:
            services = [book.services for book in self._books if book.symbol == step[1]]
            yield from (("want", step[1], service) for service in sum(services, ()))
        elif (name == "drain" and not step[1]) or (name == "slow" and step[1] > 1):
            yield from self._chunks(self._lines(20))
            yield self._pass(300_000)
            yield ("flush",)
            yield ("drain", True) if name == "drain" else ("slow", 1)
        if name in ("lose", "close", "unwant", "resync", "recover") and rng.random() < 0.8:
            yield from self._summaries(self._books)

    def _event(self) -> Step:
        rng = self._rng
        symbol = rng.choice(SYMBOLS)
        other = rng.choice(OTHERS) if rng.random() < 0.3 else symbol
        service = rng.choice(SERVICES)
        shard = rng.randrange(self.options.shard_count)
        kinds = ("order", "depth", "book", "state", "book@250x5", "book@1000x1", "order@1")
        events: tuple[Callable[[], Step], ...] = (
            *(lambda: ("flush",),) * 6,
            *(lambda: ("look",),) * 3,
            *(lambda: ("ask", *(f"{kind},{other}," for kind in kinds)),) * 3,
            *(lambda: ("vary", other, rng.choice(VARIANTS), rng.random() < 0.6),) * 3,
            lambda: ("want", other, service),
            lambda: ("unwant", other, service),
            lambda: ("close", other),
            lambda: ("lose", rng.choice(CAUSES), shard),
            lambda: ("recover", shard, rng.random() < 0.5),
            lambda: ("resume", shard),
            lambda: ("resync", symbol, rng.random() < 0.5),
            lambda: ("delay", rng.random() < 0.3),
            lambda: ("quote", symbol, rng.choice((1, 25))),
            lambda: self._rare_event(symbol),
        )
        return rng.choice(events)()

    def _rare_event(self, symbol: str) -> Step:
        rng = self._rng
        return self._rare(
            ("note_equity", symbol),
            ("retry",),
            ("reset",),
            ("flush_all",),
            ("drain", rng.random() < 0.5),
            ("slow", rng.choice((1, 4))),
        )

    def _lines(self, count: int) -> bytes:
        rng = self._rng
        texts = []
        for _ in range(count):
            book = rng.choice(self._books)
            is_odd = rng.random() < self._oddness
            text = self._odd_line(book) if is_odd else self._line(book)
            texts.append(self._ended(text, is_odd=is_odd))
        return "".join(texts).encode("latin-1")

    def _line(self, book: OddBook) -> str:
        self._last = ",".join(book.next(self._moment_texts()))
        return self._last

    def _odd_line(self, book: OddBook) -> str:
        """A line of which something is not as usual."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.55:
            return self._odd_columns(book)
        if kind < 0.62:
            return self._last
        if kind < 0.70:
            return ",".join(rng.choice(book.summary(self._moment_texts())))
        if kind < 0.85:
            return self._other_line(book.symbol)
        other, usual = self._last, self._line(book)
        return garbled(
            rng,
            usual,
            other,
            usual.rstrip(",") + other,
            usual.rstrip(","),
            usual + rng.choice((*SYMBOLS, "x", ",")),
            rng.choice(CUT_LINES),
        )

    def _odd_columns(self, book: OddBook) -> str:
        rng = self._rng
        columns = book.next(self._moment_texts())
        kinds = DEPTH_COLUMNS[columns[0]]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            # The letter seldom: a line of another layout is garbled, and little else.
            at = rng.randrange(0 if rng.random() < 0.1 else 1, len(columns))
            columns[at] = self._odd_text(kinds[at], columns[at])
        self._last = ",".join(columns)
        return self._last

    def _odd_text(self, kind: str, text: str) -> str:
        """A spelling known to be odd, a value that does not follow, or a letter changed."""
        rng = self._rng
        if kind == "symbol":
            return rng.choice((*SYMBOLS, *OTHERS, "", "ZZZ", "A\xe9", "aapl", "AAPL "))
        way = rng.random()
        if way < 0.6:
            return rng.choice(DEPTH_KINDS[kind])
        if way < 0.85 and kind in ("price", "size", "id"):
            digits = str(rng.randrange(10 ** rng.randrange(1, 20)))
            at = rng.randrange(len(digits) + 1)
            sign = rng.choice(("", "-"))
            return f"{sign}{digits[:at]}.{digits[at:]}" if kind == "price" else digits
        return self._respelled(text)

    def _other_line(self, symbol: str) -> str:
        """A line that is no row."""
        rng = self._rng
        other = rng.choice(OTHERS) if rng.random() < 0.3 else symbol
        side = rng.choice("BA")
        lines: tuple[Callable[[], str], ...] = (
            *(self._clock_line,) * 3,
            self._odd_clock_line,
            lambda: rng.choice(("T,garbage", "T,", "T", "T,20261301 10:00:00", "Tx")),
            *(lambda: f"S,CLEAR DEPTH,{other},{side},",) * 4,
            lambda: rng.choice(("S,CLEAR DEPTH,", f"S,CLEAR DEPTH,{symbol},X,", "S,CLEAR DEPTH")),
            lambda: f"S,CLEAR DEPTH,{symbol},B,\r\nS,CLEAR DEPTH,{symbol},A,",
            lambda: f"q,{other}",
            lambda: rng.choice((f"n,{other}", f"S,SYMBOL LIMIT REACHED,{other}", "q,,", "n,")),
            lambda: rng.choice(("S,KEY,1", "E,!SYNTAX_ERROR!,", "M,MD01,Level 1", "O,", "\xd6")),
            lambda: rng.choice(("E,Unauthorized user ID.,", "Q,AAPL", "1,X", "P", "S,KEY", "3")),
            lambda: f"S,{rng.choice(('OPEN', 'OPEN', 'CLOSE'))},{other}",
            self._news_of_another,
            lambda: self._whole(rng.choice(self._books)),
        )
        return rng.choice(lines)()

    def _news_of_another(self) -> str:
        """What the runtime does because of another connection, and what usually follows."""
        word = self._rng.choice(DO)
        lines = [f"S,DO,{word}"]
        if word in ("AGAIN", "REFRESH") and self._rng.random() < 0.8:
            lines += [self._whole(book) for book in self._books]
        elif word == "LOSE":
            lines += [self._line(self._books[0]), "S,DO,RESUME"]
        return "\r\n".join(lines)

    def _whole(self, book: OddBook) -> str:
        """A summary, whether somebody has asked for it or not."""
        return self._summary_of(book).decode("latin-1").removesuffix("\r\n")
