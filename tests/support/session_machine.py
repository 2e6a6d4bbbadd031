"""A model of what every session promises; tests of the ports add what each of them adds."""

import re
from collections import deque
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.iqfeed.events import (
    Event,
    FeedEnded,
    FeedHeard,
    FeedSilent,
    FieldsSelected,
    StreamStarted,
)
from gateway.iqfeed.link import Link, Session, Transitions
from tests.support.iqfeed_lines import LINES

SILENCE_NS, CLOSE_NS = 3, 5
STEPS_MAX = 4
QUEUED_MAX, BATCH = 5, 2
ELAPSED_NS = st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4, 5, 8, 12])
"""Silence is 3, closing 5 more, the handshake 10: most waits must not end the connection."""
KEEPALIVES = (None, None, 1, 2, 7)
"""Time between requests for a sign of life: more and less often than silence is noticed."""


class SessionMachine(RuleBasedStateMachine):
    """A session whose owner and peer do anything in any order; what all ports have in common."""

    transitions: ClassVar[Transitions]
    own_lines: ClassVar[re.Pattern[bytes]]
    """What the session says of its own accord."""
    request_lines: ClassVar[re.Pattern[bytes]]
    """What it says because its owner asked."""
    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = self.heard_ns = 0
        self.link = Link.CONNECTING
        self.is_silent = False
        self.seen: list[type[Event]] = []
        self.said: list[bytes] = []
        self.pending: deque[bytes] = deque()

    def open_session(self, keepalive_ns: int | None) -> None:
        """Make the session."""
        raise NotImplementedError

    def answers(self) -> list[str]:
        """What a peer says that answers well, which chance alone would rarely do."""
        raise NotImplementedError

    def answer(self) -> None:
        """Let the peer answer well."""
        for line in self.answers():
            self.hear(line)

    def hear(self, line: str) -> None:
        """Let the session hear a line."""
        if self.link not in (Link.CONNECTING, Link.CLOSED):
            self.heard_ns = self.now_ns
        self.session.receive_line(line, now_ns=self.now_ns)
        self.take_events()

    def may_request(self) -> bool:
        """Whether requests may be sent."""
        raise NotImplementedError

    def take_events(self) -> None:
        """Move the model by the session's events."""
        while (event := self.session.next_event()) is not None:
            assert self.link is not Link.CLOSED, "nothing happens after the end"
            self.link = self.transitions[self.link].get(type(event), self.link)
            self.seen.append(type(event))
            self.judge(event)

    def judge(self, event: Event) -> None:
        """Check that an event is true."""
        match event:
            case FeedSilent(silent_ns):
                assert not self.is_silent, "a silence begins once"
                assert silent_ns == self.now_ns - self.heard_ns >= SILENCE_NS
                self.is_silent = True
            case FeedHeard():
                assert self.is_silent, "only a silence can end"
                self.is_silent = False
            case FeedEnded("silent"):
                assert self.is_silent
                assert self.now_ns - self.heard_ns >= SILENCE_NS + CLOSE_NS
            case _:
                pass

    @initialize(start=st.sampled_from([0, 0, 1, 1, 2, 3]), keepalive_ns=st.sampled_from(KEEPALIVES))
    def begin(self, start: int, keepalive_ns: int | None) -> None:
        """Begin early or late: chance alone would seldom come far."""
        self.keepalive_ns = keepalive_ns
        self.open_session(keepalive_ns)
        steps = (self.connect, self.answer, self.send)
        for step in steps[:start]:
            step()
            self.take_events()

    @rule(elapsed_ns=ELAPSED_NS)
    def wait(self, elapsed_ns: int) -> None:
        """Time passes and deadlines are handled, as a timer would, until none is due."""
        self.now_ns += elapsed_ns
        for _ in range(STEPS_MAX):
            self.session.handle_deadline(now_ns=self.now_ns)
            deadline_ns = self.session.deadline_ns()
            if deadline_ns is None or deadline_ns > self.now_ns:
                return
        pytest.fail("a deadline that stays in the past keeps a processor busy")

    @precondition(lambda self: self.session.deadline_ns() is not None)
    @rule()
    def meet_the_deadline(self) -> None:
        """A timer fires in the very nanosecond: something comes of it, and the next is later."""
        deadline_ns = self.session.deadline_ns()
        assert deadline_ns is not None
        is_late, self.now_ns = deadline_ns < self.now_ns, max(self.now_ns, deadline_ns)
        self.session.handle_deadline(now_ns=self.now_ns)
        after_ns = self.session.deadline_ns()
        assert after_ns is None or after_ns > self.now_ns or is_late

    @rule(elapsed_ns=ELAPSED_NS)
    def oversleep(self, elapsed_ns: int) -> None:
        """Time passes and nobody handles anything."""
        self.now_ns += elapsed_ns

    @rule()
    def handle_early(self) -> None:
        """A timer fires before it is due: nothing follows from that."""
        deadline_ns = self.session.deadline_ns()
        self.take_events()
        if deadline_ns is None or self.now_ns < deadline_ns:
            self.session.handle_deadline(now_ns=self.now_ns)
            assert self.session.next_event() is None
            assert self.session.deadline_ns() == deadline_ns

    @rule()
    def connect(self) -> None:
        """The connection stands, perhaps for the second time."""
        if self.link is Link.CONNECTING:
            self.heard_ns = self.now_ns
        self.session.connection_made(self.now_ns)

    @rule(line=LINES)
    def receive(self, line: str) -> None:
        """The peer says something."""
        self.hear(line)

    @precondition(lambda self: self.session.link not in (Link.CONNECTING, Link.CLOSED))
    @rule()
    def hear_market_data(self) -> None:
        """Lines came that are not the session's, which only count as a sign of life."""
        self.heard_ns = self.now_ns
        self.session.heard(self.now_ns)
        assert self.session.link is not Link.STALE

    @rule(places=st.lists(st.integers(0, 2), min_size=1, max_size=4))
    def shake_hands(self, places: list[int]) -> None:
        """The peer answers well, in any order, perhaps twice or not all of it."""
        for place in places:
            answers = self.answers()
            self.hear(answers[place % len(answers)])

    @rule()
    def send(self) -> None:
        """The owner sends what is due: whole lines of the grammar, requests in order, each once."""
        may_request, was_closed = self.may_request(), self.session.link is Link.CLOSED
        lines = self.session.data_to_send().split(b"\r\n")
        assert lines.pop() == b"", "the last line was cut"
        assert not (was_closed and lines)
        for line in lines:
            if self.pending and line == self.pending[0]:
                assert may_request
                assert self.request_lines.fullmatch(line)
                self.pending.popleft()
            else:
                assert self.own_lines.fullmatch(line), line
                self.said.append(line)

    @rule(is_meant=st.sampled_from([False] * 7 + [True]))
    def close(self, is_meant: bool) -> None:
        """The peer closes, now and then."""
        if is_meant:
            self.session.eof(self.now_ns)
            assert self.session.link is Link.CLOSED

    @invariant()
    def moves_are_in_the_table(self) -> None:
        """The link moves by its events and in no other way."""
        self.take_events()
        assert self.session.link is self.link
        assert self.is_silent is (self.link is Link.STALE) or self.link is Link.CLOSED

    @invariant()
    def a_deadline_waits_unless_nothing_is_awaited(self) -> None:
        """A connection without a deadline could hang for ever."""
        is_idle = self.session.link in (Link.CONNECTING, Link.CLOSED)
        assert (self.session.deadline_ns() is None) is is_idle

    @invariant()
    def some_things_happen_once(self) -> None:
        """Owners replay watches and count connections on them."""
        for event in (FieldsSelected, StreamStarted):
            assert self.seen.count(event) <= 1

    def teardown(self) -> None:
        """Whatever happened, a peer that answers gets all requests, or the connection is over."""
        if not hasattr(self, "session"):
            return
        self.connect()
        for _ in range(STEPS_MAX):
            self.answer()
            self.moves_are_in_the_table()
        for _ in range(QUEUED_MAX):
            self.send()
            self.moves_are_in_the_table()
        if self.link is not Link.CLOSED:
            assert self.link is Link.STREAMING
            assert not self.pending
