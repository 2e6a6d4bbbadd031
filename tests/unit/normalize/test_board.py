"""The state machine of symbols: who is told what, and what is kept."""

import pytest

from gateway.model.enums import Cause, SymbolState
from gateway.normalize.symbols import Symbol
from tests.unit.normalize.line_desk import (
    CONFLATED,
    DELAYED,
    NOW_US,
    SNAPSHOT,
    STALE,
    Desk,
    Options,
    another,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def states(desk: Desk) -> list[tuple[str, str | None, int]]:
    """State, cause and flags of the state messages since the last look."""
    return [(frame["state"], frame["cause"], frame["flags"]) for frame in desk.take("state")]


def test_asked_symbol_is_pending_and_the_first_price_line_makes_it_live() -> None:
    """The life of every symbol; its state is told before its first quote."""
    desk = Desk()
    symbol = desk.board.open("AAPL")
    assert states(desk) == [("pending", None, 0)]
    desk.feed(line("P", "Cbav"))
    frames = desk.take()
    assert [frame["kind"] for frame in frames] == ["state", "quote", "summary"]
    assert (frames[0]["state"], frames[0]["sequence"], frames[0]["event_us"]) == ("live", 2, None)
    assert frames[0]["since_us"] == frames[0]["recv_us"] == NOW_US
    assert symbol.is_live
    assert desk.settled == ["AAPL"]


def test_first_update_makes_live_too_and_publishes_quote_and_summary() -> None:
    """Whoever waits for this symbol gets all of it from whichever line comes first."""
    desk = Desk()
    desk.board.open("AAPL")
    desk.feed(line("Q", "a"))
    frames = desk.take()[1:]
    assert [(f["kind"], f["flags"]) for f in frames] == [("state", 0), ("quote", 0), ("summary", 0)]


def test_opening_an_open_symbol_changes_nothing() -> None:
    """Each further consumer asks again."""
    desk = Desk()
    symbol = desk.live()
    assert desk.board.open("AAPL") is symbol
    assert symbol.is_live
    assert desk.take() == []


def test_symbol_asked_for_during_an_outage_says_why_it_waits() -> None:
    """Pending without a cause would look like a slow vendor."""
    desk = Desk(Options(is_whole=False))
    desk.board.open("AAPL")
    assert states(desk) == [("pending", "iqconnect_down", 0)]
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    assert states(desk) == [("pending", "dtn_link_down", 0)]
    asked = desk.board.recover_upstream()
    assert [symbol.name for symbol in asked] == ["AAPL"]
    assert states(desk) == [("pending", None, 0)]


def test_leaving_live_repeats_quote_and_summary_as_stale_with_the_next_sequence() -> None:
    """A consumer of the quote alone must not keep a fresh-looking price from a dead feed."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "bah", {"Bid": "188.2600"}))
    quote, summary = desk.take()
    desk.clock.advance(seconds=3)
    desk.board.lose_upstream(Cause.LINK_SILENT)
    state, stale_quote, stale_summary = desk.take()
    assert (state["state"], state["cause"], state["flags"]) == ("stale", "link_silent", 0)
    assert state["since_us"] == desk.clock.utc_us()
    for before, after in ((quote, stale_quote), (summary, stale_summary)):
        changed = {
            "sequence": before["sequence"] + 1,
            "flags": SNAPSHOT | STALE,
            "recv_us": desk.clock.utc_us(),
        }
        assert after == before | changed


def test_loss_is_told_once_and_a_new_cause_once_more() -> None:
    """The data did not get staler, but the reader should know where to look now."""
    desk = Desk()
    desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    first = desk.take("state")[0]
    desk.clock.advance(seconds=1)
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    assert desk.take() == []
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    second = desk.one("state")
    assert (second["state"], second["cause"]) == ("stale", "iqconnect_down")
    assert second["since_us"] == first["since_us"]


def test_lines_during_an_outage_are_published_as_stale() -> None:
    """IQConnect may still hand over what it had queued; it is data, but not current."""
    desk = Desk()
    desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.raw.clear()
    desk.feed(line("Q", "Cba"), line("P"))
    flags = [(frame["kind"], frame["flags"]) for frame in desk.take("quote", "trade")]
    assert flags == [("trade", STALE), ("quote", STALE), ("quote", SNAPSHOT | STALE)]
    assert desk.board.symbols["AAPL"].state is SymbolState.STALE


@pytest.mark.parametrize("letter", ["P", "Q"])
def test_recovery_publishes_the_current_value_without_stale(letter: str) -> None:
    """Recovering until a price line proves the watch; then current, by whichever line."""
    desk = Desk()
    desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.raw.clear()
    desk.board.recover_upstream()
    assert states(desk) == [("recovering", "dtn_link_down", 0)]
    assert desk.answer("quote,AAPL,")["flags"] == SNAPSHOT | STALE
    desk.feed(line(letter, "O", {"Bid": "188.2700"}))
    frames = desk.take("state", "quote", "summary")
    flags = SNAPSHOT if letter == "P" else 0
    assert [(frame["kind"], frame["flags"]) for frame in frames] == [
        ("state", 0),
        ("quote", flags),
        ("summary", flags),
    ]
    assert (frames[0]["state"], frames[0]["cause"]) == ("live", None)
    assert frames[1]["bid"] == 188.27
    assert desk.answer("quote,AAPL,")["flags"] == SNAPSHOT


def test_end_of_a_silence_repeats_values_without_stale() -> None:
    """Nothing was lost, so nothing has to be asked; but the STALE repeat must be taken back."""
    desk = Desk()
    desk.live()
    desk.live("MSFT")
    desk.board.open("PEND")
    desk.board.open("NONE")
    desk.board.refuse("NONE", Cause.SYMBOL_NOT_FOUND)
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.raw.clear()
    desk.board.resume_upstream()
    frames = desk.take()
    told = [(f["symbol"], f["kind"], f["flags"]) for f in frames]
    repeats = [("state", 0), ("quote", SNAPSHOT), ("summary", SNAPSHOT)]
    live = [(symbol, *repeat) for symbol in ("AAPL", "MSFT") for repeat in repeats]
    assert told == [*live, ("PEND", "state", 0)]
    assert frames[-1]["state"] == "pending"
    assert frames[-1]["cause"] is None


def test_silence_during_recovery_does_not_make_old_values_live() -> None:
    """The vendor never answered the refresh; a second, shorter silence proves nothing."""
    desk = Desk()
    symbol = desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    assert symbol.state is SymbolState.RECOVERING
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    assert symbol.state is SymbolState.RECOVERING
    assert desk.take("quote")[-1]["flags"] & STALE
    desk.feed(line("P"))
    assert symbol.is_live
    assert desk.one("quote")["flags"] == SNAPSHOT
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    assert symbol.is_live


def test_repeated_summary_says_conflated_as_long_as_it_says_merged() -> None:
    """The flag and the count say the same thing; a reader may look at either."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C"), another("Q", "C"))
    desk.pipeline.flush_all()
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    for frame in desk.take("summary"):
        assert frame["merged"] == 2
        assert frame["flags"] & CONFLATED


