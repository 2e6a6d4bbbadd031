"""Any line, any order, any time: what every session promises to its owner and to IQConnect."""

import re
from collections import deque
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.errors import SymbolInvalid
from gateway.iqfeed import commands
from gateway.iqfeed.events import Event, FeedHeard, FeedSilent, FieldsSelected, StreamStarted
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS, Level2Session
from gateway.iqfeed.link import Link, Session, Transitions
from gateway.iqfeed.session import ADMIN_TRANSITIONS, TRANSITIONS, AdminSession, Level1Session
from gateway.iqfeed.streaming import COMMANDS_PER_BATCH, StreamingSession
from tests.support.iqfeed_lines import LINES
from tests.unit.iqfeed.session_bench import STATS, make, make_admin, make_level2

OPEN_LINKS = (Link.RESUBSCRIBING, Link.STREAMING, Link.STALE)
STEPS_MAX = 4
QUEUED_MAX, BATCH = 5, 2
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "@ESZ26", "BRK.B"])
ELAPSED_NS = st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4, 5, 8, 12])
"""Silence is 3, closing 5 more, the handshake 10: most waits must not end the connection."""
SYMBOL = rb"[A-Z0-9@.]{1,48}"


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
        self.now_ns = 0
        self.link = Link.CONNECTING
        self.is_silent = False
        self.seen: list[type[Event]] = []
        self.pending: deque[bytes] = deque()

    def answers(self) -> list[str]:
        """What a peer says that answers well, which chance alone would rarely do."""
        raise NotImplementedError

    def answer(self, count: int = 3) -> None:
        """Let the peer answer well, or begin to."""
        for line in self.answers()[:count]:
            self.session.receive_line(line, now_ns=self.now_ns)

    def may_request(self) -> bool:
        """Whether requests may be sent."""
        raise NotImplementedError

    def take_events(self) -> None:
        """Move the model by the session's events."""
        while (event := self.session.next_event()) is not None:
            assert self.link is not Link.CLOSED, "nothing happens after the end"
            self.link = self.transitions[self.link].get(type(event), self.link)
            self.seen.append(type(event))
            if isinstance(event, FeedSilent):
                assert not self.is_silent, "a silence begins once"
                assert event.silent_ns >= 3
                self.is_silent = True
            elif isinstance(event, FeedHeard):
                assert self.is_silent, "only a silence can end"
                self.is_silent = False

    @initialize(start=st.sampled_from([0, 1, 1, 2, 3]))
    def begin(self, start: int) -> None:
        """Begin early or late: chance alone would seldom come far."""
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
        """A timer fires in the very nanosecond: the link moves one step."""
        deadline_ns = self.session.deadline_ns()
        assert deadline_ns is not None
        self.now_ns = max(self.now_ns, deadline_ns)
        self.session.handle_deadline(now_ns=self.now_ns)
        assert self.session.link is not self.link

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
        self.session.connection_made(self.now_ns)

    @rule(line=LINES)
    def receive(self, line: str) -> None:
        """The peer says something."""
        self.session.receive_line(line, now_ns=self.now_ns)

    @precondition(lambda self: self.session.link not in (Link.CONNECTING, Link.CLOSED))
    @rule()
    def hear_market_data(self) -> None:
        """Lines came that are not the session's, which only count as a sign of life."""
        self.session.heard(self.now_ns)
        assert self.session.link is not Link.STALE

    @rule(count=st.sampled_from([1, 2, 3]))
    def shake_hands(self, count: int) -> None:
        """The peer answers well, and perhaps stops half-way."""
        self.answer(count)

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
        self.session.connection_made(self.now_ns)
        for _ in range(STEPS_MAX):
            self.answer()
            self.moves_are_in_the_table()
        for _ in range(QUEUED_MAX):
            self.send()
            self.moves_are_in_the_table()
        if self.link is not Link.CLOSED:
            assert self.link is Link.STREAMING
            assert not self.pending


class StreamingMachine(SessionMachine):
    """What Level 1 and Level 2 have in common."""

    session: StreamingSession

    def may_request(self) -> bool:
        """Watches depend on what was agreed."""
        is_agreed = self.session.link in OPEN_LINKS
        assert self.session.is_ready is is_agreed
        return is_agreed

    def expect(self, is_accepted: bool, command: bytes) -> None:
        """Note a request, which is refused when too much waits or the connection is over."""
        if is_accepted:
            self.pending.append(command)
        else:
            is_full = len(self.pending) >= QUEUED_MAX
            is_too_early = isinstance(self.session, Level2Session) and not self.may_request()
            assert is_full or is_too_early or self.session.link is Link.CLOSED

    @rule()
    def refuse_the_protocol(self) -> None:
        """The peer is older than what it was asked for."""
        line = f"E,{self.session.protocol} is not a valid protocol.,"
        self.session.receive_line(line, now_ns=self.now_ns)

    @invariant()
    def queues_are_bounded(self) -> None:
        """Memory must not depend on what others do, and nothing that waits is forgotten."""
        assert self.session.queued_count == len(self.pending) <= QUEUED_MAX

    @invariant()
    def sending_is_announced(self) -> None:
        """An owner that sends only when told to must not miss a request."""
        if self.pending and self.may_request():
            assert self.session.has_more_to_send


