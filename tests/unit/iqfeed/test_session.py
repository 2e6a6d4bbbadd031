"""The connection's state machines, step by step; whole conversations are in tests/protocol."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import gateway.iqfeed
from gateway.errors import LocalProtocolError, SymbolInvalid
from gateway.iqfeed import commands
from gateway.iqfeed.admin import ClientAppRegistered, StatsSeen
from gateway.iqfeed.events import (
    Event,
    FeedEnded,
    FeedOpened,
    FeedSilent,
    FieldRefused,
    FieldsSelected,
    HandshakeTimedOut,
    ProtocolRefused,
    ProtocolSelected,
    StreamStarted,
    VendorErrorSeen,
)
from gateway.iqfeed.fields import GATEWAY_FIELDS
from gateway.iqfeed.session import (
    ADMIN_TRANSITIONS,
    TRANSITIONS,
    AdminSession,
    Level1Session,
    Link,
    state_diagram,
)
from gateway.iqfeed.system import (
    CustomerKnown,
    ServerConnected,
    ServerTime,
    SymbolNotFound,
)

STATS = "S,STATS,1.2.3.4,60003,500,1,8,0,0,0,Apr 01 6:48PM,,Connected,6.2.0.15,1,1,1,1,1,1,1,"


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


def events(session: Level1Session | AdminSession) -> list[Event]:
    """Every event not yet taken."""
    return list(iter(session.next_event, None))


def link_of(session: Level1Session | AdminSession) -> Link:
    """The link now; a plain attribute would be narrowed by the type checker and never change."""
    return session.link


def hear(session: Level1Session | AdminSession, *lines: str, now_ns: int = 0) -> list[Event]:
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


def test_nothing_happens_before_the_connection_stands() -> None:
    """The owner may poll a new session; it must not speak, count time or react."""
    session = make()
    assert session.data_to_send() == b""
    assert session.deadline_ns() is None
    session.handle_deadline(now_ns=100)
    assert hear(session, "T,20260916 15:56:43") == []
    assert link_of(session) is Link.CONNECTING
    assert not session.has_more_to_send


def test_protocol_is_set_before_anything_else() -> None:
    """Everything else is read in the dialect of the moment."""
    session = make()
    session.connection_made(0)
    assert session.data_to_send() == b"S,SET PROTOCOL,6.2\r\n"
    assert session.data_to_send() == b""
    assert events(session) == [FeedOpened()]


@pytest.mark.parametrize("is_news_wanted", [False, True])
def test_acknowledged_protocol_opens_the_rest(is_news_wanted: bool) -> None:
    """Name, fields, one time line, and news only when somebody wants them."""
    session = make(is_news_wanted=is_news_wanted)
    session.connection_made(0)
    session.data_to_send()
    assert hear(session, "S,CURRENT PROTOCOL,6.2")[1:] == [ProtocolSelected("6.2")]
    expected = b"S,SET CLIENT NAME,gateway\r\nS,SELECT UPDATE FIELDS,Bid,Ask\r\nT\r\n"
    assert session.data_to_send() == expected + (b"S,NEWSON\r\n" if is_news_wanted else b"")


def test_other_protocol_is_not_accepted() -> None:
    """Columns of another dialect would be read wrongly."""
    session = make()
    session.connection_made(0)
    events(session)
    assert hear(session, "S,CURRENT PROTOCOL,4.9,") == []
    assert link_of(session) is Link.NEGOTIATING


def test_unsolicited_default_fields_are_not_an_acknowledgement() -> None:
    """Taking the default set for ours would put every value in the wrong column."""
    session = make()
    session.connection_made(0)
    hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask", "S,CURRENT PROTOCOL,6.2")
    events(session)
    assert hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Most Recent Trade,Bid") == []
    hear(session, "T,20260916 15:56:43")
    assert link_of(session) is Link.NEGOTIATING
    assert hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask") == [
        FieldsSelected(("Symbol", "Bid", "Ask"))
    ]


def test_time_may_come_last() -> None:
    """Without the vendor's clock the first lines could not be dated."""
    session = make()
    session.connection_made(0)
    lines = ["S,CURRENT PROTOCOL,6.2,", "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,"]
    assert FieldsSelected(("Symbol", "Bid", "Ask")) not in hear(session, *lines)
    assert hear(session, "T,20260916 15:56:43") == [
        ServerTime("20260916 15:56:43"),
        FieldsSelected(("Symbol", "Bid", "Ask")),
    ]
    assert hear(session, "T,20260916 15:56:44") == [ServerTime("20260916 15:56:44")]


def test_repeated_acknowledgements_change_nothing() -> None:
    """Other programs' habits, or a T after the handshake, must not restart it."""
    session = streaming()
    lines = ["S,CURRENT PROTOCOL,6.2,", "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,"]
    assert hear(session, *lines) == []
    assert link_of(session) is Link.STREAMING


