"""A Level 2 connection, step by step; conversations are in tests/protocol."""

from collections.abc import Callable

import pytest

from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed.events import (
    FeedEnded,
    FeedOpened,
    FeedSilent,
    HandshakeTimedOut,
    ProtocolSelected,
    StreamStarted,
)
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.link import Link
from gateway.iqfeed.system import DepthCleared, MakerName, NoDepth, ServerTime, SymbolNotFound
from tests.unit.iqfeed.session_bench import events, hear, link_of, make_level2

GREETING = b"S,SET CLIENT NAME,gateway\r\nS,TIMESTAMPSON\r\n"
REQUESTS: list[Callable[[Level2Session, str], bool]] = [
    Level2Session.request_orders,
    Level2Session.release_orders,
    lambda session, symbol: session.request_levels(symbol, 5),
    Level2Session.release_levels,
]


def streaming(protocol: str = "6.2", *, commands_queued_max: int = 20_000) -> Level2Session:
    """A session that has nothing to do."""
    session = make_level2(protocol=protocol, commands_queued_max=commands_queued_max)
    session.connection_made(0)
    hear(session, f"S,CURRENT PROTOCOL,{protocol},")
    session.data_to_send()
    events(session)
    assert link_of(session) is Link.STREAMING
    return session


def test_the_protocol_alone_ends_the_handshake() -> None:
    """Level 2 lines have fixed columns and carry their dates: nothing else need be agreed."""
    session = make_level2()
    session.connection_made(0)
    assert session.data_to_send() == b"S,SET PROTOCOL,6.2\r\n"
    assert hear(session, "S,CURRENT PROTOCOL,6.2") == [FeedOpened(), ProtocolSelected("6.2")]
    assert link_of(session) is Link.RESUBSCRIBING
    assert session.request_orders("AAPL")
    assert session.data_to_send() == GREETING + b"WOR,AAPL\r\n"
    assert events(session) == [StreamStarted()]
    assert link_of(session) is Link.STREAMING


def test_handshake_is_given_up_in_time() -> None:
    """A time line proves that somebody is there, not that the dialect is agreed."""
    session = make_level2()
    session.connection_made(0)
    hear(session, "T,20260916 15:56:43")
    session.handle_deadline(now_ns=10)
    assert events(session) == [HandshakeTimedOut("protocol")]
    assert link_of(session) is Link.CLOSED


def test_requests_are_spelled_and_ordered() -> None:
    """A release that overtakes its request would leave a symbol watched for ever."""
    session = streaming()
    assert not session.is_classic
    assert session.request_orders("@ESZ26")
    assert session.request_levels("@ESZ26", 0)
    assert session.request_levels("@ESZ26", 10)
    assert session.release_levels("@ESZ26")
    assert session.release_orders("@ESZ26")
    assert session.queued_count == 5
    assert session.data_to_send() == (
        b"WOR,@ESZ26\r\nWPL,@ESZ26\r\nWPL,@ESZ26,10\r\nRPL,@ESZ26\r\nROR,@ESZ26\r\n"
    )


@pytest.mark.parametrize("protocol", ["6.1", "6.0", "5.2"])
def test_classic_connection_knows_one_request(protocol: str) -> None:
    """Before 6.2 there were no price levels; who wants them gets the classic depth's."""
    session = streaming(protocol)
    assert session.is_classic
    assert session.request_levels("@ESZ26", 10)
    assert session.release_levels("@ESZ26")
    assert session.queued_count == 0
    assert session.request_orders("@ESZ26")
    assert session.release_orders("@ESZ26")
    assert session.data_to_send() == b"w@ESZ26\r\nr@ESZ26\r\n"


@pytest.mark.parametrize("request_of", REQUESTS)
def test_requests_before_the_dialect_is_known_are_refused(
    request_of: Callable[[Level2Session, str], bool],
) -> None:
    """Queued in one dialect, a command could be sent in the other."""
    session = make_level2()
    assert not request_of(session, "AAPL")
    session.connection_made(0)
    hear(session, "E,6.2 is not a valid protocol.,")
    assert session.protocol == "6.1"
    assert not session.is_classic
    assert not request_of(session, "AAPL")
    assert session.queued_count == 0


@pytest.mark.parametrize("request_of", REQUESTS)
def test_closed_session_refuses_requests(
    request_of: Callable[[Level2Session, str], bool],
) -> None:
    """The next session asks for what is wanted then."""
    session = streaming()
    session.eof(1)
    assert not request_of(session, "AAPL")
    assert not session.has_more_to_send


def test_requests_are_bounded() -> None:
    """A storm of demand must not become memory."""
    session = streaming(commands_queued_max=2)
    assert [session.request_orders(symbol) for symbol in "ABC"] == [True, True, False]
    assert not session.request_levels("A", 0)
    assert session.queued_count == 2


@pytest.mark.parametrize("protocol", ["6.2", "6.1"])
@pytest.mark.parametrize("request_of", REQUESTS)
def test_bad_symbols_never_reach_the_queue(
    request_of: Callable[[Level2Session, str], bool], protocol: str
) -> None:
    """The last line of defense against a second command in a symbol."""
    session = streaming(protocol)
    with pytest.raises(SymbolInvalid):
        request_of(session, "AAPL\r\nS,DISCONNECT")
    assert session.queued_count == 0


@pytest.mark.parametrize("protocol", ["6.2", "6.1"])
def test_a_negative_number_of_levels_is_our_own_mistake(protocol: str) -> None:
    """It must not depend on the dialect whether it is noticed."""
    with pytest.raises(LocalProtocolError):
        streaming(protocol).request_levels("AAPL", -1)


def test_system_lines_are_passed_on() -> None:
    """Who asked for depth must learn that there is none, and when a side starts over."""
    session = streaming()
    heard = hear(
        session,
        "n,XYZZY",
        "q,AAPL,",
        "S,CLEAR DEPTH,@ESZ26,B,",
        "M,MD02,Market depth 2",
        "T,20260916 15:56:43",
        "O",
        "S,CURRENT PROTOCOL,6.1",
    )
    assert heard == [
        SymbolNotFound("XYZZY"),
        NoDepth("AAPL"),
        DepthCleared("@ESZ26", "B"),
        MakerName("MD02", "Market depth 2"),
        ServerTime("20260916 15:56:43"),
    ]


def test_the_dialect_belongs_to_one_connection() -> None:
    """What was agreed stays readable after the end; the next session begins without it."""
    session = streaming("6.1")
    session.eof(1)
    assert session.is_classic
    assert not make_level2(protocol="6.1").is_classic


def test_silence_is_judged_as_on_level_1() -> None:
    """A quiet book with a time line each second is not silent; one without is."""
    session = streaming()
    hear(session, "T,20260916 15:56:43", now_ns=2)
    session.handle_deadline(now_ns=4)
    assert link_of(session) is Link.STREAMING
    session.handle_deadline(now_ns=5)
    assert link_of(session) is Link.STALE
    assert session.request_orders("AAPL")
    session.handle_deadline(now_ns=10)
    assert events(session) == [FeedSilent(3), FeedEnded("silent")]
    assert link_of(session) is Link.CLOSED
