"""A market whose lines are usual, nearly usual, and sometimes nothing of the kind.

Most columns go on as the vendor's would. A few are replaced by a spelling that a reader may take for
another one, and a few lines are cut, glued, doubled or garbled; between the lines stands whatever
else a connection says. What comes out are steps of `tests.support.pipeline_pair`.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.normalize.suspicion import PriceLimits
from tests.support.pipeline_pair import Step
from tests.support.pipeline_side import LAYOUTS, Options
from tests.unit.normalize.line_desk import COLUMNS, GATEWAY_NAMES

EASTERN: Final = ZoneInfo("America/New_York")
SYMBOLS: Final = ("AAPL", "MSFT", "@ES", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT")
OTHERS: Final = ("GLD", "SPY", "Q", "EURUSD.FXCM")
BEGINNINGS: Final = (
    datetime(2026, 9, 16, 14, 0, 0, tzinfo=UTC),
    datetime(2026, 9, 16, 3, 59, 57, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 59, 55, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 29, 50, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 0, 2, tzinfo=UTC),
    datetime(2026, 12, 31, 4, 59, 59, tzinfo=UTC),
)
"""A plain morning; midnight; both DST changes; the last night of a year."""
PRICES: Final = (
    *("", "0", "0.0", "00", "-0", "-1.5", "-188.25", ".5", "5.", ".", "..", "1e5", "1.2.3", "nan"),
    *("inf", "00188.25", "188.2500000000000001", "0.1", "9007199254740993", "9007199254740992"),
    *("9007199254740.993", "123456789012345678", "1234567890123456789", "10000000", "10000000.1"),
    *("9999999.9999", "0000000000000000000.5", "1" * 40, "1" * 41, "+188.2", " 188.2", "188.2 "),
    *("188_2", "188.25\0", "\xb2", "\xff", "12345678", "1234567.", ".1234567", "1.234567", "1,5"),
    *("12.34567", "99999999.5", "4503599627370497.5", "0.30000000000000004", "x", "1", "7", "200"),
    *("188.2x", "1.1.", "..1", "/88.25", "188:25", "0000000.", ".0000000", "000.0001", "5000.75"),
)
COUNTS: Final = (
    *("", "0", "00", "007", "-1", "1.5", "1e3", "9" * 18, "9" * 19, "9223372036854775807", "x"),
    *("9223372036854775808", "18446744073709551615", "18446744073709551616", "1" * 40, "1" * 41),
    *("12345678", "123456789", "1234567x", "x2345678", "+1", " 1", "\xb2", "1\0", "1:", "1/", "3"),
    *("000000000000000001", "0000000000000000001", "255", "256", "65535", "65536", "4294967296"),
)
TIMES: Final = (
    *("", "9:59:59.1", "09:59:59", "09:59:59.1", "09:59:59.1000000", "24:00:00.000000", "x"),
    *("23:59:60.000000", "23:59:59.999999", "00:00:00.000000", "09.59:59.100000", "09:60:00.000000"),
    *("0a:59:59.100000", "01:30:00.000000", "02:30:00.000000", "09:59:59.10000\xb2", "01:59:59.5"),
    *("09:59:59,100000", "09:59:59.-10000", "09:59:59. 10000", "/9:59:59.100000", ":9:59:59.100000"),
)
DATES: Final = (
    *("", "9/16/2026", "02/30/2026", "13/01/2026", "03/08/2026", "11/01/2026", "01/01/1970", "x"),
    *("12/31/1969", "12/31/2254", "01/01/2255", "09-16-2026", "09/16/26", "09/15/2026"),
    *("09/17/2026", "0\xb2/16/2026", "09/16/2026 "),
)
CONDITIONS: Final = (
    *("", "01", "3D87", "21", "3D21", "1213", "2", "3d", "G1", "01" * 32, "01" * 33, "39", "2E"),
    *("8801", "A0", "0A21", "0x", "21FF", "4\xb2", "/0", ":0", "@0"),
)
CENTERS: Final = ("", "5", "11", "x", "00", "007", "-1", "19", "26", "255", "256")
CONTENTS: Final = (
    *("", "v", "h", "CE", "CC", "bb", "z", "bz", "Cs", "baohlcsvCEO", "vC", "bv", "Cvv", "C ", "ab"),
    *("bab", "B", "Ch", "Obav", "abC", "EO", "b\0", "bavCbav", "o", "s", "Oc", "ba ", "\xe9"),
)
USUAL: Final = ("ba",) * 9 + ("b",) * 6 + ("a",) * 6 + ("ab",) * 2
TRADES: Final = ("C", "Cv", "Cbav", "Cba", "Ebv", "Ov", "O", "Ea", "vC", "Cav")
KINDS: Final = {
    "Message Contents": CONTENTS,
    **dict.fromkeys(("Bid", "Ask", "Most Recent Trade", "Last", "High", "VWAP"), PRICES),
    **dict.fromkeys(
        ("Bid Size", "Ask Size", "Most Recent Trade Size", "TickID", "Total Volume", "Last Size"),
        COUNTS,
    ),
    "Most Recent Trade Aggressor": COUNTS,
    **dict.fromkeys(("Bid Market Center", "Ask Market Center"), CENTERS),
    "Most Recent Trade Market Center": CENTERS,
    **dict.fromkeys(("Bid Time", "Ask Time", "Most Recent Trade Time", "Last Time"), TIMES),
    **dict.fromkeys(("Most Recent Trade Date", "Last Date"), DATES),
    "Most Recent Trade Conditions": CONDITIONS,
}
ODD: Final = tuple(KINDS)
HEALED: Final = (
    *("Bid", "Bid Size", "Bid Market Center", "Ask", "Ask Size", "Ask Market Center"),
    *("Most Recent Trade Conditions", "Most Recent Trade Aggressor", "Last", "Last Size"),
    *("High", "VWAP", "Last Time", "Last Date"),
)
ENDS: Final = ("\n", "\r\r\n", "\r", "", "\n\r\n", "\r\n\r\n", "\n\n")
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


class OddMarket:
    """Makes the steps of one world.

    Args:
        seed: The same one makes the same steps.
    """

    def __init__(self, seed: int) -> None:
        self._rng = rng = random.Random(seed)
        self._oddness = rng.choice((0.01, 0.03, 0.1, 0.3))
        self._now = rng.choice(BEGINNINGS)
        self._offset_us = 0
        self._layout = 0
        self._listings = [_Listing(symbol, at) for at, symbol in enumerate(SYMBOLS)]
        self._wall, self._wall_us = self._now.astimezone(EASTERN), 0
        self.options = Options(
            utc_us=int(self._now.timestamp()) * 1_000_000,
            limits=PriceLimits(
                price_max=rng.choice((10_000_000.0, 0.0, 700.0)),
                jump_max=rng.choice((0.0, 0.0, 0.05)),
            ),
            line_bytes_max=rng.choice((1_000, 1_000, 350, 65_536)),
            symbol_count_max=rng.choice((6, 7, 9)),
            interval_us=rng.choice((250_000, 250_000, 2_000_000, 1)),
            shard_count=rng.choice((1, 1, 1, 2)),
            is_sent_natively=rng.random() < 0.5,
        )

    def steps(self, count: int, *, lines_max: int = 120) -> Iterator[Step]:
        """What happens.

        Args:
            count: Steps behind the beginning of the world.
            lines_max: Lines in one chunk.
        """
        yield from (("recover", shard) for shard in range(self.options.shard_count))
        yield ("select", 0)
        yield from (("open", symbol) for symbol in SYMBOLS)
        first = [self._clock_line(), *(self._line("P", listing) for listing in self._listings)]
        yield ("feed", "".join(f"{text}\r\n" for text in first).encode("latin-1"))
        for _ in range(count):
            yield from self._something(lines_max)

    def _something(self, lines_max: int) -> Iterator[Step]:
        rng = self._rng
        kind = rng.random()
        if kind < 0.62:
            yield from self._chunks(self._lines(rng.randrange(1, lines_max)))
        elif kind < 0.80:
            micros = rng.choice((3, 500, 20_000, 260_000, 1_000_000, 1_000_000, 1_000_000))
            if rng.random() < 0.05:
                micros = rng.choice((7_000_000, 310_000_000, 3_600_000_000))
            yield self._pass(micros)
            if rng.random() < 0.9:
                yield ("feed", f"{self._clock_line()}\r\n".encode())
        else:
            step = self._event()
            yield step
            if step == ("reset",) and rng.random() < 0.9:
                yield ("select", self._layout)
            elif step[0] == "lose" and rng.random() < 0.6:
                yield (rng.choice(("recover", "resume")),)
            elif step[0] in ("close", "refuse") and rng.random() < 0.6:
                yield ("open", step[1])

    def _chunks(self, data: bytes) -> Iterator[Step]:
        """The bytes in one piece, in a few, or at once after a jam."""
        rng = self._rng
        way = rng.random()
        if way < 0.6:
            yield ("feed", data)
        elif way < 0.75:
            ends = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 9)))
            pieces = [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]
            yield from (("feed", piece) for piece in pieces)
        elif way < 0.77:
            yield from (("feed", data[at : at + 1]) for at in range(min(len(data), 400)))
            yield ("feed", data[400:])
        elif way < 0.93:
            ends = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 5)))
            pieces = [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]
            yield ("shed", *pieces)
        else:
            yield ("feed", data, rng.choice((-500_000, 1, 400_000, 301_000_000, -7_200_000_000)))

    def _event(self) -> Step:
        rng = self._rng
        symbol = rng.choice(SYMBOLS)
        match rng.randrange(20):
            case 0 | 1 | 2:
                return ("flush",)
            case 3:
                return ("close", symbol)
            case 4 | 5:
                return ("open", symbol if rng.random() < 0.7 else rng.choice(OTHERS))
            case 6:
                return ("close", rng.choice(OTHERS))
            case 7:
                return (rng.choice(("flush_all", "reset", "flush_all")),)
            case 8:
                self._layout = rng.choice((0, 0, 0, 0, 1, 2, 3, 4))
                return ("select", self._layout)
            case 9:
                return ("lose", rng.choice(("iqconnect_down", "dtn_link_down", "link_silent")))
            case 10 | 11:
                return ("recover", rng.randrange(self.options.shard_count))
            case 12:
                return ("resume",)
            case 13:
                return ("delay", rng.random() < 0.3)
            case 14 | 15:
                kind = rng.choice(("quote", "quote", "summary"))
                return ("vary", symbol, kind, rng.choice(("1", "20", "250")), rng.random() < 0.6)
            case 16:
                return ("tell_variants",)
            case 17:
                return ("audit", symbol)
            case 18:
                kinds = ("quote", "trade", "summary", "state", "quote@250", "correction")
                return ("ask", *(f"{kind},{symbol}," for kind in kinds))
            case _:
                return self._rare_event()

    def _rare_event(self) -> Step:
        rng = self._rng
        match rng.randrange(4):
            case 0:
                return ("step", rng.choice((-3_600_000_000, -300_000, 900_000, 400_000_000)))
            case 1:
                return ("fault", rng.random() < 0.3)
            case 2:
                return ("refuse", rng.choice(SYMBOLS))
            case _:
                return ("open", rng.choice(OTHERS))

    def _pass(self, micros: int) -> Step:
        self._now += timedelta(microseconds=micros)
        self._wall = self._now.astimezone(EASTERN)
        self._wall_us = max(0, self._wall_us - micros)
        return ("wait", micros)

    def _clock_line(self) -> str:
        return f"T,{self._wall:%Y%m%d %H:%M:%S}"

    def _moment(self) -> str:
        """The time of day a few microseconds later."""
        self._wall_us = min(self._wall_us + self._rng.randrange(40), 900_000)
        second, micros = divmod(self._wall.microsecond + self._wall_us, 1_000_000)
        wall = self._wall
        if second and wall.second < 59:
            return f"{wall.hour:02}:{wall.minute:02}:{wall.second + 1:02}.{micros:06}"
        micros = 999_999 if second else micros
        return f"{wall.hour:02}:{wall.minute:02}:{wall.second:02}.{micros:06}"

    def _lines(self, count: int) -> bytes:
        rng = self._rng
        texts = []
        for _ in range(count):
            listing = rng.choice(self._listings)
            if rng.random() >= self._oddness:
                texts.append(self._line("Q", listing))
                texts.append("\r\n")
                continue
            texts.append(self._odd_line(listing))
            texts.append("\r\n" if rng.random() < 0.9 else rng.choice(ENDS))
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
        return _garbled(rng, self._line("Q", listing), listing.last)

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
        rng = self._rng
        kind = rng.random()
        if kind < 0.4:
            return rng.choice(KINDS[name])
        if KINDS[name] is TIMES and kind < 0.9:
            seconds = rng.choice((-3_600, -60, -1, 1, 4, 6, 301, 86_000))
            return f"{self._wall + timedelta(seconds=seconds):%H:%M:%S.%f}"
        if KINDS[name] is DATES and kind < 0.9:
            return f"{self._wall + timedelta(days=rng.choice((-1, 1, -30))):%m/%d/%Y}"
        if KINDS[name] in (PRICES, COUNTS) and kind < 0.8:
            digits = str(rng.randrange(10 ** rng.randrange(1, 20)))
            at = rng.randrange(len(digits) + 1)
            return f"{digits[:at]}.{digits[at:]}" if KINDS[name] is PRICES else digits
        if KINDS[name] is CENTERS:
            return str(rng.randrange(80))
        if KINDS[name] is CONTENTS:
            return "".join(rng.choice("CEObaohlcsv") for _ in range(rng.randrange(5)))
        at = rng.randrange(len(text) + 1)
        return text[:at] + chr(rng.randrange(256)) + text[at + rng.randrange(2) :]

    def _other_line(self, symbol: str) -> str:
        rng = self._rng
        day = f"{self._wall:%m/%d/%Y}"
        match rng.randrange(16):
            case 0 | 1 | 2:
                return self._clock_line()
            case 3:
                moment = self._wall + timedelta(seconds=rng.choice((-3_600, -1, 1, 2, 600)))
                return f"T,{moment:%Y%m%d %H:%M:%S}"
            case 4:
                return rng.choice(("T,garbage", "T,", "T", "T,20261301 10:00:00", "Tx"))
            case 5:
                return f"F,{symbol},5,65.6,28624000,199.95,,,,,,,02/18/2026,"
            case 6:
                return f"R,{symbol},5,188.25,100,{self._moment()},188.36,200,,14,4,11,"
            case 7:
                return f"N,DTN,2201,{symbol}:MSFT:,20260916 095959,Up, up,"
            case 8:
                return f"C,{symbol},I,O,{day},{self._moment()},188.05,150,85,198944,24,"
            case 9:
                self._layout = rng.choice((0, 0, 0, 1, 2, 3, 4))
                return f"S,FIELDS,{self._layout}"
            case 10:
                return rng.choice(("S,LOSE", "S,RECOVER", "S,RECOVER", "S,RESUME", "S,RESUME"))
            case 11:
                other = rng.choice(OTHERS) if rng.random() < 0.5 else symbol
                return f"S,{rng.choice(('OPEN', 'OPEN', 'CLOSE'))},{other}"
            case 12:
                return rng.choice(("S,KEY,1", "E,!SYNTAX_ERROR!,", "Z,never seen", "\xd6", "q,X,"))
            case 13:
                return f"n,{rng.choice((*OTHERS, symbol))}" if rng.random() < 0.3 else "S,KEY,2"
            case 14:
                if rng.random() < 0.3:
                    return f"S,RESET\r\nS,FIELDS,{self._layout}\r\n{self._clock_line()}"
                return f"S,RECOVER\r\nS,FIELDS,{self._layout}\r\n{self._clock_line()}"
            case _:
                return f"S,OPEN,{symbol}"


def _garbled(rng: random.Random, text: str, other: str) -> str:
    """A line that something happened to on its way."""
    at = rng.randrange(len(text))
    match rng.randrange(10):
        case 0:
            return text[:at]
        case 1:
            return text[at:]
        case 2:
            return text[:at] + "," + text[at:]
        case 3:
            return text[:at] + text[at:].replace(",", "", 1)
        case 4:
            return text[:at] + chr(rng.randrange(256)) + text[at + 1 :]
        case 5:
            return text + other
        case 6:
            return text[:at] + "x" * rng.choice((10, 300, 1_001, 2_500)) + text[at:]
        case 7:
            return text + "," * rng.randrange(1, 300)
        case 8:
            # Cut right behind the quote.
            return ",".join(text.split(",")[: rng.choice((11, 12))]) + rng.choice(("", ","))
        case _:
            return rng.choice(("Q", "Q,", "Q,AAPL", "Q,AAPL,", "Q,,ba,1", "Q,X,b,,5,,", ",", "Q" * 9))
