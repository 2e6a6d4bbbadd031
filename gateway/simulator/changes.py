"""What one event changed: flags, the Message Contents letters and the columns they stand for."""

from typing import Final

from gateway.simulator.fields import mask_of

QUALIFIED: Final = 1
EXTENDED: Final = 2
OTHER: Final = 4
TRADE: Final = QUALIFIED | EXTENDED | OTHER
BID: Final = 8
BID_PRICE: Final = 16
ASK: Final = 32
ASK_PRICE: Final = 64
OPEN: Final = 128
HIGH: Final = 256
LOW: Final = 512
CLOSE: Final = 1024
SETTLE: Final = 2048
VOLUME: Final = 4096

BASIS_FLAGS: Final = {"C": QUALIFIED, "E": EXTENDED, "O": OTHER}

_LETTERS: Final = (
    (QUALIFIED, "C"), (EXTENDED, "E"), (OTHER, "O"), (BID, "b"), (ASK, "a"), (OPEN, "o"),
    (HIGH, "h"), (LOW, "l"), (CLOSE, "c"), (SETTLE, "s"), (VOLUME, "v"),
)  # fmt: skip
_TRADE_COLUMNS: Final = mask_of(
    "Most Recent Trade", "Most Recent Trade Size", "Most Recent Trade Time",
    "Most Recent Trade Market Center", "Most Recent Trade Conditions", "Most Recent Trade Date",
    "Most Recent Trade Aggressor", "Most Recent Trade Day Code", "TickID", "Tick",
    "Number of Trades Today", "VWAP", "Percent Off Average Volume",
)  # fmt: skip
_COLUMNS: Final = (
    (TRADE, _TRADE_COLUMNS),
    (
        QUALIFIED,
        mask_of(
            "Last", "Last Size", "Last Time", "Last Date", "Last Market Center", "Change",
            "Percent Change", "Change From Open",
        ),
    ),
    (
        EXTENDED,
        mask_of(
            "Extended Trade", "Extended Trade Size", "Extended Trade Time", "Extended Trade Date",
            "Extended Trade Market Center", "Extended Trading Change",
            "Extended Trading Difference",
        ),
    ),
    (BID, mask_of("Bid Size", "Bid Time", "Bid Market Center")),
    (BID_PRICE, mask_of("Bid", "Bid Change", "Spread")),
    (ASK, mask_of("Ask Size", "Ask Time", "Ask Market Center")),
    (ASK_PRICE, mask_of("Ask", "Ask Change", "Spread")),
    (OPEN, mask_of("Open", "Change From Open")),
    (HIGH, mask_of("High", "Range")),
    (LOW, mask_of("Low", "Range")),
    (CLOSE, mask_of("Close")),
    (SETTLE, mask_of("Settle", "Settlement Date")),
    (VOLUME, mask_of("Total Volume", "Number of Trades Today", "Previous Day Volume")),
)  # fmt: skip


class _Contents(dict[int, str]):
    """Letters by flags, built when first needed."""

    def __missing__(self, flags: int) -> str:
        text = "".join(letter for flag, letter in _LETTERS if flags & flag)
        self[flags] = text
        return text


class _Masks(dict[int, int]):
    """Column masks by flags, built when first needed."""

    def __missing__(self, flags: int) -> int:
        mask = 0
        for flag, columns in _COLUMNS:
            if flags & flag:
                mask |= columns
        self[flags] = mask
        return mask


CONTENTS: Final = _Contents()
"""Message Contents by flags. There are 2^13 flag sets, so these stay small."""
MASKS: Final = _Masks()
"""The columns an event wrote, by flags. A trade writes all of its columns, equal or not."""
