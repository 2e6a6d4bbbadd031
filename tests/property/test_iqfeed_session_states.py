"""Any line, any order, any time: what every session promises to its owner and to IQConnect."""

import re

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from gateway.errors import SymbolInvalid
from gateway.iqfeed import commands
from gateway.iqfeed.events import Event, FieldsSelected, ProtocolSelected
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS, Level2Session
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import ADMIN_TRANSITIONS, TRANSITIONS, AdminSession, Level1Session
from gateway.iqfeed.streaming import COMMANDS_PER_BATCH, StreamingSession
from gateway.iqfeed.system import ServerTime
from tests.support.session_machine import BATCH, QUEUED_MAX, SessionMachine
from tests.unit.iqfeed.session_bench import STATS, make_admin

FIELD_NAMES = "S,CURRENT UPDATE FIELDNAMES,"
OPEN_LINKS = (Link.RESUBSCRIBING, Link.STREAMING, Link.STALE)
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "@ESZ26", "BRK.B"])
SYMBOL = rb"[A-Z0-9@.]{1,48}"


class StreamingMachine(SessionMachine):
    """What Level 1 and Level 2 have in common."""

    session: StreamingSession

    def judge(self, event: Event) -> None:
        """A protocol is agreed only when it is the one that was asked for."""
        super().judge(event)
        if isinstance(event, ProtocolSelected):
            assert event.version == self.session.protocol

    def may_request(self) -> bool:
        """Watches depend on what was agreed."""
        is_agreed = self.session.link in OPEN_LINKS
        assert self.session.is_ready is is_agreed
        return is_agreed

    def expect(self, is_accepted: bool, command: bytes) -> None:
        """Note a request, which is refused when too much waits or the connection is over."""
        if is_accepted:
            assert self.session.link is not Link.CLOSED, "it could never be sent"
            self.pending.append(command)
        else:
            is_full = len(self.pending) >= QUEUED_MAX
            is_too_early = isinstance(self.session, Level2Session) and not self.may_request()
            assert is_full or is_too_early or self.session.link is Link.CLOSED

    @rule()
    def refuse_the_protocol(self) -> None:
        """The peer is older than what it was asked for."""
        self.hear(f"E,{self.session.protocol} is not a valid protocol.,")

    @invariant()
    def queues_are_bounded(self) -> None:
        """Memory must not depend on what others do, and nothing that waits is forgotten."""
        assert self.session.queued_count == len(self.pending) <= QUEUED_MAX

    @invariant()
    def signs_of_life_are_asked_for_in_moderation(self) -> None:
        """Once in greeting, then once in each period: IQConnect is not hammered for them."""
        asked = self.said.count(b"T") + self.said.count(b"S,TIMESTAMPSON")
        periods = self.now_ns // self.keepalive_ns if self.keepalive_ns is not None else 0
        assert asked <= 1 + periods

    @invariant()
    def the_next_sign_of_life_is_planned(self) -> None:
        """A timer armed for silence alone would hear of nothing but silence."""
        if self.keepalive_ns is not None and self.may_request():
            deadline_ns = self.session.deadline_ns()
            assert deadline_ns is not None
            assert deadline_ns <= self.now_ns + self.keepalive_ns

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
        self.columns: tuple[str, ...] = ()

    def open_session(self, keepalive_ns: int | None) -> None:
        """Make a session that selects two fields."""
        self.session = Level1Session(
            client_name="gateway",
            field_names=["Bid", "Ask"],
            silence_ns_max=3,
            handshake_ns_max=10,
            close_after_silence_ns=5,
            keepalive_ns=keepalive_ns,
            is_news_wanted=False,
            commands_per_batch=BATCH,
            commands_queued_max=QUEUED_MAX,
        )

    def hear(self, line: str) -> None:
        """Note the columns that the peer names once the protocol is agreed."""
        if line.startswith(FIELD_NAMES) and ProtocolSelected in self.seen:
            self.columns = tuple(line.removeprefix(FIELD_NAMES).removesuffix(",").split(","))
        super().hear(line)

    def judge(self, event: Event) -> None:
        """Columns are selected only when the peer has named exactly them, and the time."""
        super().judge(event)
        if isinstance(event, FieldsSelected):
            assert event.names == self.columns
            assert ServerTime in self.seen

    @invariant()
    def columns_are_known(self) -> None:
        """A price read from the wrong column is worse than none."""
        if self.link in OPEN_LINKS:
            assert self.columns == ("Symbol", *self.session._field_names)

    def answers(self) -> list[str]:
        """Protocol and fields are acknowledged, and the time is told."""
        names = ",".join(["Symbol", *self.session._field_names])
        return [
            f"S,CURRENT PROTOCOL,{self.session.protocol}",
            f"S,CURRENT UPDATE FIELDNAMES,{names}",
            "T,20260916 15:56:43",
        ]

    @rule(names=st.sampled_from(["Symbol,Most Recent Trade", "Symbol,Bid,Ask", "Symbol,Ask", ""]))
    def name_columns(self, names: str) -> None:
        """The peer names columns that may or may not be ours, and the time."""
        self.hear(f"{FIELD_NAMES}{names},")
        self.hear("T,20260916 15:56:44")

    @rule()
    def refuse_a_field(self) -> None:
        """The peer does not know a field, perhaps not even the last one."""
        names = self.session._field_names
        self.hear(f"E,{names[0] if names else 'Bid'} is not a valid fieldset field,")

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

    def open_session(self, keepalive_ns: int | None) -> None:
        """Make a session."""
        self.session = Level2Session(
            client_name="gateway",
            silence_ns_max=3,
            handshake_ns_max=10,
            close_after_silence_ns=5,
            keepalive_ns=keepalive_ns,
            commands_per_batch=BATCH,
            commands_queued_max=QUEUED_MAX,
        )

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

    def open_session(self, keepalive_ns: int | None) -> None:
        """Make a session; this port speaks each second without being asked."""
        del keepalive_ns
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
    machine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestLevel1Machine = pytest.mark.slow(Level1Machine.TestCase)
TestLevel2Machine = pytest.mark.slow(Level2Machine.TestCase)
TestAdminMachine = pytest.mark.slow(AdminMachine.TestCase)