class Level1Machine(StreamingMachine):
    """Level 1: two fields are selected."""

    transitions = TRANSITIONS
    own_lines = re.compile(
        rb"S,SET PROTOCOL,\d\.\d|S,SET CLIENT NAME,gateway"
        rb"|S,SELECT UPDATE FIELDS,(Bid|Ask|Bid,Ask)|T"
    )
    request_lines = re.compile(rb"[wrf]%b|S,REG(ON|OFF),%b" % (SYMBOL, SYMBOL))
    session: Level1Session

    def __init__(self) -> None:
        super().__init__()
        self.session = make(commands_per_batch=BATCH, commands_queued_max=QUEUED_MAX)

    def answers(self) -> list[str]:
        """Protocol and fields are acknowledged, and the time is told."""
        names = ",".join(["Symbol", *self.session._field_names])
        return [
            f"S,CURRENT PROTOCOL,{self.session.protocol}",
            f"S,CURRENT UPDATE FIELDNAMES,{names}",
            "T,20260916 15:56:43",
        ]

    @rule()
    def refuse_a_field(self) -> None:
        """The peer does not know a field, perhaps not even the last one."""
        names = self.session._field_names
        line = f"E,{names[0] if names else 'Bid'} is not a valid fieldset field,"
        self.session.receive_line(line, now_ns=self.now_ns)

    @rule(symbol=SYMBOLS, is_on=st.booleans())
    def request(self, symbol: str, is_on: bool) -> None:
        """The owner wants a symbol, and then no longer."""
        session, name = self.session, symbol.encode()
        self.expect(session.request_watch(symbol), b"w" + name)
        self.expect(
            session.request_regional(symbol, is_on), b"S,REGO%b," % [b"FF", b"N"][is_on] + name
        )
        self.expect(session.request_refresh(symbol), b"f" + name)
        self.expect(session.request_unwatch(symbol), b"r" + name)

    @rule(text=st.sampled_from(["", "aapl", "A,B", "A\r\nwB", "A ", "\xd6", "A" * 49]))
    def request_what_is_no_symbol(self, text: str) -> None:
        """The owner passes on what a consumer made up."""
        for request in (self.session.request_watch, self.session.request_unwatch):
            with pytest.raises(SymbolInvalid):
                request(text)


class Level2Machine(StreamingMachine):
    """Level 2: in either dialect."""

    transitions = LEVEL2_TRANSITIONS
    own_lines = re.compile(rb"S,SET PROTOCOL,\d\.\d|S,SET CLIENT NAME,gateway|S,TIMESTAMPSON")
    request_lines = re.compile(
        rb"[wr]%b|(WOR|ROR|RPL),%b|WPL,%b(,[1-9]\d*)?" % (SYMBOL, SYMBOL, SYMBOL)
    )
    session: Level2Session

    def __init__(self) -> None:
        super().__init__()
        self.session = make_level2(commands_per_batch=BATCH, commands_queued_max=QUEUED_MAX)

    def answers(self) -> list[str]:
        """The protocol is acknowledged."""
        return [f"S,CURRENT PROTOCOL,{self.session.protocol}"]

    @rule(symbol=SYMBOLS)
    def request_orders(self, symbol: str) -> None:
        """The owner wants orders, and then no longer."""
        session, name = self.session, symbol.encode()
        is_classic = session.is_classic
        self.expect(session.request_orders(symbol), (b"w" if is_classic else b"WOR,") + name)
        self.expect(session.release_orders(symbol), (b"r" if is_classic else b"ROR,") + name)

    @rule(symbol=SYMBOLS, levels_max=st.integers(0, 12))
    def request_levels(self, symbol: str, levels_max: int) -> None:
        """The owner wants price levels, and then no longer."""
        session, name = self.session, symbol.encode()
        is_asked = session.request_levels(symbol, levels_max)
        is_released = session.release_levels(symbol)
        if session.is_classic:
            assert is_asked
            assert is_released
            return
        self.expect(is_asked, b"WPL," + name + (b",%d" % levels_max if levels_max else b""))
        self.expect(is_released, b"RPL," + name)


class AdminMachine(SessionMachine):
    """The admin port: commands need no handshake, only a connection."""

    transitions = ADMIN_TRANSITIONS
    own_lines = re.compile(rb"S,SET PROTOCOL,\d\.\d|S,SET CLIENT NAME,gateway")
    request_lines = re.compile(rb"S,(CLIENTSTATS (ON|OFF)|CONNECT|SET LOGINID,[0-9]+)")
    session: AdminSession

    def __init__(self) -> None:
        super().__init__()
        self.session = make_admin()

    def answers(self) -> list[str]:
        """The statistics of a second."""
        return [STATS]

    def may_request(self) -> bool:
        """A login is asked for before anything else works."""
        return self.session.link not in (Link.CONNECTING, Link.CLOSED)

    @rule(count=st.sampled_from([1, 1, 2, 50, COMMANDS_PER_BATCH]))
    def request(self, count: int) -> None:
        """The owner commands something, perhaps far too often."""
        for number in range(count):
            command = [
                commands.connect(),
                commands.client_stats(is_on=True),
                commands.set_login_id("497214"),
            ][number % 3]
            if self.session.request(command):
                assert self.may_request()
                self.pending.append(command.removesuffix(b"\r\n"))
            else:
                is_full = len(self.pending) + 2 >= COMMANDS_PER_BATCH
                assert is_full or not self.may_request()
        assert len(self.pending) <= COMMANDS_PER_BATCH


for machine in (Level1Machine, Level2Machine, AdminMachine):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestLevel1Machine = pytest.mark.slow(Level1Machine.TestCase)
TestLevel2Machine = pytest.mark.slow(Level2Machine.TestCase)
TestAdminMachine = pytest.mark.slow(AdminMachine.TestCase)
