"""What Level 1 and Level 2 share, on the smallest session that streams."""

from typing import ClassVar

import pytest

from gateway.errors import LocalProtocolError
from gateway.iqfeed.admin import StatsSeen
from gateway.iqfeed.events import (
    FeedEnded,
    FeedOpened,
    ProtocolRefused,
    ProtocolSelected,
    StreamStarted,
    VendorErrorSeen,
)
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS
from gateway.iqfeed.link import Link, Transitions
from gateway.iqfeed.streaming import PROTOCOLS, StreamingSession
from gateway.iqfeed.system import CustomerKnown, ServerConnected
from tests.unit.iqfeed.session_bench import STATS, events, hear, link_of


class Streamer(StreamingSession):
    """Says hello once the protocol is agreed, and is ready then."""

    transitions: ClassVar[Transitions] = LEVEL2_TRANSITIONS

    def _greet(self) -> None:
        self._outgoing.append(b"hello\r\n")

    def _missing(self) -> str:
        return "protocol"


def make(
    *,
    client_name: str = "gateway",
    protocol: str = PROTOCOLS[0],
    commands_per_batch: int = 2,
    commands_queued_max: int = 5,
) -> Streamer:
    """Silence 3, handshake 10, closing 5 nanoseconds; two commands a batch, five queued."""
    return Streamer(
        client_name=client_name,
        protocol=protocol,
        silence_ns_max=3,
        handshake_ns_max=10,
        close_after_silence_ns=5,
        commands_per_batch=commands_per_batch,
        commands_queued_max=commands_queued_max,
    )


def opened(protocol: str = PROTOCOLS[0]) -> Streamer:
    """A session that has asked for its protocol."""
    session = make(protocol=protocol)
    session.connection_made(0)
    session.data_to_send()
    events(session)
    return session


def test_nothing_is_due_before_the_connection_stands() -> None:
    """The owner may poll a new session; it must not speak."""
    session = make()
    assert session.protocol == "6.2"
    assert not session.is_ready
    assert not session.has_more_to_send
    assert session.data_to_send() == b""


def test_protocol_comes_first_and_opens_the_rest() -> None:
    """Everything else is read in the dialect of the moment."""
    session = make()
    session.connection_made(0)
    assert session.has_more_to_send
    assert session.data_to_send() == b"S,SET PROTOCOL,6.2\r\n"
    assert hear(session, "S,CURRENT PROTOCOL,6.2,") == [FeedOpened(), ProtocolSelected("6.2")]
    assert session.is_ready
    assert session.data_to_send() == b"S,SET CLIENT NAME,gateway\r\nhello\r\n"
    assert events(session) == [StreamStarted()]
    assert hear(session, "S,CURRENT PROTOCOL,6.2") == []
    assert not session.has_more_to_send


def test_other_protocol_is_not_accepted() -> None:
    """Lines of another dialect would be read wrongly."""
    session = opened()
    assert hear(session, "S,CURRENT PROTOCOL,4.9") == []
    assert not session.is_ready


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_older_protocols_are_tried_to_the_last(protocol: str) -> None:
    """An IQConnect of some years ago still serves."""
    session = opened(protocol)
    older = [*PROTOCOLS[PROTOCOLS.index(protocol) + 1 :], None]
    for version in older:
        refused = session.protocol
        text = f"{refused} is not a valid protocol."
        heard = hear(session, f"E,{text},")
        assert heard[:2] == [VendorErrorSeen(text), ProtocolRefused(refused)]
        if version is None:
            assert heard[2:] == [FeedEnded("protocol_refused")]
            assert session.data_to_send() == b""
        else:
            assert session.data_to_send() == f"S,SET PROTOCOL,{version}\r\n".encode()


def test_unlisted_protocol_has_no_older_one() -> None:
    """What comes before a version we do not know cannot be guessed."""
    session = opened("7.0")
    assert hear(session, "E,7.0 is not a valid protocol.")[-1] == FeedEnded("protocol_refused")


@pytest.mark.parametrize("error", ["!SYNTAX_ERROR!", "6.1 is not a valid protocol."])
def test_errors_about_other_things_change_nothing(error: str) -> None:
    """Errors name no command; only one about our own request may act."""
    session = opened()
    assert hear(session, f"E,{error},") == [VendorErrorSeen(error)]
    assert session.data_to_send() == b""
    assert link_of(session) is Link.NEGOTIATING


def test_refusals_after_the_handshake_change_nothing() -> None:
    """The question is settled; a late or foreign error must not reopen it."""
    session = opened()
    hear(session, "S,CURRENT PROTOCOL,6.2")
    session.data_to_send()
    events(session)
    text = "6.2 is not a valid protocol."
    assert hear(session, f"E,{text}") == [VendorErrorSeen(text)]
    assert session.data_to_send() == b""
    assert link_of(session) is Link.STREAMING


def test_requests_wait_and_go_out_in_batches() -> None:
    """A restart with many symbols must not flood IQConnect."""
    session = opened()
    assert [session._request(b"%d\r\n" % number) for number in range(6)] == [True] * 5 + [False]
    assert session.queued_count == 5
    assert session.data_to_send() == b""
    hear(session, "S,CURRENT PROTOCOL,6.2")
    greeting = b"S,SET CLIENT NAME,gateway\r\nhello\r\n"
    assert session.data_to_send() == greeting + b"0\r\n1\r\n"
    assert session.data_to_send() == b"2\r\n3\r\n"
    assert link_of(session) is Link.RESUBSCRIBING
    assert session.data_to_send() == b"4\r\n"
    assert events(session) == [StreamStarted()]
    assert link_of(session) is Link.STREAMING
    assert session._request(b"5\r\n")
    assert session.data_to_send() == b"5\r\n"
    assert events(session) == []


def test_closed_session_refuses_requests() -> None:
    """The next session asks for what is wanted then."""
    session = opened()
    session.eof(1)
    assert not session._request(b"0\r\n")
    assert not session.has_more_to_send


def test_system_lines_are_passed_on() -> None:
    """Both ports tell of the link to DTN and of the login; unknown lines are ignored."""
    session = opened()
    customer = "S,CUST,real_time,1.2.3.4,1,,6.2.0.25,0,,,500,,,"
    heard = hear(session, "S,SERVER CONNECTED", customer, STATS, "O", "what is this")
    assert heard[0] == ServerConnected()
    assert isinstance(heard[1], CustomerKnown)
    assert isinstance(heard[2], StatsSeen)
    assert len(heard) == 3


@pytest.mark.parametrize(("client_name", "protocol"), [("a,b", "6.2"), ("a", "6.2\r\n")])
def test_what_cannot_be_sent_is_refused_at_once(client_name: str, protocol: str) -> None:
    """A mistake in configuration should fail at start, not on the first connection."""
    with pytest.raises(LocalProtocolError):
        make(client_name=client_name, protocol=protocol)


def test_the_base_greets_nobody() -> None:
    """What follows the protocol differs between ports and must be written for each."""
    with pytest.raises(NotImplementedError):
        StreamingSession._greet(make())