def test_refused_symbol_says_why_and_stays_refused_through_outages() -> None:
    """The vendor's answer does not depend on the link; asking anew is somebody's decision."""
    desk = Desk()
    desk.board.open("XYZZY")
    desk.raw.clear()
    assert desk.board.refuse("XYZZY", Cause.SYMBOL_NOT_FOUND) is not None
    assert states(desk) == [("refused", "symbol_not_found", 0)]
    assert desk.settled == ["XYZZY"]
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    assert desk.board.recover_upstream() == []
    assert desk.take() == []
    desk.board.open("XYZZY")
    assert states(desk) == [("pending", None, 0)]


def test_live_symbol_that_is_refused_turns_stale() -> None:
    """The symbol limit can hit a symbol that was watched before; its last price is old now."""
    desk = Desk()
    desk.live()
    desk.board.refuse("AAPL", Cause.SYMBOL_LIMIT)
    frames = desk.take()
    assert [(frame["kind"], frame["flags"]) for frame in frames] == [
        ("state", 0),
        ("quote", SNAPSHOT | STALE),
        ("summary", SNAPSHOT | STALE),
    ]
    desk.feed(line("P"))
    assert desk.board.symbols["AAPL"].is_live


def test_symbol_that_was_refused_while_recovering_stays_refused_after_a_silence() -> None:
    """The end of a silence says nothing about a limit or a missing entitlement."""
    desk = Desk()
    symbol = desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    desk.board.refuse("AAPL", Cause.SYMBOL_LIMIT)
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.raw.clear()
    desk.board.resume_upstream()
    assert symbol.state is SymbolState.REFUSED
    assert desk.take() == []


