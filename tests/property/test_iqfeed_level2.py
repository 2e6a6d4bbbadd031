"""Level 2: any line, any order, any time, in any dialect."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.counters import Complaints, Counters
from gateway.iqfeed.events import Event, SystemLine
from gateway.iqfeed.level2_session import LEVEL2_TRANSITIONS, Level2Session
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Link
from gateway.iqfeed.system import DepthCleared, MakerName, NoDepth, OtherSystem, parse_system

STREAM = "".join(
    f"{line}\r\n"
    for line in (
        "S,SERVER CONNECTED",
        "E,6.2 is not a valid protocol.,",
        "S,CURRENT PROTOCOL,6.1,",
        "T,20260916 15:56:43",
        "q,AAPL,",
        "S,SERVER DISCONNECTED",
        "S,CLEAR DEPTH,@ESZ26,B,",
        "S,CLEAR DEPTH,@ESZ26,A,",
        "S,CLEAR DEPTH,@ESZ26,,",
        "M,MD02,Market depth 2",
        "O",
        "n,XYZZY",
        "6,QQQ,,AMEX,A,408.8400,100,,4,17:52:38.059128,2022-04-01,",
        "\xd6 never seen",
        "",
        "T,20260916 15:56:44",
    )
).encode("latin-1")

LINES = st.one_of(
    st.sampled_from(STREAM.decode("latin-1").split("\r\n")),
    st.sampled_from(["S,CURRENT PROTOCOL,6.2", "E,6.1 is not a valid protocol.,"]),
    st.text(max_size=30),
    st.builds(
        ",".join,
        st.lists(
            st.sampled_from(["S", "q", "M", "n", "CLEAR DEPTH", "AAPL", "A", "B", "", "6.2"]),
            max_size=6,
        ),
    ),
)
CLASSIC_LETTERS = (b"w", b"r")
ORDER_LETTERS = (b"WOR,", b"ROR,", b"WPL,", b"RPL,")


def make() -> Level2Session:
    """A session that can hold five requests and sends two at a time."""
    return Level2Session(
        client_name="gateway",
        silence_ns_max=3,
        handshake_ns_max=10,
        close_after_silence_ns=5,
        commands_per_batch=2,
        commands_queued_max=5,
    )


def hear(chunks: list[bytes]) -> tuple[list[Event], bytes]:
    """Everything a session reports and sends for these chunks."""
    session, framer = make(), LineFramer(Complaints(Counters()))
    session.connection_made(0)
    for chunk in chunks:
        session.heard(0)
        for line in framer.feed(chunk):
            session.receive_line(line, now_ns=0)
    sent = session.data_to_send()
    return list(iter(session.next_event, None)), sent


@given(st.lists(st.integers(1, len(STREAM) - 1), unique=True).map(sorted))
def test_chunking_does_not_change_events(cuts: list[int]) -> None:
    """Any split of the same bytes, one byte at a time included, gives equal events."""
    chunks = [STREAM[start:end] for start, end in pairwise([0, *cuts, len(STREAM)])]
    whole = hear([STREAM])
    assert hear(chunks) == whole
    assert hear([bytes([byte]) for byte in STREAM]) == whole


@given(LINES)
def test_no_line_makes_the_parser_raise(line: str) -> None:
    """An upgrade of IQConnect, or garbage, costs a line and never the feed."""
    assert isinstance(parse_system(line), SystemLine)


@given(st.sampled_from(["q,", "M,", "S,CLEAR DEPTH,"]), st.lists(st.text(max_size=12), max_size=5))
def test_columns_are_read_whole_or_not_at_all(start: str, columns: list[str]) -> None:
    """A symbol nobody sent, or a side nobody named, would empty somebody's book."""
    line = start + ",".join(columns)
    match parse_system(line):
        case DepthCleared(symbol, side):
            assert symbol == line.split(",")[2] != ""
            assert side == line.split(",")[3]
            assert side in ("A", "B")
        case NoDepth(symbol):
            assert symbol == line.split(",")[1] != ""
        case MakerName(maker, description):
            assert maker
            assert line.removesuffix(",") in (f"M,{maker},{description}", f"M,{maker}")
        case other:
            assert other == OtherSystem(line)


class SessionMachine(RuleBasedStateMachine):
    """A session whose owner and peer do anything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.session = make()
        self.now_ns = 0
        self.link = Link.CONNECTING

    @rule(elapsed_ns=st.integers(0, 12))
    def wait(self, elapsed_ns: int) -> None:
        """Time passes and the deadline, if due, is handled."""
        self.now_ns += elapsed_ns
        self.session.handle_deadline(now_ns=self.now_ns)

    @rule()
    def connect(self) -> None:
        """The connection stands, perhaps for the second time."""
        self.session.connection_made(self.now_ns)

    @rule(line=LINES)
    def receive(self, line: str) -> None:
        """The peer says something."""
        self.session.receive_line(line, now_ns=self.now_ns)

    @rule()
    def shake_hands(self) -> None:
        """The peer answers well, which chance alone would rarely do."""
        line = f"S,CURRENT PROTOCOL,{self.session.protocol}"
        self.session.receive_line(line, now_ns=self.now_ns)

    @rule(symbol=st.sampled_from(["AAPL", "@ESZ26"]), levels_max=st.integers(0, 3))
    def request(self, symbol: str, levels_max: int) -> None:
        """The owner wants a symbol, and then no longer."""
        session = self.session
        before, is_ready = session.queued_count, session.is_ready
        orders = [session.request_orders(symbol), session.release_orders(symbol)]
        levels = [session.request_levels(symbol, levels_max), session.release_levels(symbol)]
        assert is_ready or not any(orders)
        asked = orders if session.is_classic else [*orders, *levels]
        assert session.queued_count - before == sum(asked)

    @rule()
    def send(self) -> None:
        """The owner sends what is due: whole lines, requests of the agreed dialect only."""
        is_ready = self.session.is_ready
        lines = self.session.data_to_send().split(b"\r\n")
        assert lines.pop() == b""
        expected = CLASSIC_LETTERS if self.session.is_classic else ORDER_LETTERS
        for line in lines:
            assert line.startswith((b"S,", *expected))
            assert is_ready or line.startswith(b"S,")

    @precondition(lambda self: self.session.link is Link.STREAMING)
    @rule()
    def close(self) -> None:
        """The peer closes."""
        self.session.eof(self.now_ns)

    @invariant()
    def moves_are_in_the_table(self) -> None:
        """The link moves by its events and in no other way."""
        while (event := self.session.next_event()) is not None:
            self.link = LEVEL2_TRANSITIONS[self.link].get(type(event), self.link)
        assert self.session.link is self.link

    @invariant()
    def a_deadline_waits_unless_nothing_is_awaited(self) -> None:
        """A connection without a deadline could hang for ever."""
        is_idle = self.session.link in (Link.CONNECTING, Link.CLOSED)
        assert (self.session.deadline_ns() is None) is is_idle

    @invariant()
    def queues_are_bounded(self) -> None:
        """Memory must not depend on what others do."""
        assert self.session.queued_count <= 5


SessionMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestSessionMachine = SessionMachine.TestCase
