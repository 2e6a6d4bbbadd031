"""Level 1 lines for benchmarks: seeded, in the field set that the gateway selects."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.iqfeed.fields import GATEWAY_FIELDS

START, END = "ZZGO", "ZZEND"
"""Symbols of the first and of the last line: what is measured lies between."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What lines are about."""

    name: str
    trades: float
    """Share of lines that are trades; the others change the quote only."""
    quoting: float
    """Share of trades that change the quote too, and so publish two messages."""
    kinds: tuple[str, ...]
    """What is published of them."""

    def __str__(self) -> str:
        if not self.trades:
            return "quotes alone, one message a line"
        both = f", {self.quoting:.0%} of them with a quote" if self.quoting else ""
        return (
            f"{1 - self.trades:.0%} quotes, {self.trades:.0%} trades{both}; summaries every 250 ms"
        )


QUOTES = Mix("quotes", 0.0, 0.0, ("quote",))
MIXED = Mix("mixed", 0.2, 0.33, ("quote", "trade", "summary"))
TRADES = Mix("trades", 1.0, 0.0, ("quote", "trade", "summary"))
MIXES = {mix.name: mix for mix in (QUOTES, MIXED, TRADES)}


def symbols(count: int) -> list[str]:
    """The symbols of the benchmark, start and end excluded."""
    return [f"BN{number}" for number in range(count)]


def moment_of(number: int) -> str:
    """The time of day on a line: 200 microseconds after the one before, from 10:00 on.

    The clock stands at 10:00:30, and stamps may be five minutes ahead of it: 1,600,000 lines.
    """
    seconds, micros = divmod(200 * number, 1_000_000)
    return f"10:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}"


def _quote_columns(price: float, moment: str) -> dict[str, str]:
    # Prices move within five dollars and sides change alone: bids stay below every ask.
    return {
        "Bid": f"{price:.4f}",
        "Bid Size": "300",
        "Bid Time": moment,
        "Bid Market Center": "11",
        "Ask": f"{price + 5:.4f}",
        "Ask Size": "500",
        "Ask Time": moment,
        "Ask Market Center": "5",
    }


def _trade_columns(price: float, moment: str, number: int) -> dict[str, str]:
    return {
        "Most Recent Trade": f"{price:.4f}",
        "Most Recent Trade Size": "100",
        "Most Recent Trade Time": moment,
        "Most Recent Trade Date": "11/20/2026",
        "Most Recent Trade Market Center": "19",
        "Most Recent Trade Conditions": "3D87",
        "Most Recent Trade Aggressor": "0",
        "TickID": str(number),
        "Total Volume": str(number * 100),
        "Last": f"{price:.4f}",
        "Last Size": "100",
        "Last Time": "10:00:00.123456",
        "Last Date": "11/20/2026",
        "Last Market Center": "11",
        "Open": "100.0000",
        "High": "111.0000",
        "Low": "99.0000",
        "Close": "100.5000",
        "VWAP": "104.1234",
        "Number of Trades Today": str(number),
    }


class _Board:
    """Each symbol's columns: a line shows all of them, changed or not, as IQConnect does."""

    def __init__(self, names: Sequence[str]) -> None:
        first = _quote_columns(100.0, "09:59:59.000001")
        first |= _trade_columns(100.0, "09:59:59.000001", 1)
        self._columns = {name: dict(first) for name in names}

    def line(self, kind: str, symbol: str, contents: str, changes: dict[str, str]) -> str:
        columns = self._columns[symbol]
        columns |= changes
        columns["Message Contents"] = contents
        return f"{kind},{symbol},{','.join(columns.get(f, '') for f in GATEWAY_FIELDS)},\r\n"


def snapshot(symbol: str) -> bytes:
    """A P line for a new watch."""
    return _Board([symbol]).line("P", symbol, "Cbav", {}).encode()


def updates(count: int, *, mix: Mix, symbol_count: int, seed: int) -> bytes:
    """Make Q lines: the start's, those that are counted, the end's.

    Args:
        count: How many lines between start and end.
        mix: What they are about.
        symbol_count: How many symbols share them.
        seed: The same seed makes the same bytes.
    """
    chance = random.Random(seed)
    names = symbols(symbol_count)
    board = _Board([*names, START, END])
    lines = [board.line("Q", START, "ba", _quote_columns(100.0, "10:00:00.000001"))]
    for number in range(count):
        price = 100 + chance.randrange(499) / 100
        moment = moment_of(number)
        if chance.random() < mix.trades:
            contents = "Cbav" if chance.random() < mix.quoting else chance.choice(("Ov", "Cv"))
            changes = _trade_columns(price, moment, number + 1)
            if "b" in contents:
                changes |= _quote_columns(price, moment)
        else:
            contents = chance.choice(("b", "a", "ba", "ba"))
            # A side that Message Contents do not name keeps all its columns.
            changes = {
                name: value
                for name, value in _quote_columns(price, moment).items()
                if name[0].lower() in contents
            }
        lines.append(board.line("Q", chance.choice(names), contents, changes))
    lines.append(board.line("Q", END, "ba", _quote_columns(100.0, "10:00:00.000001")))
    return "".join(lines).encode()
