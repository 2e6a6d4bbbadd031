"""Shaking hands on Level 1: protocol, fields and time, refusals and old versions."""

import pytest

from gateway.iqfeed.events import (
    FeedEnded,
    FeedOpened,
    FieldRefused,
    FieldsSelected,
    HandshakeTimedOut,
    ProtocolRefused,
    ProtocolSelected,
    VendorErrorSeen,
)
from gateway.iqfeed.fields import GATEWAY_FIELDS
from gateway.iqfeed.session import Link
from gateway.iqfeed.system import ServerTime
from tests.unit.iqfeed.session_bench import events, hear, link_of, make, streaming


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
