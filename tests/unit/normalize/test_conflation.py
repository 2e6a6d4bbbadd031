"""Which quotes need not be sent under load: those that newer ones replace, and no others."""

import random
from typing import Any

import pytest

from tests.unit.normalize.line_desk import (
    CONFLATED,
    GATEWAY_NAMES,
    NOW_US,
    Desk,
    Options,
    another,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

SEED = 4_711


def shed(desk: Desk, *reads: list[str]) -> int:
    """Feed several reads at once, a microsecond after each other, shedding."""
    held = [
        ("".join(f"{text}\r\n" for text in lines).encode("latin-1"), NOW_US + number, 0)
        for number, lines in enumerate(reads)
    ]
    return desk.pipeline.feed_shedding(held)


def test_a_symbols_newest_quote_stands_for_all() -> None:
    """It says how many, and which sides changed at all."""
    desk = Desk()
    desk.live()
    first = another("Q", "b", {"Bid": "188.1000"})
    second = another("Q", "a", {"Bid": "188.1000", "Ask": "188.5000", "Ask Time": "09:59:59.9"})
    assert shed(desk, [first], [second]) == 1
    quote = desk.one("quote")
    assert (quote["bid"], quote["ask"], quote["merged"]) == (188.1, 188.5, 2)
    assert quote["flags"] == CONFLATED
    assert quote["recv_us"] == NOW_US + 1
    assert quote["bid_us"] is not None, "its bid changed too, in a line that was left out"


def test_a_quote_alone_is_an_ordinary_quote() -> None:
    """Nothing is flagged that stands for itself."""
    desk = Desk()
    desk.live()
    desk.live("MSFT")
    assert shed(desk, [another("Q", "b"), another("Q", "b", symbol="MSFT")]) == 0
    assert [(q["merged"], q["flags"]) for q in desk.take("quote")] == [(1, 0), (1, 0)]


@pytest.mark.parametrize("contents", ["C", "Cba", "E", "O", "bah", "v", "bz"])
def test_what_happens_once_is_never_left_out(contents: str) -> None:
    """Trades, new highs, volumes: each is an event of its own."""
    desk, plain = Desk(), Desk()
    lines = [another("Q", contents, {"High": f"{190 + n}.0", "TickID": str(n)}) for n in range(5)]
    for one in (desk, plain):
        one.live()
    assert shed(desk, lines) == 0
    plain.feed(*lines, recv_us=NOW_US)
    assert desk.raw == plain.raw


def test_system_lines_keep_their_place() -> None:
    """The clock dates the lines behind it, whatever is left out before."""
    desk = Desk()
    desk.live()
    shed(desk, [another("Q", "b"), "S,KEY,1", another("Q", "b"), "T,20260916 10:00:01"])
    assert desk.system_lines[-2:] == ["S,KEY,1", "T,20260916 10:00:01"]
    assert desk.one("quote")["merged"] == 2


def test_a_cut_line_replaces_nothing() -> None:
    """It will be rejected, and the whole line before it is the newest there is."""
    desk = Desk()
    desk.live()
    whole = another("Q", "b", {"Bid": "188.7500", "Ask": "189.0000"})
    assert shed(desk, [whole, another("Q", "b", {"Bid": "1.0"})[:-30]]) == 0
    assert desk.one("quote")["bid"] == 188.75
    assert desk.counted() == {"lines_truncated": 1}


def test_another_field_set_is_never_conflated() -> None:
    """Its third column may be anything."""
    names = ("Symbol", *sorted(GATEWAY_NAMES[1:]))
    desk = Desk(Options(names=names))
    desk.live()
    assert shed(desk, [another("Q", "b", names=names) for _ in range(4)]) == 0
    assert len(desk.take("quote")) == 4


def test_a_line_that_is_no_whole_line_is_met_with_care() -> None:
    """Whatever is held back may be garbage."""
    desk = Desk()
    desk.live()
    for text in ("Q", "Q,", "Q,AAPL", "Q,AAPL,b", "Q,,b,", ",,,", "Q,AAPL,b,,,,"):
        shed(desk, [text, text])
    assert desk.counters.as_map()["processing_faults"] == 0
    assert desk.take("quote") == []


def test_last_values_and_trades_are_those_of_reading_everything() -> None:
    """For any mixture: the same trades, the same last quotes, and every quote counted."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    for _ in range(40):
        lines: list[str] = []
        for number in range(chance.randrange(1, 80)):
            symbol = chance.choice(("AAPL", "MSFT"))
            columns = {"TickID": str(number), "Bid": f"{chance.randrange(100, 188)}.0"}
            lines.append(another("Q", chance.choice(("b", "a", "ba", "Cba", "O")), columns,
                                 symbol=symbol))  # fmt: skip
        cut = chance.randrange(len(lines) + 1)
        results: list[dict[str, Any]] = []
        for is_shedding in (True, False):
            desk = Desk()
            desk.live()
            desk.live("MSFT")
            if is_shedding:
                shed(desk, lines[:cut], lines[cut:])
            else:
                desk.feed(*lines, recv_us=NOW_US)
            frames = desk.take("quote", "trade")
            results.append(
                {
                    "last": {f["symbol"]: (f["bid"], f["ask"]) for f in frames
                             if f["kind"] == "quote"},
                    "trades": [(f["symbol"], f["trade_id"]) for f in frames
                               if f["kind"] == "trade"],
                    "quotes": sum(f["merged"] for f in frames if f["kind"] == "quote"),
                }
            )  # fmt: skip
        assert results[0] == results[1]


def test_lines_before_a_field_set_are_read_as_always() -> None:
    """During a handshake there is nothing to conflate by."""
    desk = Desk(Options(names=None))
    assert shed(desk, [line("Q", "b"), "S,KEY,1"]) == 0
    assert desk.system_lines[-1] == "S,KEY,1"
