"""A market whose lines are usual, nearly usual, and sometimes nothing of the kind.

Most columns go on as the vendor's would. A few are replaced by a spelling that a reader may take
for another one, and a few lines are cut, glued, doubled or garbled; between the lines stands
whatever else a connection says. What comes out are steps of `tests.support.pairs`.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from gateway.normalize.suspicion import PriceLimits
from tests.support.odd_texts import (
    CENTERS,
    CONDITIONS,
    CONTENTS,
    DATES,
    HEALED,
    KINDS,
    ODD,
    PRICES,
    TIMES,
    TRADES,
    USUAL,
)
from tests.support.odd_world import OTHERS, SYMBOLS, OddWorld, garbled
from tests.support.pairs import Step
from tests.support.pipeline_side import LAYOUTS, Options
from tests.unit.normalize.line_desk import COLUMNS, GATEWAY_NAMES

AT: Final = {name: place for place, name in enumerate(GATEWAY_NAMES)}
_CONTENTS, _BID, _ASK = AT["Message Contents"], AT["Bid"], AT["Ask"]
_BID_TIME, _ASK_TIME = AT["Bid Time"], AT["Ask Time"]
_PRICE, _SIZE, _TIME = (AT[f"Most Recent Trade{part}"] for part in ("", " Size", " Time"))
_DATE, _CENTER = AT["Most Recent Trade Date"], AT["Most Recent Trade Market Center"]
_ID, _VOLUME, _COUNT = AT["TickID"], AT["Total Volume"], AT["Number of Trades Today"]


class _Listing:
    """One symbol's columns, and the numbers that go on."""

    def __init__(self, symbol: str, place: int) -> None:
        self.columns = [*(COLUMNS | {"Symbol": symbol}).values()]
        self.price, self.number, self.volume = 10_000 * (place + 1), 1_000, 50_000
        self.last = ""

    def heal(self) -> None:
        """Forget what was odd and has stayed."""
        for name in HEALED:
            self.columns[AT[name]] = COLUMNS[name]


