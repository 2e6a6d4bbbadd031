"""The state machine of symbols: who is told what, and what a snapshot answers in each state."""

from itertools import pairwise

import pytest

from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause, SymbolState
from gateway.normalize.symbols import Symbol
from tests.unit.normalize.line_desk import (
    DELAYED,
    EPOCH,
    NOW_US,
    SNAPSHOT,
    STALE,
    Desk,
    Frame,
    Options,
    line,
)

LEVEL1_TOPICS = ("quote", "trade", "summary", "fundamental", "regional", "correction")


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


def test_reopened_symbol_begins_anew_with_its_old_sequences() -> None:
    """Values of before are forgotten, because nobody watched; sequences never go back."""
    desk = Desk()
    desk.feed(line("Q", "Cba"))
    symbol = desk.live()
    desk.feed(line("Q", "Cbah"))
    before = {frame["kind"]: frame["sequence"] for frame in desk.take()}
    desk.board.close(symbol)
    desk.raw.clear()
    assert desk.board.open("AAPL") is symbol
    answer = desk.answer("quote,AAPL,")
    assert (answer["type"], answer["state"], answer["sequence"]) == (9, "pending", 0)
    desk.feed(line("P"))
    frames = desk.take("quote", "summary")
    # One more of each was the STALE repeat at the close.
    assert {f["kind"]: f["sequence"] for f in frames} == {
        "quote": before["quote"] + 2,
        "summary": before["summary"] + 2,
    }
    assert frames[0]["bid_us"] is None


def test_reopened_symbol_still_knows_its_last_trade() -> None:
    """A print that was made was made; only what could have changed is forgotten."""
    desk = Desk()
    symbol = desk.live()
    desk.feed(line("Q", "C"))
    trade = desk.one("trade")
    desk.board.close(symbol)
    desk.board.open("AAPL")
    assert desk.answer("trade,AAPL,") == {
        name: value for name, value in trade.items() if name not in ("kind", "symbol")
    } | {"flags": SNAPSHOT | STALE}


def test_evicted_symbol_continues_above_every_sequence_it_had() -> None:
    """The floor: a consumer that keeps its last sequence never sees a lower one in an epoch."""
    desk = Desk(Options(symbol_count_max=2))
    old = desk.live("OLD")
    for _ in range(5):
        desk.feed(line("Q", "ba", symbol="OLD"))
    highest = desk.take("quote")[-1]["sequence"]
    desk.board.close(old)
    desk.live("B")
    desk.live("C")
    assert "OLD" not in desk.board.symbols
    desk.board.close(desk.board.symbols["C"])
    desk.raw.clear()
    desk.live("OLD")
    desk.feed(line("Q", "Cbah", symbol="OLD"))
    assert {frame["kind"] for frame in desk.take()} == {"trade", "quote", "summary"}
    sequences = [topic.sequence for topic in desk.board.symbols["OLD"].topics.values()]
    # Everything new starts above the highest discarded one: OLD's quotes, its close included.
    assert min(sequences) > highest + 1


def test_oldest_closed_symbol_makes_room_and_wanted_ones_never_do() -> None:
    """The bound holds against a consumer that walks through all symbols there are."""
    desk = Desk(Options(symbol_count_max=3))
    for name in ("A", "B", "C"):
        desk.live(name)
    with pytest.raises(QuotaExceeded):
        desk.board.open("D")
    assert list(desk.board.symbols) == ["A", "B", "C"]
    for name in ("B", "A"):
        desk.board.close(desk.board.symbols[name])
    desk.board.open("B")
    desk.board.open("D")
    assert sorted(desk.board.symbols) == ["B", "C", "D"]
    with pytest.raises(QuotaExceeded):
        desk.board.open("A")


def test_sequences_are_dense_through_every_change() -> None:
    """A hole means a loss to the consumer, so the gateway must never make one."""
    desk = Desk()
    symbol = desk.live()
    frames: list[Frame] = []
    for _ in range(3):
        desk.feed(line("Q", "Cbavh"), line("Q", "a"), line("P"))
        desk.board.lose_upstream(Cause.LINK_SILENT)
        desk.board.resume_upstream()
        desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
        desk.feed(line("Q", "Cba"))
        desk.board.recover_upstream()
        desk.feed(line("Q", "O"))
        desk.board.close(symbol)
        desk.board.open("AAPL")
        desk.board.refuse("AAPL", Cause.SYMBOL_LIMIT)
        desk.board.open("AAPL")
        frames += desk.take()
    by_topic: dict[str, list[int]] = {}
    for frame in frames:
        by_topic.setdefault(frame["kind"], []).append(frame["sequence"])
        assert frame["epoch"] == EPOCH
    assert set(by_topic) == {"quote", "trade", "summary", "state"}
    for sequences in by_topic.values():
        assert {later - earlier for earlier, later in pairwise(sequences)} == {1}


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


def test_all_topics_are_listed_for_the_tails_scan() -> None:
    """A topic that is not listed can lose its last message without anybody noticing."""
    desk = Desk()
    desk.live()
    desk.feed("F,AAPL,5,", "N,DTN,123,AAPL:MSFT:,20260916 095959,Head, line,")
    prefixes = {topic.prefix for topic in desk.board.topics()}
    kinds = ("quote", "trade", "summary", "state", "fundamental")
    assert prefixes == {f"{kind},AAPL,".encode() for kind in kinds} | {b"news,DTN,"}


