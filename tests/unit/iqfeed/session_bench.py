"""Sessions with round figures, in the states that tests begin from."""

from collections.abc import Sequence

from gateway.iqfeed.events import Event
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.link import Link, Session
from gateway.iqfeed.session import AdminSession, Level1Session

STATS = "S,STATS,1.2.3.4,60003,500,1,8,0,0,0,Apr 01 6:48PM,,Connected,6.2.0.15,1,1,1,1,1,1,1,"
"""One line of the admin port's statistics."""


def make(
    *,
    field_names: Sequence[str] = ("Bid", "Ask"),
    protocol: str = "6.2",
    is_news_wanted: bool = False,
    commands_per_batch: int = 200,
    commands_queued_max: int = 20_000,
) -> Level1Session:
    """A session with round figures: silence 3, handshake 10, closing 5 nanoseconds."""
    return Level1Session(
        client_name="gateway",
        protocol=protocol,
        field_names=field_names,
        silence_ns_max=3,
        handshake_ns_max=10,
        close_after_silence_ns=5,
        is_news_wanted=is_news_wanted,
        commands_per_batch=commands_per_batch,
        commands_queued_max=commands_queued_max,
    )


def make_admin() -> AdminSession:
    """An admin session with the same figures."""
    return AdminSession(
        client_name="gateway", silence_ns_max=3, handshake_ns_max=10, close_after_silence_ns=5
    )


def make_level2(
    *, protocol: str = "6.2", commands_per_batch: int = 200, commands_queued_max: int = 20_000
) -> Level2Session:
    """A Level 2 session with the same figures."""
    return Level2Session(
        client_name="gateway",
        protocol=protocol,
        silence_ns_max=3,
        handshake_ns_max=10,
        close_after_silence_ns=5,
        commands_per_batch=commands_per_batch,
        commands_queued_max=commands_queued_max,
    )


def events(session: Session) -> list[Event]:
    """Every event not yet taken."""
    return list(iter(session.next_event, None))


def link_of(session: Session) -> Link:
    """The link now; a plain attribute would be narrowed by the type checker and never change."""
    return session.link


def hear(session: Session, *lines: str, now_ns: int = 0) -> list[Event]:
    """Take lines and return what they caused."""
    for line in lines:
        session.receive_line(line, now_ns=now_ns)
    return events(session)


def ready(session: Level1Session) -> Level1Session:
    """Shake hands, forget what happened meanwhile."""
    session.connection_made(0)
    hear(
        session,
        "S,CURRENT PROTOCOL,6.2,",
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,",
        "T,20260916 15:56:43",
    )
    assert link_of(session) is Link.RESUBSCRIBING
    session._outgoing.clear()
    return session


def streaming() -> Level1Session:
    """A session that has nothing to do."""
    session = ready(make())
    session.data_to_send()
    events(session)
    assert link_of(session) is Link.STREAMING
    return session
