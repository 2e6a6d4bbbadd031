"""What is implausible, and that it is passed on: flagged, told, and never mended."""

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause
from gateway.normalize.suspicion import (
    COUNTERS,
    PriceLimits,
    Reason,
    codes_of,
    doubt_quote,
    doubt_trade,
    is_halt,
)
from tests.unit.normalize.line_desk import (
    LAYOUTS,
    NOW_US,
    SNAPSHOT,
    SUSPECT,
    Desk,
    Options,
    another,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

REASON = "level1_reason"


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [
        (10.0, 10.01, None),
        (10.01, 10.0, "crossed"),
        (10.0, 10.0, "locked"),
        (-1.0, -2.0, "crossed"),
        (0.0, 1.0, "price_not_positive"),
        (-2.0, -1.0, "price_not_positive"),
        (None, 0.0, "price_not_positive"),
        (None, 1.0, None),
        (1.0, None, None),
        (None, None, None),
    ],
)
def test_two_prices(bid: float | None, ask: float | None, reason: str | None) -> None:
    """One side alone cannot be crossed, and no side is no fault."""
    assert doubt_quote(bid, ask) == reason


@pytest.mark.parametrize(
    ("price", "size", "conditions", "has_sizes", "reason"),
    [
        (10.0, 5, "01", True, None),
        (0.0, 5, "01", True, "price_not_positive"),
        (-37.63, 5, "01", True, "price_not_positive"),
        (10.0, 0, "01", True, "size_zero"),
        (10.0, 0, "01", False, None),
        (10.0, 0, "39", True, None),
        (10.0, 0, "012E", True, None),
        (10.0, 0, "1239", True, None),
        (10.0, 0, "5390", True, "size_zero"),
        (10.0, None, None, True, None),
    ],
)
def test_one_print(
    price: float, size: int | None, conditions: str | None, *, has_sizes: bool, reason: str | None
) -> None:
    """Official prices have no size, an index's trades never have one; all others do."""
    assert doubt_trade(price, size, conditions, has_sizes=has_sizes) == reason


def test_codes_are_pairs() -> None:
    """A halt's 21 must not be found across two other codes."""
    assert codes_of("873D17") == ["87", "3D", "17"]
    assert codes_of(None) == []
    assert is_halt("21")
    assert is_halt("8721")
    assert not is_halt("0210")
    assert not is_halt(None)


@LAYOUTS
def test_a_crossed_quote_is_published_flagged_and_told(names: tuple[str, ...]) -> None:
    """The state says why, once, and takes it back when it is over."""
    desk = Desk(Options(names=names))
    desk.live()
    crossed = {"Bid": "200.0000", "Ask": "199.0000"}
    for _ in range(3):
        desk.feed(another("Q", "ba", crossed, names=names))
    frames = desk.take()
    quotes = [frame for frame in frames if frame["kind"] == "quote"]
    assert [(q["bid"], q["ask"], q["flags"]) for q in quotes] == [(200.0, 199.0, SUSPECT)] * 3
    (state,) = [frame for frame in frames if frame["kind"] == "state"]
    assert (state["state"], state["details"]) == ("live", {REASON: "crossed"})
    desk.feed(another("Q", "ba", names=names))
    assert desk.one("quote")["flags"] == 0
    desk.board.trust(desk.board.symbols["AAPL"])
    assert desk.one("state")["details"] == {}
    assert desk.count(Counter.MESSAGES_SUSPECT) == 3


@LAYOUTS
def test_an_older_quote_is_not_the_last_value(names: tuple[str, ...]) -> None:
    """It is published as it came; whoever joins gets the newest."""
    desk = Desk(Options(names=names))
    desk.live()
    newer = {"Bid": "188.9000", "Ask": "189.0000"}
    newer |= {"Bid Time": "09:59:59.900000", "Ask Time": "09:59:59.900000"}
    older = {"Bid Time": "09:59:59.500000", "Ask Time": "09:59:59.500000"}
    desk.feed(another("Q", "ba", newer, names=names), another("Q", "ba", older, names=names))
    fresh, late = desk.take("quote")
    assert (fresh["flags"], late["flags"]) == (0, SUSPECT)
    assert late["sequence"] == fresh["sequence"] + 1
    answer = desk.answer("quote,AAPL,")
    assert (answer["bid"], answer["flags"]) == (188.9, SNAPSHOT)
    assert answer["sequence"] == late["sequence"], "or the joiner would see a loss"
    assert desk.count(Counter.LINES_OUT_OF_ORDER) == 1