@pytest.mark.parametrize("kind", LEVEL1_TOPICS)
def test_snapshot_of_an_unheard_symbol_says_so(kind: str) -> None:
    """The consumer is never left guessing: pending, refused or nobody watches."""
    desk = Desk()
    answer = desk.answer(f"{kind},AAPL,")
    assert (answer["type"], answer["state"], answer["cause"]) == (9, "closed", "not_subscribed")
    assert (answer["sequence"], answer["flags"], answer["event_us"]) == (0, 0, None)
    assert answer["recv_us"] == answer["since_us"] == NOW_US
    desk.board.open("AAPL")
    answer = desk.answer(f"{kind},AAPL,")
    assert (answer["type"], answer["state"], answer["cause"]) == (9, "pending", None)
    desk.board.refuse("AAPL", Cause.SYMBOL_NOT_FOUND)
    answer = desk.answer(f"{kind},AAPL,")
    assert (answer["type"], answer["state"], answer["cause"]) == (9, "refused", "symbol_not_found")
    assert (answer["sequence"], answer["flags"]) == (0, 0)
    assert desk.take() != []


@pytest.mark.parametrize("kind", LEVEL1_TOPICS)
def test_snapshot_of_a_live_symbol_is_its_last_message(kind: str) -> None:
    """Same values, same sequence, same stamps; only SNAPSHOT is added."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "Cbah", {"Bid": "188.2600"}))
    desk.feed("F,AAPL,5,", "R,AAPL,,1,1,,2,2,,14,4,11,", "C,AAPL,X,,,,1.5,1,1,,19,")
    published = desk.one(kind)
    desk.clock.advance(seconds=9)
    answer = desk.answer(f"{kind},AAPL,")
    assert {"kind": kind, "symbol": "AAPL"} | answer == published | {"flags": SNAPSHOT}
    assert desk.take() == []
    desk.board.lose_upstream(Cause.LINK_SILENT)
    stale = desk.answer(f"{kind},AAPL,")
    assert stale["flags"] == SNAPSHOT | STALE
    assert stale["sequence"] == published["sequence"] + (kind in {"quote", "summary"})


def test_snapshot_of_an_event_that_never_happened_is_empty() -> None:
    """A live symbol without a trade: sequence 0 and nil, from which updates continue."""
    desk = Desk()
    desk.live()
    answer = desk.answer("trade,AAPL,")
    assert (answer["type"], answer["sequence"], answer["flags"]) == (2, 0, SNAPSHOT)
    assert {value for name, value in answer.items() if name not in answer.keys() & HEADER} == {None}
    desk.feed(line("Q", "C"))
    assert desk.one("trade")["sequence"] == 1


HEADER = {"type", "epoch", "sequence", "flags", "recv_us"}


@pytest.mark.parametrize(
    ("lose", "state", "cause"),
    [(False, "live", None), (True, "stale", "link_silent")],
)
def test_snapshot_of_the_state_is_always_the_state(
    *, lose: bool, state: str, cause: str | None
) -> None:
    """The state itself is the one topic that is known in every state."""
    desk = Desk()
    desk.live()
    if lose:
        desk.board.lose_upstream(Cause.LINK_SILENT)
    answer = desk.answer("state,AAPL,")
    assert (answer["type"], answer["state"], answer["cause"]) == (9, state, cause)
    assert answer["sequence"] == 3 if lose else 2
    assert answer["flags"] & SNAPSHOT


def test_snapshot_of_the_state_of_a_pending_symbol_has_its_sequence() -> None:
    """A consumer of the state topic joins like any other."""
    desk = Desk()
    desk.board.open("AAPL")
    answer = desk.answer("state,AAPL,")
    assert (answer["state"], answer["sequence"]) == ("pending", 1)


@pytest.mark.parametrize("topic", ["depth,AAPL,", "order,AAPL,", "quote@250,AAPL,", "book,AAPL,"])
def test_snapshot_of_what_is_not_delivered_is_refused(topic: str) -> None:
    """No answer at all would leave the consumer waiting for ever."""
    desk = Desk()
    desk.live()
    answer = desk.answer(topic)
    assert (answer["type"], answer["state"]) == (9, "refused")
    assert answer["sequence"] == 0


def test_snapshot_of_news_is_the_last_headline_or_empty() -> None:
    """News belongs to a distributor, so no symbol has to be watched."""
    desk = Desk()
    answer = desk.answer("news,DTN,")
    assert (answer["type"], answer["sequence"], answer["headline"]) == (8, 0, None)
    desk.feed("N,DTN,123,AAPL:MSFT:,20260916 095959,Head, line,")
    answer = desk.answer("news,DTN,")
    assert (answer["sequence"], answer["flags"]) == (1, SNAPSHOT)
    assert answer["headline"] == "Head, line"
    assert desk.answer("news@250,DTN,")["state"] == "closed"


def test_news_topics_are_bounded_and_never_go_back() -> None:
    """Garbage could name endless distributors; the floor keeps the real one's sequence rising."""
    desk = Desk(Options(symbol_count_max=3))
    for _ in range(4):
        desk.feed("N,DTN,1,,,Headline,")
    for index in range(3):
        desk.feed(f"N,X{index},1,,,Headline,")
    desk.feed("N,DTN,1,,,Headline,")
    sequences = [frame["sequence"] for frame in desk.take("news") if frame["symbol"] == "DTN"]
    assert sequences[:4] == [1, 2, 3, 4]
    assert sequences[4] > 4
    assert len(list(desk.board.topics())) <= 3


def test_wall_clock_set_back_does_not_disturb_sequences_or_states() -> None:
    """NTP may step the host's clock; only stamps follow it."""
    desk = Desk()
    desk.live()
    desk.clock.step_wall(seconds=-3600)
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    stale, live = desk.take("state")
    assert (stale["sequence"], live["sequence"]) == (3, 4)
    assert stale["recv_us"] == NOW_US - 3_600_000_000


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