class OddMarket(OddWorld):
    """Makes the steps of one world.

    Args:
        seed: The same one makes the same steps.
    """

    options: Options

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self._rng
        self._layout = 0
        self._listings = [_Listing(symbol, at) for at, symbol in enumerate(SYMBOLS)]
        self.options = Options(
            utc_us=self._utc_us,
            limits=PriceLimits(
                price_max=rng.choice((10_000_000.0, 0.0, 700.0)),
                jump_max=rng.choice((0.0, 0.0, 0.05)),
            ),
            line_bytes_max=rng.choice((1_000, 1_000, 350, 65_536)),
            symbol_count_max=rng.choice((6, 7, 9)),
            interval_us=rng.choice((250_000, 250_000, 2_000_000, 1)),
            shard_count=rng.choice((1, 1, 1, 2)),
            is_sent_natively=rng.random() < 0.5,
            is_pumped=sys.platform == "linux" and rng.random() < 0.3,
        )

    def _beginning(self) -> Iterator[Step]:
        yield from (("recover", shard) for shard in range(self.options.shard_count))
        yield ("select", 0)
        yield from (("open", symbol) for symbol in SYMBOLS)
        first = [self._clock_line(), *(self._line("P", listing) for listing in self._listings)]
        yield ("feed", "".join(f"{text}\r\n" for text in first).encode("latin-1"))

    def _after(self, step: Step) -> Iterator[Step]:
        rng = self._rng
        if step == ("reset",) and rng.random() < 0.9:
            yield ("select", self._layout)
        elif step[0] == "lose" and rng.random() < 0.6:
            yield (rng.choice(("recover", "resume")),)
        elif step[0] in ("close", "refuse") and rng.random() < 0.6:
            yield ("open", step[1])

    def _event(self) -> Step:
        """Something that is no line."""
        rng = self._rng
        symbol, other = rng.choice(SYMBOLS), rng.choice(OTHERS)
        kinds = ("quote", "trade", "summary", "state", "quote@250", "correction")
        events: tuple[Callable[[], Step], ...] = (
            *(lambda: ("flush",),) * 3,
            *(lambda: ("open", symbol if rng.random() < 0.6 else other),) * 3,
            lambda: ("close", symbol),
            lambda: ("close", other),
            lambda: (rng.choice(("flush_all", "reset", "flush_all")),),
            self._selection,
            lambda: ("lose", rng.choice(("iqconnect_down", "dtn_link_down", "link_silent"))),
            *(lambda: ("recover", rng.randrange(self.options.shard_count)),) * 2,
            lambda: ("resume",),
            lambda: ("delay", rng.random() < 0.3),
            *(lambda: self._variant(symbol),) * 2,
            lambda: ("tell_variants",),
            lambda: ("audit", symbol),
            lambda: ("ask", *(f"{kind},{symbol}," for kind in kinds)),
            lambda: self._rare(("refuse", symbol)),
        )
        return rng.choice(events)()

    def _selection(self) -> Step:
        self._layout = self._rng.choice((0, 0, 0, 0, 1, 2, 3, 4))
        return ("select", self._layout)

    def _variant(self, symbol: str) -> Step:
        rng = self._rng
        kind, variant = rng.choice(("quote", "quote", "summary")), rng.choice(("1", "20", "250"))
        return ("vary", symbol, kind, variant, rng.random() < 0.6)

    def _lines(self, count: int) -> bytes:
        rng = self._rng
        texts = []
        for _ in range(count):
            listing = rng.choice(self._listings)
            is_odd = rng.random() < self._oddness
            text = self._odd_line(listing) if is_odd else self._line("Q", listing)
            texts.append(self._ended(text, is_odd=is_odd))
        return "".join(texts).encode("latin-1")

    def _line(self, letter: str, listing: _Listing) -> str:
        """A line as the vendor writes it."""
        rng = self._rng
        if rng.random() < 0.05:
            listing.heal()
        columns = listing.columns
        contents = rng.choice(USUAL) if rng.random() < 0.7 else rng.choice(TRADES)
        columns[_CONTENTS] = contents
        listing.price += rng.randrange(-3, 4)
        if "b" in contents:
            columns[_BID] = f"{listing.price / 100:.4f}"
            columns[_BID + 1] = str(100 * rng.randrange(1, 9))
            columns[_BID_TIME] = self._moment()
            # The other side gives way.
            columns[_ASK] = f"{(listing.price + 2) / 100:.4f}"
        if "a" in contents:
            columns[_ASK] = f"{(listing.price + 2) / 100:.4f}"
            columns[_ASK_TIME] = columns[_BID_TIME] if rng.random() < 0.3 else self._moment()
            columns[_BID] = f"{listing.price / 100:.2f}"
        if contents[0] in "CEOv":
            size = rng.choice((1, 50, 100, 250))
            listing.number += 1
            listing.volume += size
            columns[_PRICE] = f"{(listing.price + 1) / 100:.4f}"
            columns[_SIZE], columns[_TIME] = str(size), self._moment()
            columns[_DATE] = f"{self._wall:%m/%d/%Y}"
            columns[_CENTER] = str(rng.choice((5, 11, 19)))
            columns[_ID], columns[_VOLUME] = str(listing.number), str(listing.volume)
            columns[_COUNT] = str(listing.number)
        listing.last = self._spelled(letter, columns)
        return listing.last

    def _spelled(self, letter: str, columns: list[str]) -> str:
        names = LAYOUTS[self._layout]
        if names is GATEWAY_NAMES:
            return f"{letter},{','.join(columns)},"
        texts = (columns[AT[name]] if name in AT else "0" for name in names)
        return f"{letter},{','.join(texts)},"

    def _odd_line(self, listing: _Listing) -> str:
        """A line of which something is not as usual."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.5:
            return self._odd_columns(listing)
        if kind < 0.56:
            return listing.last
        if kind < 0.64:
            return self._line("P", listing)
        if kind < 0.84:
            return self._other_line(listing.columns[0])
        usual = self._line("Q", listing)
        return garbled(
            rng,
            usual,
            listing.last,
            # Cut right behind the quote.
            ",".join(usual.split(",")[: rng.choice((11, 12))]) + rng.choice(("", ",")),
            rng.choice(("Q", "Q,", "Q,AAPL", "Q,AAPL,", "Q,,ba,1", "Q,X,b,,5,,", ",", "Q" * 9)),
        )

    def _odd_columns(self, listing: _Listing) -> str:
        rng = self._rng
        usual = self._line("Q", listing)
        columns = listing.columns
        kept = columns[:]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            name = rng.choice(ODD)
            columns[AT[name]] = self._odd_text(name, columns[AT[name]])
        if rng.random() < 0.1:
            columns[0] = rng.choice((*SYMBOLS, *OTHERS, "", "ZZZ", "A\xe9"))
        listing.last = self._spelled("Q", columns)
        # Some faults stay, so that the next lines repeat them, and most are over at once.
        if rng.random() < 0.7:
            listing.columns = kept
        else:
            columns[0] = kept[0]
        return listing.last if rng.random() < 0.97 else usual

    def _odd_text(self, name: str, text: str) -> str:
        """A spelling known to be odd, a value that does not follow, or a letter changed."""
        rng, kinds = self._rng, KINDS[name]
        kind = rng.random()
        if kind < 0.4:
            return rng.choice(kinds)
        if kind < 0.85 and kinds is not CONDITIONS:
            return self._odd_value(kinds)
        return self._respelled(text)

    def _odd_value(self, kinds: tuple[str, ...]) -> str:
        rng = self._rng
        if kinds is TIMES:
            seconds = rng.choice((-3_600, -60, -1, 1, 4, 6, 301, 86_000))
            return f"{self._wall + timedelta(seconds=seconds):%H:%M:%S.%f}"
        if kinds is DATES:
            return f"{self._wall + timedelta(days=rng.choice((-1, 1, -30))):%m/%d/%Y}"
        if kinds is CONTENTS:
            return "".join(rng.choice("CEObaohlcsv") for _ in range(rng.randrange(5)))
        digits = str(rng.randrange(80 if kinds is CENTERS else 10 ** rng.randrange(1, 20)))
        at = rng.randrange(len(digits) + 1)
        return f"{digits[:at]}.{digits[at:]}" if kinds is PRICES else digits

    def _other_line(self, symbol: str) -> str:
        """A line that is no Q line."""
        rng = self._rng
        day = f"{self._wall:%m/%d/%Y}"
        other = rng.choice(OTHERS) if rng.random() < 0.5 else symbol
        lines: tuple[Callable[[], str], ...] = (
            *(self._clock_line,) * 3,
            self._odd_clock_line,
            lambda: rng.choice(("T,garbage", "T,", "T", "T,20261301 10:00:00", "Tx")),
            lambda: f"F,{symbol},5,65.6,28624000,199.95,,,,,,,02/18/2026,",
            lambda: f"R,{symbol},5,188.25,100,{self._moment()},188.36,200,,14,4,11,",
            lambda: f"N,DTN,2201,{symbol}:MSFT:,20260916 095959,Up, up,",
            lambda: f"C,{symbol},I,O,{day},{self._moment()},188.05,150,85,198944,24,",
            lambda: f"S,FIELDS,{self._selection()[1]}",
            lambda: rng.choice(("S,LOSE", "S,RECOVER", "S,RECOVER", "S,RESUME", "S,RESUME")),
            lambda: f"S,{rng.choice(('OPEN', 'OPEN', 'CLOSE'))},{other}",
            lambda: rng.choice(("S,KEY,1", "E,!SYNTAX_ERROR!,", "Z,never seen", "\xd6", "q,X,")),
            lambda: f"n,{other}" if rng.random() < 0.3 else "S,KEY,2",
            lambda: self._new_beginning("S,RESET" if rng.random() < 0.3 else "S,RECOVER"),
            lambda: f"S,OPEN,{symbol}",
        )
        return rng.choice(lines)()

    def _new_beginning(self, first: str) -> str:
        return f"{first}\r\nS,FIELDS,{self._layout}\r\n{self._clock_line()}"
