"""The admin connection, step by step."""

from gateway.iqfeed import commands
from gateway.iqfeed.admin import ClientAppRegistered, StatsSeen
from gateway.iqfeed.events import FeedOpened, HandshakeTimedOut, ProtocolSelected, VendorErrorSeen
from gateway.iqfeed.session import Link
from tests.unit.iqfeed.session_bench import STATS, events, hear, link_of, make_admin


def test_admin_link_follows_its_statistics() -> None:
    """A line a second is the admin port's sign of life."""
    session = make_admin()
    assert not session.request(commands.connect())
    session.connection_made(0)
    assert session.data_to_send() == b"S,SET PROTOCOL,6.2\r\nS,SET CLIENT NAME,gateway\r\n"
    assert link_of(session) is Link.NEGOTIATING
    heard = hear(session, STATS)
    assert isinstance(heard[-1], StatsSeen)
    assert link_of(session) is Link.STREAMING
    session.handle_deadline(now_ns=3)
    assert link_of(session) is Link.STALE
    hear(session, STATS, now_ns=4)
    assert link_of(session) is Link.STREAMING


def test_admin_handshake_is_given_up_in_time() -> None:
    """An admin port without statistics is not IQConnect's."""
    session = make_admin()
    session.connection_made(0)
    session.handle_deadline(now_ns=10)
    assert events(session) == [FeedOpened(), HandshakeTimedOut("stats")]


def test_admin_passes_commands_and_replies() -> None:
    """The log-in recipe is the owner's; the session only carries it."""
    session = make_admin()
    session.connection_made(0)
    session.data_to_send()
    events(session)
    assert session.request(commands.connect())
    assert session.data_to_send() == b"S,CONNECT\r\n"
    heard = hear(
        session, "S,CURRENT PROTOCOL,6.2,", "S,REGISTER CLIENT APP COMPLETED,", "E,no,", "O"
    )
    assert heard == [ProtocolSelected("6.2"), ClientAppRegistered(), VendorErrorSeen("no")]


def test_admin_requests_are_bounded() -> None:
    """An owner that repeats its wishes must not fill memory."""
    session = make_admin()
    session.connection_made(0)
    assert sum(session.request(commands.connect()) for _ in range(1_000)) < 201
    session.eof(0)
    assert not session.request(commands.connect())