def test_fields_that_change_later_end_the_connection() -> None:
    """Refuse to guess: the columns are no longer the agreed ones."""
    session = streaming()
    assert hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Ask,Bid") == [
        FeedEnded("fields_changed")
    ]
    assert link_of(session) is Link.CLOSED


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ([], "protocol"),
        (["S,KEY,99999", "S,SERVER DISCONNECTED"], "protocol"),
        (["S,CURRENT PROTOCOL,6.2", "T,20260916 15:56:43"], "fields"),
        (["S,CURRENT PROTOCOL,6.2", "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask"], "time"),
    ],
)
def test_handshake_is_given_up_in_time(lines: list[str], missing: str) -> None:
    """IQConnect that is not logged in accepts connections and then says nothing of use."""
    session = make()
    session.connection_made(100)
    hear(session, *lines, now_ns=105)
    assert session.deadline_ns() == 110
    session.handle_deadline(now_ns=109)
    assert link_of(session) is Link.NEGOTIATING
    session.handle_deadline(now_ns=110)
    assert events(session) == [HandshakeTimedOut(missing)]
    assert link_of(session) is Link.CLOSED
    assert session.data_to_send() == b""


def test_older_protocols_are_tried_in_turn() -> None:
    """An IQConnect of some years ago still serves; only newer columns are missing."""
    session = make()
    session.connection_made(0)
    session.data_to_send()
    events(session)
    for refused, tried in (("6.2", "6.1"), ("6.1", "6.0"), ("6.0", "5.2")):
        text = f"{refused} is not a valid protocol."
        assert hear(session, f"E,{text},") == [VendorErrorSeen(text), ProtocolRefused(refused)]
        assert session.data_to_send() == f"S,SET PROTOCOL,{tried}\r\n".encode()
        assert session.protocol == tried
    assert hear(session, "E,5.2 is not a valid protocol.")[1:] == [
        ProtocolRefused("5.2"),
        FeedEnded("protocol_refused"),
    ]


def test_unlisted_protocol_has_no_older_one() -> None:
    """What comes before a version we do not know cannot be guessed."""
    session = make(protocol="7.0")
    session.connection_made(0)
    assert hear(session, "E,7.0 is not a valid protocol.")[-1] == FeedEnded("protocol_refused")


@pytest.mark.parametrize(
    "error",
    ["!SYNTAX_ERROR!", "6.1 is not a valid protocol.", "Nothing is not a valid fieldset field"],
)
def test_errors_about_other_things_change_nothing(error: str) -> None:
    """Errors name no command; only one about our own request may act."""
    session = make()
    session.connection_made(0)
    events(session)
    session.data_to_send()
    assert hear(session, f"E,{error},") == [VendorErrorSeen(error)]
    assert session.data_to_send() == b""


def test_protocol_errors_after_the_acknowledgement_change_nothing() -> None:
    """The question is settled; a late or foreign error must not reopen it."""
    session = make()
    session.connection_made(0)
    hear(session, "S,CURRENT PROTOCOL,6.2")
    session.data_to_send()
    assert len(hear(session, "E,6.2 is not a valid protocol.,")) == 1
    assert session.data_to_send() == b""


def test_refused_field_is_dropped_and_the_rest_selected_again() -> None:
    """One field an older version does not know must not cost all prices."""
    session = make()
    session.connection_made(0)
    hear(session, "S,CURRENT PROTOCOL,6.2", "T,20260916 15:56:43")
    session.data_to_send()
    text = "Ask is not a valid fieldset field"
    assert hear(session, f"E,{text},") == [VendorErrorSeen(text), FieldRefused("Ask")]
    assert session.data_to_send() == b"S,SELECT UPDATE FIELDS,Bid\r\n"
    assert hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask") == []
    assert hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid") == [
        FieldsSelected(("Symbol", "Bid"))
    ]


def test_refusals_of_fields_are_bounded() -> None:
    """An IQConnect that knows none of our fields is not one we can read."""
    session = make(field_names=GATEWAY_FIELDS)
    session.connection_made(0)
    hear(session, "S,CURRENT PROTOCOL,6.2")
    heard = hear(session, *(f"E,{name} is not a valid fieldset field" for name in GATEWAY_FIELDS))
    assert heard[-1] == FeedEnded("fields_refused")
    assert sum(isinstance(event, FieldRefused) for event in heard) == 9


def test_last_field_refused_ends_the_connection() -> None:
    """A selection of nothing cannot be sent."""
    session = make(field_names=["Bid"])
    session.connection_made(0)
    hear(session, "S,CURRENT PROTOCOL,6.2")
    assert hear(session, "E,Bid is not a valid fieldset field")[-1] == FeedEnded("fields_refused")


def test_field_refused_after_the_acknowledgement_changes_nothing() -> None:
    """The agreed columns stand; an error of another command must not move them."""
    session = make()
    session.connection_made(0)
    hear(session, "S,CURRENT PROTOCOL,6.2", "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask")
    session.data_to_send()
    assert len(hear(session, "E,Ask is not a valid fieldset field")) == 1
    hear(session, "T,20260916 15:56:43")
    assert len(hear(session, "E,Ask is not a valid fieldset field")) == 1
    assert link_of(session) is Link.RESUBSCRIBING


