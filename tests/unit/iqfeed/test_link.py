"""What every session shares: life, silence and end."""

from typing import ClassVar

import pytest

from gateway.iqfeed.events import (
    Event,
    FeedEnded,
    FeedHeard,
    FeedOpened,
    FeedSilent,
    HandshakeTimedOut,
    StreamStarted,
)
from gateway.iqfeed.link import Link, Session, Transitions


class Greeter(Session):
    """The smallest session: it greets, and any line is the answer it wants."""

    transitions: ClassVar[Transitions] = {
        Link.CONNECTING: {FeedOpened: Link.NEGOTIATING, FeedEnded: Link.CLOSED},
        Link.NEGOTIATING: {
            StreamStarted: Link.STREAMING,
            HandshakeTimedOut: Link.CLOSED,
            FeedEnded: Link.CLOSED,
        },
        Link.STREAMING: {FeedSilent: Link.STALE, FeedEnded: Link.CLOSED},
        Link.STALE: {FeedHeard: Link.STREAMING, FeedEnded: Link.CLOSED},
        Link.CLOSED: {},
    }

    def _begin(self) -> None:
        self._outgoing.append(b"hello\r\n")

    def _receive(self, line: str) -> None:
        if line == "hello":
            self._emit(StreamStarted())

    def _missing(self) -> str:
        return "hello"


def make() -> Greeter:
    """Silence 3, handshake 10, closing 5 nanoseconds."""
    return Greeter(silence_ns_max=3, handshake_ns_max=10, close_after_silence_ns=5)


def streaming() -> Greeter:
    """A session that heard its answer at 100."""
    session = make()
    session.connection_made(90)
    session.data_to_send()
    session.receive_line("hello", now_ns=100)
    events(session)
    return session


def events(session: Session) -> list[Event]:
    """Every event not yet taken."""
    return list(iter(session.next_event, None))


def link_of(session: Session) -> Link:
    """The link now; a plain attribute would be narrowed by the type checker and never change."""
    return session.link


def test_nothing_happens_before_the_connection_stands() -> None:
    """The owner may poll a new session; it must not speak, count time or react."""
    session = make()
    assert session.data_to_send() == b""
    assert session.deadline_ns() is None
    session.handle_deadline(now_ns=1_000)
    session.receive_line("hello", now_ns=1_000)
    assert session.next_event() is None
    assert link_of(session) is Link.CONNECTING


def test_the_handshake_begins_with_the_connection() -> None:
    """What is returned counts as sent: it must not be sent twice."""
    session = make()
    session.connection_made(90)
    assert link_of(session) is Link.NEGOTIATING
    assert session.deadline_ns() == 100
    assert (session.data_to_send(), session.data_to_send()) == (b"hello\r\n", b"")
    assert events(session) == [FeedOpened()]


def test_a_session_serves_one_connection() -> None:
    """A repeated call must not start it over."""
    session = streaming()
    session.connection_made(101)
    assert link_of(session) is Link.STREAMING
    assert session.data_to_send() == b""


def test_a_handshake_without_an_answer_times_out() -> None:
    """Bytes alone are no answer: the time counts from the connection, not from the last byte."""
    session = make()
    session.connection_made(90)
    session.heard(99)
    session.handle_deadline(now_ns=99)
    assert link_of(session) is Link.NEGOTIATING
    session.handle_deadline(now_ns=100)
    assert events(session) == [FeedOpened(), HandshakeTimedOut("hello")]
    assert link_of(session) is Link.CLOSED
    assert session.data_to_send() == b""


def test_silence_makes_stale_and_a_byte_heals() -> None:
    """An old price must not look fresh, and any byte proves the link."""
    session = streaming()
    assert session.deadline_ns() == 103
    session.handle_deadline(now_ns=102)
    assert link_of(session) is Link.STREAMING
    session.handle_deadline(now_ns=104)
    assert events(session) == [FeedSilent(4)]
    assert link_of(session) is Link.STALE
    session.heard(105)
    assert events(session) == [FeedHeard()]
    assert link_of(session) is Link.STREAMING
    assert session.deadline_ns() == 108


def test_every_byte_postpones_the_silence() -> None:
    """A quiet market with a time line each second is not silent."""
    session = streaming()
    session.heard(102)
    session.handle_deadline(now_ns=104)
    assert events(session) == []
    assert session.deadline_ns() == 105


def test_lasting_silence_ends_the_connection() -> None:
    """A half-open connection never says so by itself."""
    session = streaming()
    session.handle_deadline(now_ns=103)
    assert session.deadline_ns() == 108
    session.handle_deadline(now_ns=107)
    assert link_of(session) is Link.STALE
    session.handle_deadline(now_ns=108)
    assert events(session) == [FeedSilent(3), FeedEnded("silent")]
    assert link_of(session) is Link.CLOSED
    assert session.deadline_ns() is None


def test_a_long_sleep_gives_waiting_bytes_a_chance() -> None:
    """After a suspension the socket may hold a minute of good data."""
    session = streaming()
    session.handle_deadline(now_ns=1_000_000)
    assert link_of(session) is Link.STALE
    session.heard(1_000_001)
    assert link_of(session) is Link.STREAMING


def test_the_end_is_told_once() -> None:
    """The owner reconnects once per end."""
    session = streaming()
    session.eof(101)
    session.eof(102)
    session.heard(103)
    session.receive_line("hello", now_ns=104)
    session.handle_deadline(now_ns=1_000)
    assert events(session) == [FeedEnded("closed")]


def test_a_connection_may_end_before_it_stands() -> None:
    """A refused connection is an end too."""
    session = make()
    session.eof(0)
    assert events(session) == [FeedEnded("closed")]
    assert link_of(session) is Link.CLOSED


@pytest.mark.parametrize("call", ["_begin", "_missing"])
def test_the_base_alone_is_no_session(call: str) -> None:
    """What differs between ports must be written for each."""
    session = Session(silence_ns_max=1, handshake_ns_max=1, close_after_silence_ns=1)
    with pytest.raises(NotImplementedError):
        getattr(session, call)()
    with pytest.raises(NotImplementedError):
        session._receive("")
