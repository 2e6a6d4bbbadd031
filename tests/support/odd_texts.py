"""Texts of columns that a reader may take for others: odd ones, and nearly usual ones."""

from collections.abc import Mapping
from typing import Final

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
    *(
        "23:59:60.000000",
        "23:59:59.999999",
        "00:00:00.000000",
        "09.59:59.100000",
        "09:60:00.000000",
    ),
    *("0a:59:59.100000", "01:30:00.000000", "02:30:00.000000", "09:59:59.10000\xb2", "01:59:59.5"),
    *(
        "09:59:59,100000",
        "09:59:59.-10000",
        "09:59:59. 10000",
        "/9:59:59.100000",
        ":9:59:59.100000",
    ),
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
    *(
        "",
        "v",
        "h",
        "CE",
        "CC",
        "bb",
        "z",
        "bz",
        "Cs",
        "baohlcsvCEO",
        "vC",
        "bv",
        "Cvv",
        "C ",
        "ab",
    ),
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
DEPTH_PRICES: Final = (
    *PRICES,
    *("2938.", "-2938.", "-.5", "-", "-.", "-00", "-0.0", "0.00", "10", "10.0", "10.00", "010"),
)
IDS: Final = (
    *COUNTS,
    *("0007", "999999999999999999", "1000000000000000000", "\xb9", "1.", "648907593934"),
)
MAKERS: Final = (
    *("", "NSDQ", "nsdq", "MD01", "MD99", "MD1", "MD001", "XMD01", "MD0\xb2", "MD0x", "a b", "\0"),
    *(
        "\xff",
        "M\xd6D1",
        "x" * 31,
        "x" * 32,
        "\xe9" * 15,
        "\xe9" * 16,
        "x" * 64,
        "x" * 65,
        "\xe9" * 64,
    ),
    "\xe9" * 65,
)
SIDES: Final = ("B", "A", "B", "A", "", "b", "a", "X", "BA", "B ", " A", "\xc2", "B\0", "C", "@")
ISO_DATES: Final = (
    *("", "2026-9-16", "2026-02-30", "2026-13-01", "2026-00-10", "2026-10-00", "2026-03-08", "x"),
    *("2026-11-01", "1970-01-01", "1969-12-31", "2254-12-31", "2255-01-01", "2026/09/16"),
    *("26-09-16", "2026-09-16 ", "2026-09-1\xb2", "2024-02-29", "2023-02-29", "2100-02-29"),
    *("09/16/2026", "11/01/2026", "20260916", "2026-09-17", "2026-09-15", "-026-09-16"),
    *("2026-0/-16", "2026-0:-16", "2026-09-32"),
)
DEPTH_TIMES: Final = (*TIMES, "09:59:59.", "09:59:59.12", "9:59:59", "20:32:47.333543", "00:00:00")
FLAGS: Final = ("T", "F", "T", "F", "", "t", "TF", "X", "\xd4")
LAST_COLUMNS: Final = ("", "x", "AAPL", "2026-09-16", "\0")
ORDER_COLUMNS: Final = (
    *("letter", "symbol", "id", "maker", "side", "price", "size", "id", "size", "time", "date"),
    "last",
)
DEPTH_COLUMNS: Final = {
    **dict.fromkeys("0346", ORDER_COLUMNS),
    "5": ("letter", "symbol", "id", "maker", "side", "time", "date", "last"),
    **dict.fromkeys(
        "78",
        ("letter", "symbol", "side", "price", "size", "size", "size", "time", "date", "last"),
    ),
    "9": ("letter", "symbol", "side", "price", "time", "date", "last"),
    **dict.fromkeys(
        "Z2",
        (
            *("letter", "symbol", "maker", "price", "price", "size", "size", "time", "date"),
            *("size", "time", "flag", "flag", "flag", "last"),
        ),
    ),
}
"""What each column of a Level 2 line is, by the line's letter."""
DEPTH_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "letter": (*"0345678920Z23456789", "", "1", "33", "A"),
    "id": IDS,
    "maker": MAKERS,
    "side": SIDES,
    "price": DEPTH_PRICES,
    "size": COUNTS,
    "time": DEPTH_TIMES,
    "date": ISO_DATES,
    "flag": FLAGS,
    "last": LAST_COLUMNS,
}
"""Odd texts of each kind of column; symbols are the world's own."""