def test_refused_symbol_that_is_asked_again_has_no_values_of_before() -> None:
    """It was live once; what it said then is not what the new answer will be."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "ba"))
    desk.board.refuse("AAPL", Cause.SYMBOL_LIMIT)
    assert desk.answer("quote,AAPL,")["flags"] == SNAPSHOT | STALE
    symbol = desk.board.open("AAPL")
    assert desk.answer("quote,AAPL,")["state"] == "pending"
    assert (symbol.bid_us, symbol.ask_us) == (None, None)


@pytest.mark.parametrize("symbol", ["MSFT", "AAPL"])
def test_refusal_of_what_nobody_wants_is_ignored(symbol: str) -> None:
    """A late answer to a watch that was ended must not open anything."""
    desk = Desk()
    desk.board.close(desk.live())
    desk.raw.clear()
    assert desk.board.refuse(symbol, Cause.SYMBOL_NOT_FOUND) is None
    assert desk.take() == []


def test_closed_symbol_stays_closed_whatever_comes_late() -> None:
    """Lines already on their way when the last consumer left bring nothing back."""
    desk = Desk()
    symbol = desk.live()
    desk.board.close(symbol)
    frames = desk.take()
    assert [(frame["kind"], frame["flags"]) for frame in frames] == [
        ("state", 0),
        ("quote", SNAPSHOT | STALE),
        ("summary", SNAPSHOT | STALE),
    ]
    assert frames[0]["state"] == "closed"
    desk.feed(line("Q", "Cba"), line("P"), "F,AAPL,5,", "R,AAPL,,1,1,,2,2,,14,4,11,")
    desk.feed("C,AAPL,X,,,,1.5,1,1,,19,")
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.recover_upstream()
    assert desk.take() == []
    assert symbol.state is SymbolState.CLOSED
    assert desk.counted() == {"lines_unwatched": 5}
    assert list(desk.board.wanted()) == []


def test_closing_twice_tells_once() -> None:
    """Two services of a symbol may end one after the other."""
    desk = Desk()
    symbol = desk.live()
    desk.board.close(symbol)
    desk.raw.clear()
    desk.board.close(symbol)
    assert desk.take() == []


def test_delayed_account_flags_everything() -> None:
    """A price of fifteen minutes ago that looks current is the most expensive mistake there is."""
    desk = Desk()
    desk.live()
    desk.board.set_delayed(True)
    desk.feed(line("Q", "Cbah"))
    desk.feed("F,AAPL,5,", "R,AAPL,,1,1,,2,2,,14,4,11,", "C,AAPL,X,,,,1.5,1,1,,19,")
    desk.board.open("MSFT")
    desk.feed(line("P", symbol="MSFT"))
    frames = desk.take()
    assert len(frames) == 10
    assert {frame["flags"] & ~SNAPSHOT for frame in frames} == {DELAYED}
    desk.board.lose_upstream(Cause.LINK_SILENT)
    for frame in desk.take("quote", "summary"):
        assert frame["flags"] == DELAYED | STALE | SNAPSHOT
    desk.board.set_delayed(False)
    desk.board.resume_upstream()
    frames = desk.take("state", "quote", "summary")
    assert {frame["flags"] for frame in frames} == {0, SNAPSHOT}
    assert desk.answer("quote,AAPL,")["flags"] == SNAPSHOT


def test_board_without_a_listener_settles_symbols_all_the_same() -> None:
    """Whoever waits for answers is optional."""
    desk = Desk()
    desk.board.on_settled = None
    assert desk.live().is_live


def test_symbol_whose_quote_was_never_heard_repeats_nothing() -> None:
    """There is no value to be stale: its state alone says that it is not live."""
    desk = Desk()
    symbol: Symbol = desk.board.open("AAPL")
    desk.board.change(symbol, SymbolState.LIVE, None)
    desk.raw.clear()
    desk.board.change(symbol, SymbolState.STALE, Cause.GAP)
    assert [frame["kind"] for frame in desk.take()] == ["state"]