@LAYOUTS
@pytest.mark.parametrize(
    "columns",
    [
        {"TickID": "5000", "Most Recent Trade Time": "09:59:57.000000"},
        {"TickID": "4700"},
    ],
    ids=["older time", "smaller id"],
)
def test_an_older_trade_is_not_the_last_value(
    names: tuple[str, ...], columns: dict[str, str]
) -> None:
    """By its time, or by its number among its market center's."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(another("Q", "C", names=names), another("Q", "C", columns, names=names))
    fresh, late = desk.take("trade")
    assert (fresh["flags"], late["flags"]) == (0, SUSPECT)
    answer = desk.answer("trade,AAPL,")
    assert (answer["trade_id"], answer["sequence"]) == (4711, late["sequence"])


@LAYOUTS
def test_ids_of_other_centers_and_days_are_not_compared(names: tuple[str, ...]) -> None:
    """They count up for each center and day by itself."""
    desk = Desk(Options(names=names))
    desk.live()
    for columns in (
        {"TickID": "100"},
        {"TickID": "7", "Most Recent Trade Market Center": "5"},
        {"TickID": "101"},
        {"TickID": "8", "Most Recent Trade Market Center": "5"},
        {"TickID": "1", "Most Recent Trade Date": "09/17/2026"},
    ):
        desk.feed(another("Q", "C", columns, names=names))
    assert [trade["flags"] for trade in desk.take("trade")] == [0] * 5


@LAYOUTS
def test_a_line_that_comes_twice_is_published_once(names: tuple[str, ...]) -> None:
    """IQConnect sends a line because a column changed: the same again is the same one."""
    desk = Desk(Options(names=names))
    desk.live()
    for contents in ("ba", "Cba", "b", "O", "v"):
        text = another("Q", contents, names=names)
        desk.feed(text, text, text)
        kinds = [frame["kind"] for frame in desk.take("quote", "trade")]
        assert len(kinds) == len(set(kinds))
    assert desk.count(Counter.LINES_DUPLICATE) == 10


@LAYOUTS
def test_a_halt_is_told_and_marked_until_the_next_trade(names: tuple[str, ...]) -> None:
    """The last price is kept, and whoever sees it sees that it is not moving."""
    desk = Desk(Options(names=names))
    symbol = desk.live()
    desk.feed(another("Q", "O", {"Most Recent Trade Conditions": "21"}, names=names))
    trade, state, quote, summary = desk.take()
    assert (trade["kind"], trade["conditions"], trade["flags"]) == ("trade", "21", 0)
    assert (state["state"], state["cause"]) == ("live", "halted")
    assert quote["flags"] == summary["flags"] == SNAPSHOT | SUSPECT
    desk.feed(another("Q", "ba", names=names))
    assert desk.one("quote")["flags"] == SUSPECT
    halted = {"Most Recent Trade Conditions": "21", "TickID": "4712"}
    desk.feed(another("Q", "O", halted, names=names))
    assert [frame["kind"] for frame in desk.take()] == ["trade"], "told once"
    desk.feed(another("Q", "C", {"TickID": "4713"}, names=names))
    state, quote, *rest = desk.take()
    assert (state["state"], state["cause"]) == ("live", None)
    assert quote["flags"] == SNAPSHOT
    assert [(f["flags"], f["trade_id"]) for f in rest if f["kind"] == "trade"] == [(0, 4713)]
    assert symbol.cause is None


def test_a_halt_outlasts_a_silence_of_the_link() -> None:
    """Nothing was traded meanwhile, or it would have been told."""
    desk = Desk()
    symbol = desk.live()
    desk.feed(another("Q", "O", {"Most Recent Trade Conditions": "21"}))
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    assert (symbol.state.value, symbol.cause) == ("live", Cause.HALTED)
    assert symbol.flags == SUSPECT


def test_a_symbol_that_is_halted_when_it_is_first_heard_is_marked() -> None:
    """A snapshot's last trade tells of the halt as well."""
    desk = Desk()
    symbol = desk.board.open("AAPL")
    desk.feed(line("P", "Cbav", {"Most Recent Trade Conditions": "21"}))
    states = [(f["state"], f["cause"]) for f in desk.take("state")]
    assert states[-1] == ("live", "halted")
    assert symbol.flags == SUSPECT


