"""A Level 1 connection in use, step by step; conversations are in tests/protocol."""

import pytest

from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed.admin import StatsSeen
from gateway.iqfeed.events import Event, FeedEnded, FeedSilent, StreamStarted
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS
from gateway.iqfeed.session import ADMIN_TRANSITIONS, TRANSITIONS, Link
from gateway.iqfeed.system import CustomerKnown, ServerConnected, SymbolNotFound
from tests.unit.iqfeed.session_bench import STATS, events, hear, link_of, make, ready, streaming


def test_watches_wait_for_the_fields() -> None:
    """Lines in flight may still have the old columns: select before watching."""
    session = make()
    session.connection_made(0)
    assert session.request_watch("AAPL")
    assert b"AAPL" not in session.data_to_send()
    hear(session, "S,CURRENT PROTOCOL,6.2")
    assert b"AAPL" not in session.data_to_send()
    hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask", "T,20260916 15:56:43")
    assert session.data_to_send() == b"wAAPL\r\n"


def test_stream_starts_when_the_watches_are_out() -> None:
    """Only then does silence of a symbol mean anything."""
    session = ready(make(commands_per_batch=2))
    for symbol in ("A", "B", "C", "D", "E"):
        session.request_watch(symbol)
    assert session.queued_count == 5
    sent = []
    while session.has_more_to_send:
        assert link_of(session) is Link.RESUBSCRIBING
        sent.append(session.data_to_send())
    assert sent == [b"wA\r\nwB\r\n", b"wC\r\nwD\r\n", b"wE\r\n"]
    assert events(session) == [StreamStarted()]
    assert link_of(session) is Link.STREAMING


def test_stream_starts_without_watches_too() -> None:
    """A gateway nobody asks for anything yet is healthy."""
    session = ready(make())
    assert session.has_more_to_send
    assert session.data_to_send() == b""
    assert events(session) == [StreamStarted()]
    assert not session.has_more_to_send


def test_requests_are_spelled_and_ordered() -> None:
    """An unwatch that overtakes its watch would leave a symbol watched for ever."""
    session = streaming()
    assert session.request_watch("AAPL")
    assert session.request_refresh("AAPL")
    assert session.request_regional("AAPL", is_on=True)
    assert session.request_regional("AAPL", is_on=False)
    assert session.request_unwatch("AAPL")
    assert session.has_more_to_send
    assert session.data_to_send() == b"wAAPL\r\nfAAPL\r\nS,REGON,AAPL\r\nS,REGOFF,AAPL\r\nrAAPL\r\n"


def test_requests_are_bounded() -> None:
    """A storm of demand must not become memory."""
    session = make(commands_queued_max=2)
    assert [session.request_watch(symbol) for symbol in "ABC"] == [True, True, False]
    assert session.queued_count == 2


def test_bad_symbols_never_reach_the_queue() -> None:
    """The last line of defense against a second command in a symbol."""
    session = streaming()
    with pytest.raises(SymbolInvalid):
        session.request_watch("AAPL\r\nS,DISCONNECT")
    assert session.queued_count == 0


def test_closed_session_refuses_requests() -> None:
    """The next session watches what is wanted then."""
    session = streaming()
    session.eof(1)
    assert not session.request_watch("AAPL")
    assert not session.has_more_to_send


def test_silence_while_watches_are_sent_makes_stale_too() -> None:
    """Commands that go out prove nothing about what comes in."""
    session = ready(make(commands_per_batch=1))
    session.request_watch("A")
    session.request_watch("B")
    session.data_to_send()
    session.handle_deadline(now_ns=3)
    assert link_of(session) is Link.STALE
    assert session.data_to_send() == b"wB\r\n"
    assert events(session) == [FeedSilent(3), StreamStarted()]
    assert link_of(session) is Link.STALE


def test_system_lines_are_passed_on() -> None:
    """Who watches a symbol must learn that it does not exist; the rest is for health."""
    session = streaming()
    heard = hear(
        session,
        "n,XYZZY",
        "S,SERVER CONNECTED",
        "S,CUST,real_time,1.2.3.4,1,,6.2.0.25,0,,,500,,,",
        STATS,
        "O",
        "what is this",
    )
    assert heard[:2] == [SymbolNotFound("XYZZY"), ServerConnected()]
    assert isinstance(heard[2], CustomerKnown)
    assert heard[2].customer.max_symbols == 500
    assert isinstance(heard[3], StatsSeen)
    assert len(heard) == 4


@pytest.mark.parametrize(
    ("field_names", "protocol"), [(["Symbol"], "6.2"), ([], "6.2"), (["Bid"], "6.2\r\n")]
)
def test_what_cannot_be_sent_is_refused_at_once(field_names: list[str], protocol: str) -> None:
    """A mistake in configuration should fail at start, not on the first connection."""
    with pytest.raises(LocalProtocolError):
        make(field_names=field_names, protocol=protocol)


@pytest.mark.parametrize("table", [TRANSITIONS, LEVEL2_TRANSITIONS, ADMIN_TRANSITIONS])
def test_every_open_link_can_end(table: dict[Link, dict[type[Event], Link]]) -> None:
    """A state that cannot be left would hold a dead connection for ever."""
    for link, moves in table.items():
        assert (moves.get(FeedEnded) is Link.CLOSED) is (link is not Link.CLOSED)
