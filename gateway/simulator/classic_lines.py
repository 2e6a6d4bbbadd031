"""The Level 2 lines of protocol 6.1 and older: `Z` and `2`, both sides in one line.

A line's key is its symbol and market maker; futures have level names, MD01 to MD10, instead. Lines
that one market event brought form a group, whose last line says so.
"""

from typing import Final

from gateway.simulator.depth_lines import Text, maker_code
from gateway.simulator.matching import MatchingBook

LEVELS_MAX: Final = 10
CONDITION_CODE: Final = "52"

Quote = tuple[int, int]
"""Price in ticks and size."""
NO_QUOTE: Final = (0, 0)
NO_STAMP: Final = "00:00:00.000000,1970-01-01"


class ClassicLines:
    """What both kinds of classic lines share: rows by key, told when they change."""

    def __init__(self, book: MatchingBook, text: Text) -> None:
        self._book = book
        self._text = text
        self._shown: dict[str, tuple[Quote, Quote]] = {}
        self._stamps: dict[str, tuple[str, str]] = {}
        self._has_bare_point = False
        """Whether closing zeros are left out."""
        self.resync()

    def rows(self) -> dict[str, tuple[Quote, Quote]]:
        """Bid and ask by key."""
        raise NotImplementedError

    def resync(self) -> None:
        """Take the book as told."""
        self._shown = self.rows()
        best = self._book.bids.best() or self._book.asks.best()
        stamp = NO_STAMP if best is None else best.stamp
        self._stamps = {key: self._stamps.get(key, (stamp, stamp)) for key in self._shown}

    def summary(self) -> list[str]:
        """A `Z` line for each row."""
        return self._group("Z", list(self._shown))

    def update(self) -> list[str]:
        """A `2` line for each row that changed."""
        changes = self._book.changes
        if not changes:
            return []
        stamp = changes[-1].stamp
        before, now = self._shown, self.rows()
        changed = []
        for key in {**before, **now}:
            (old_bid, old_ask), (bid, ask) = (
                rows.get(key, (NO_QUOTE, NO_QUOTE)) for rows in (before, now)
            )
            if old_bid == bid and old_ask == ask:
                continue
            bid_stamp, ask_stamp = self._stamps.get(key, (stamp, stamp))
            self._stamps[key] = (
                bid_stamp if old_bid == bid else stamp,
                ask_stamp if old_ask == ask else stamp,
            )
            changed.append(key)
        self._shown = now
        return self._group("2", changed)

    def _group(self, kind: str, keys: list[str]) -> list[str]:
        last = len(keys) - 1
        return [self._line(kind, key, is_last=place == last) for place, key in enumerate(keys)]

    def _line(self, kind: str, key: str, *, is_last: bool) -> str:
        bid, ask = self._shown.get(key, (NO_QUOTE, NO_QUOTE))
        bid_stamp, ask_stamp = self._stamps[key]
        date = max(bid_stamp[16:], ask_stamp[16:])
        return (
            f"{kind},{self._text.symbol},{key},{self._price(bid)},{self._price(ask)},{bid[1]},"
            f"{ask[1]},{bid_stamp[:15]},{date},{CONDITION_CODE},{ask_stamp[:15]},"
            f"{'T' if bid[1] else 'F'},{'T' if ask[1] else 'F'},{'T' if is_last else 'F'},\r\n"
        )

    def _price(self, quote: Quote) -> str:
        text = self._text.price(quote[0])
        # Captured lines of futures have no closing zeros, but keep the point.
        return text.rstrip("0") if self._has_bare_point else text


class ClassicLevelLines(ClassicLines):
    """Futures: the n-th level of both sides is one row."""

    def __init__(self, book: MatchingBook, text: Text) -> None:
        super().__init__(book, text)
        self._has_bare_point = True

    def rows(self) -> dict[str, tuple[Quote, Quote]]:
        """Bid and ask by level name."""
        bids, asks = (
            [(level.price, level.size) for level in side.best_first(LEVELS_MAX)]
            for side in (self._book.bids, self._book.asks)
        )
        return {
            f"MD{place + 1:02d}": (
                bids[place] if place < len(bids) else NO_QUOTE,
                asks[place] if place < len(asks) else NO_QUOTE,
            )
            for place in range(max(len(bids), len(asks)))
        }


class ClassicMakerLines(ClassicLines):
    """Equities: a venue's best bid and ask are one row."""

    def rows(self) -> dict[str, tuple[Quote, Quote]]:
        """Bid and ask by venue."""
        bids, asks = self._book.bids, self._book.asks
        return {
            maker_code(maker): (
                bids.maker_best(maker) or NO_QUOTE,
                asks.maker_best(maker) or NO_QUOTE,
            )
            for maker in {**bids.makers, **asks.makers}
        }
