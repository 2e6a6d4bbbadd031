"""What a snapshot answers in each state of a symbol."""

import pytest

from gateway.model.enums import Cause
from gateway.normalize.board_answers import BoardAnswers
from gateway.wire.topics import parse_topic
from schemas.reference_codec import ReferenceCodec
from tests.unit.normalize.line_desk import NOW_US, SNAPSHOT, STALE, Desk, Options, line

pytestmark = pytest.mark.usefixtures("pipeline_name")

LEVEL1_TOPICS = ("quote", "trade", "summary", "fundamental", "regional", "correction")
HEADER = {"type", "epoch", "sequence", "flags", "recv_us"}


def test_regional_quote_of_before_an_outage_stays_stale_in_snapshots() -> None:
    """The symbol is live again by its own quote, but nobody has heard this market center since."""
    desk = Desk()
    desk.live()
    regional = "R,AAPL,,188.25,100,10:00:00,188.36,200,10:00:00,14,4,11,"
    desk.feed(regional)
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT | STALE
    desk.feed(line("P"))
    assert desk.answer("quote,AAPL,")["flags"] == SNAPSHOT
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT | STALE
    desk.feed(regional)
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT


def test_regional_quote_holds_after_a_silence_in_which_nothing_was_lost() -> None:
    """What holds for the quote holds for the market center's."""
    desk = Desk()
    desk.live()
    desk.feed("R,AAPL,,188.25,100,10:00:00,188.36,200,10:00:00,14,4,11,")
    desk.board.lose_upstream(Cause.LINK_SILENT)
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT | STALE
    desk.board.resume_upstream()
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT


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


def test_snapshot_of_an_event_that_never_happened_fits_the_contract_after_an_eviction() -> None:
    """With the floor's sequence and nil values: what the reader needs to continue from."""
    desk = Desk(Options(symbol_count_max=1))
    desk.board.close(desk.live())
    desk.live("MSFT")
    name = parse_topic(b"trade,MSFT,")
    assert name is not None
    body = BoardAnswers(desk.board, clock=desk.clock).answer(name)
    assert (body[2] > 0, body[6]) == (True, None)
    ReferenceCodec().decode(b"~0123456789abcd.trade,MSFT," + desk.envelope.pack(body))


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
    assert answer["flags"] == SNAPSHOT


def test_snapshot_of_the_state_of_a_pending_symbol_has_its_sequence() -> None:
    """A consumer of the state topic joins like any other."""
    desk = Desk()
    desk.board.open("AAPL")
    answer = desk.answer("state,AAPL,")
    assert (answer["state"], answer["sequence"]) == ("pending", 1)


@pytest.mark.parametrize("topic", ["depth,AAPL,", "order,AAPL,", "trade@250,AAPL,", "book,AAPL,"])
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