def test_a_reason_that_changes_is_told_at_most_once_a_second() -> None:
    """A market that flickers between locked and crossed must not flood the state topic."""
    desk = Desk()
    desk.live()
    for number in range(20):
        bid = "189.0000" if number % 2 else "190.0000"
        desk.feed(
            another("Q", "ba", {"Bid": bid, "Ask": "189.0000"}), recv_us=NOW_US + number * 100_000
        )
    assert len(desk.take("state")) <= 3
    assert utc_us("2026-09-16 10:00:00") == NOW_US


UNREADABLE = {
    "bid NaN": ("ba", {"Bid": "NaN"}),
    "ask inf": ("ba", {"Ask": "1e999"}),
    "bid size negative": ("ba", {"Bid Size": "-5"}),
    "ask size negative": ("a", {"Ask Size": "-1"}),
    "trade size negative": ("C", {"Most Recent Trade Size": "-100"}),
}


@LAYOUTS
@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_number_is_nil_flagged_and_counted(names: tuple[str, ...], case: str) -> None:
    """A price that is missing because nobody quotes is another thing than one nobody can read."""
    contents, columns = UNREADABLE[case]
    kind = "trade" if contents == "C" else "quote"
    desk = Desk(Options(names=names))
    desk.live()
    for number in range(3):
        desk.feed(another("Q", contents, {"TickID": str(5_000 + number)}, names=names))
    assert [frame["flags"] for frame in desk.take(kind)] == [0] * 3
    desk.feed(another("Q", contents, {"TickID": "5010", **columns}, names=names))
    flagged = desk.one(kind)
    assert flagged["flags"] == SUSPECT
    assert None in (flagged.get("bid"), flagged.get("ask"), flagged.get("size")) or None in (
        flagged.get("bid_size"),
        flagged.get("ask_size"),
    )
    assert desk.count(Counter.SUSPECT_VALUE_UNREADABLE) == 1
    assert desk.count(Counter.VALUES_INVALID) == 1
    desk.feed(another("Q", "ba", {"Bid": "", "Ask": "", "Bid Size": ""}, names=names))
    assert desk.one("quote")["flags"] == 0, "absent is no fault"


@LAYOUTS
def test_a_price_beyond_the_range_is_flagged_every_time(names: tuple[str, ...]) -> None:
    """Also once its text is known: usual values take a quicker way."""
    desk = Desk(Options(names=names, limits=PriceLimits(price_max=1_000.0)))
    desk.live()
    columns = {"Bid": "999.5", "Ask": "1000.5"}
    for _ in range(4):
        desk.feed(another("Q", "ba", columns, names=names))
    assert [frame["flags"] for frame in desk.take("quote")] == [SUSPECT] * 4
    for number in range(4):
        more = {"Most Recent Trade": "1000.5", "TickID": str(5_000 + number)}
        desk.feed(another("Q", "C", more, names=names))
    assert [frame["flags"] for frame in desk.take("trade")] == [SUSPECT] * 4
    assert desk.count(Counter.SUSPECT_PRICE_OUT_OF_RANGE) == 8
    assert PriceLimits(price_max=0).doubt(1e30) is None
    assert PriceLimits(price_max=10).doubt(-11.0) is Reason.PRICE_OUT_OF_RANGE


@LAYOUTS
def test_a_jump_is_flagged_once_and_only_where_wanted(names: tuple[str, ...]) -> None:
    """Then it is the last price, and what follows is compared with it."""
    prices = ["100.00", "100.50", "100.10", "100.20", "120.00", "120.10", "120.00", "100.00"]
    usual, careful = (
        Desk(Options(names=names, limits=PriceLimits(jump_max=jump_max))) for jump_max in (0.0, 0.1)
    )
    for desk in (usual, careful):
        desk.live()
        for number, price in enumerate(prices):
            more = {"Most Recent Trade": price, "TickID": str(5_000 + number)}
            desk.feed(another("Q", "C", more, names=names))
    assert [frame["flags"] for frame in usual.take("trade")] == [0] * 8
    flags = [frame["flags"] for frame in careful.take("trade")]
    assert flags == [0, 0, 0, 0, SUSPECT, 0, 0, SUSPECT]
    assert careful.count(Counter.SUSPECT_PRICE_JUMP) == 2
    assert not PriceLimits(jump_max=0.1).is_jump(5.0, 0.0), "nothing is far from zero"
    assert not PriceLimits(jump_max=0.1).is_jump(5.0, None)


def test_every_reason_is_counted_by_itself() -> None:
    """An operator asks which of them it is."""
    assert set(COUNTERS) == set(Reason)
    assert len(set(COUNTERS.values())) == len(COUNTERS)
