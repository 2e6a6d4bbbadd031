"""Any line, any order, any time: sessions and parsers answer, and stay within their bounds."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.counters import Complaints, Counters
from gateway.iqfeed.admin import parse_client_stats, parse_reply, parse_stats
from gateway.iqfeed.events import Event, SystemLine
from gateway.iqfeed.level1 import parse_correction, parse_fundamental, parse_news, parse_regional
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.session import TRANSITIONS, Level1Session, Link
from gateway.iqfeed.system import parse_system

STREAM = "".join(
    f"{line}\r\n"
    for line in (
        "S,KEY,99999",
        "S,SERVER CONNECTED",
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Most Recent Trade,",
        "S,CURRENT PROTOCOL,6.2,",
        "E,Ask is not a valid fieldset field,",
        "T,20260916 15:56:43",
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,",
        "n,XYZZY",
        "S,SYMBOL LIMIT REACHED,AAPL",
        "\xd6 never seen",
        "",
        "T,20260916 15:56:44",
    )
).encode("latin-1")

LINES = st.one_of(
    st.sampled_from(STREAM.decode("latin-1").split("\r\n")),
    st.sampled_from(
        [
            "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,",
            "E,6.2 is not a valid protocol.,",
            "E,6.1 is not a valid protocol.,",
            "E,Bid is not a valid fieldset field,",
            "S,CURRENT PROTOCOL,6.1",
            "S,SERVER DISCONNECTED",
        ]
    ),
    st.text(max_size=30),
    st.builds(
        ",".join,
        st.lists(
            st.sampled_from(["S", "T", "E", "n", "STATS", "CUST", "", "1", "6.2"]), max_size=25
        ),
    ),
)


def make() -> Level1Session:
    """A session that selects two fields and can hold five requests."""
    return Level1Session(
        client_name="gateway",
        field_names=["Bid", "Ask"],
        silence_ns_max=3,
        handshake_ns_max=10,
        close_after_silence_ns=5,
        is_news_wanted=False,
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


@given(st.one_of(st.text(max_size=80), LINES))
def test_no_line_makes_a_parser_raise(line: str) -> None:
    """An upgrade of IQConnect, or garbage, costs a line and never the feed."""
    complaints = Complaints(Counters())
    parse_fundamental(line, complaints)
    parse_fundamental(line, complaints, protocol="5.2")
    parse_regional(line, complaints)
    parse_news(line, complaints)
    parse_correction(line, complaints)
    assert isinstance(parse_system(line), SystemLine)
    fields = line.split(",")
    parse_stats(fields)
    parse_client_stats(fields)
    parse_reply(fields[0], fields[1:])


@given(st.lists(st.text(max_size=12), min_size=8, max_size=70))
def test_no_columns_make_a_parser_raise(columns: list[str]) -> None:
    """Lines of the right shape with anything in them reach every reader."""
    complaints = Complaints(Counters())
    line = ",".join(columns) + ","
    for parse in (parse_fundamental, parse_regional, parse_news, parse_correction):
        parse("X," + line, complaints)
    parse_system("S,CUST," + line)
    parse_system("S,STATS," + line)


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
        names = ",".join(["Symbol", *self.session._field_names])
        for line in (
            f"S,CURRENT PROTOCOL,{self.session.protocol}",
            f"S,CURRENT UPDATE FIELDNAMES,{names}",
            "T,20260916 15:56:43",
        ):
            self.session.receive_line(line, now_ns=self.now_ns)

    @rule(symbol=st.sampled_from(["AAPL", "MSFT"]))
    def request(self, symbol: str) -> None:
        """The owner wants a symbol."""
        self.session.request_watch(symbol)

    @rule()
    def send(self) -> None:
        """The owner sends what is due: whole lines, watches only once the columns are known."""
        had_fields = self.session.link in (Link.RESUBSCRIBING, Link.STREAMING, Link.STALE)
        data = self.session.data_to_send()
        assert data.endswith(b"\r\n") or not data
        assert had_fields or b"w" not in data

    @precondition(lambda self: self.session.link is Link.STREAMING)
    @rule()
    def close(self) -> None:
        """The peer closes."""
        self.session.eof(self.now_ns)

    @invariant()
    def moves_are_in_the_table(self) -> None:
        """The link moves by its events and in no other way."""
        while (event := self.session.next_event()) is not None:
            self.link = TRANSITIONS[self.link].get(type(event), self.link)
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
