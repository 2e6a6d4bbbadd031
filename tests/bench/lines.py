"""Level 1 lines for benchmarks: seeded, in the field set that the gateway selects."""

import random

from gateway.iqfeed.fields import GATEWAY_FIELDS

SYMBOL_COUNT = 300
SENTINEL = "ZZEND"
"""The last line's symbol: whoever sees its quote has seen everything."""


def symbols() -> list[str]:
    """The symbols of the benchmark, sentinel excluded."""
    return [f"BN{number}" for number in range(SYMBOL_COUNT)]


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

    def __init__(self) -> None:
        first = _quote_columns(100.0, "09:59:59.000001")
        first |= _trade_columns(100.0, "09:59:59.000001", 1)
        self._columns = {name: dict(first) for name in [*symbols(), SENTINEL]}

    def line(self, kind: str, symbol: str, contents: str, changes: dict[str, str]) -> str:
        columns = self._columns[symbol]
        columns |= changes
        columns["Message Contents"] = contents
        return f"{kind},{symbol},{','.join(columns.get(f, '') for f in GATEWAY_FIELDS)},\r\n"


def snapshot(symbol: str) -> bytes:
    """A P line for a new watch."""
    return _Board().line("P", symbol, "Cbav", {}).encode()


def updates(count: int, *, seed: int, trade_share: float) -> bytes:
    """Make Q lines.

    Args:
        count: How many, sentinel excluded.
        seed: The same seed makes the same bytes.
        trade_share: Share of lines that are trades; the others change the quote only.

    Returns:
        The lines, the sentinel's last.
    """
    chance = random.Random(seed)
    board, names = _Board(), symbols()
    lines = []
    for number in range(count):
        price = 100 + chance.randrange(499) / 100
        moment = f"10:{number // 60000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}000"
        if chance.random() < trade_share:
            contents = chance.choice(("Ov", "Cv", "Cbav"))
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
    lines.append(board.line("Q", SENTINEL, "ba", _quote_columns(100.0, "10:59:59.000001")))
    return "".join(lines).encode()