def test_watches_wait_for_the_fields() -> None:
    """Lines in flight may still have the old columns: select before watching."""
    session = make()
    session.connection_made(0)
    assert session.request_watch("AAPL")
    assert b"AAPL" not in session.data_to_send()
    hear(session, "S,CURRENT PROTOCOL,6.2")
    assert b"AAPL" not in session.data_to_send()
    hear(session, "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask", "T,20260916 15:56:43")
    assert session.data_to_send() == b"wAAPL\r\n"


def test_stream_starts_when_the_watches_are_out() -> None:
    """Only then does silence of a symbol mean anything."""
    session = ready(make(commands_per_batch=2))
    for symbol in ("A", "B", "C", "D", "E"):
        session.request_watch(symbol)
    assert session.queued_count == 5
    sent = []
    while session.has_more_to_send:
        assert link_of(session) is Link.RESUBSCRIBING
        sent.append(session.data_to_send())
    assert sent == [b"wA\r\nwB\r\n", b"wC\r\nwD\r\n", b"wE\r\n"]
    assert events(session) == [StreamStarted()]
    assert link_of(session) is Link.STREAMING


def test_stream_starts_without_watches_too() -> None:
    """A gateway nobody asks for anything yet is healthy."""
    session = ready(make())
    assert session.has_more_to_send
    assert session.data_to_send() == b""
    assert events(session) == [StreamStarted()]
    assert not session.has_more_to_send


def test_requests_are_spelled_and_ordered() -> None:
    """An unwatch that overtakes its watch would leave a symbol watched for ever."""
    session = streaming()
    assert session.request_watch("AAPL")
    assert session.request_refresh("AAPL")
    assert session.request_regional("AAPL", is_on=True)
    assert session.request_regional("AAPL", is_on=False)
    assert session.request_unwatch("AAPL")
    assert session.has_more_to_send
    assert session.data_to_send() == b"wAAPL\r\nfAAPL\r\nS,REGON,AAPL\r\nS,REGOFF,AAPL\r\nrAAPL\r\n"


def test_requests_are_bounded() -> None:
    """A storm of demand must not become memory."""
    session = make(commands_queued_max=2)
    assert [session.request_watch(symbol) for symbol in "ABC"] == [True, True, False]
    assert session.queued_count == 2


def test_bad_symbols_never_reach_the_queue() -> None:
    """The last line of defense against a second command in a symbol."""
    session = streaming()
    with pytest.raises(SymbolInvalid):
        session.request_watch("AAPL\r\nS,DISCONNECT")
    assert session.queued_count == 0


def test_closed_session_refuses_requests() -> None:
    """The next session watches what is wanted then."""
    session = streaming()
    session.eof(1)
    assert not session.request_watch("AAPL")
    assert not session.has_more_to_send


def test_silence_while_watches_are_sent_makes_stale_too() -> None:
    """Commands that go out prove nothing about what comes in."""
    session = ready(make(commands_per_batch=1))
    session.request_watch("A")
    session.request_watch("B")
    session.data_to_send()
    session.handle_deadline(now_ns=3)
    assert link_of(session) is Link.STALE
    assert session.data_to_send() == b"wB\r\n"
    assert events(session) == [FeedSilent(3), StreamStarted()]
    assert link_of(session) is Link.STALE


def test_system_lines_are_passed_on() -> None:
    """Who watches a symbol must learn that it does not exist; the rest is for health."""
    session = streaming()
    heard = hear(
        session,
        "n,XYZZY",
        "S,SERVER CONNECTED",
        "S,CUST,real_time,1.2.3.4,1,,6.2.0.25,0,,,500,,,",
        STATS,
        "O",
        "what is this",
    )
    assert heard[:2] == [SymbolNotFound("XYZZY"), ServerConnected()]
    assert isinstance(heard[2], CustomerKnown)
    assert heard[2].customer.max_symbols == 500
    assert isinstance(heard[3], StatsSeen)
    assert len(heard) == 4


@pytest.mark.parametrize(
    ("field_names", "protocol"), [(["Symbol"], "6.2"), ([], "6.2"), (["Bid"], "6.2\r\n")]
)
def test_what_cannot_be_sent_is_refused_at_once(field_names: list[str], protocol: str) -> None:
    """A mistake in configuration should fail at start, not on the first connection."""
    with pytest.raises(LocalProtocolError):
        make(field_names=field_names, protocol=protocol)


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


@pytest.mark.parametrize("table", [TRANSITIONS, ADMIN_TRANSITIONS])
def test_every_open_link_can_end(table: dict[Link, dict[type[Event], Link]]) -> None:
    """A state that cannot be left would hold a dead connection for ever."""
    for link, moves in table.items():
        assert (moves.get(FeedEnded) is Link.CLOSED) is (link is not Link.CLOSED)


def test_drawn_states_are_the_real_ones() -> None:
    """A diagram that is drawn by hand is wrong after the next change."""
    readme = (Path(gateway.iqfeed.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{state_diagram()}\n```" in readme
    assert f"```mermaid\n{state_diagram(ADMIN_TRANSITIONS)}\n```" in readme
