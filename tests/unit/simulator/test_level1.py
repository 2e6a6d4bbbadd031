"""Level 1 commands and their exact answers, as the vendor's documents and captures have them."""

from itertools import pairwise

import pytest

from gateway.simulator.fields import DEFAULT_NAMES, LEGACY_NAMES, NAMES
from tests.unit.simulator.bench_desk import Bench

DEFAULT_TEXT = (
    "Symbol,Most Recent Trade,Most Recent Trade Size,Most Recent Trade Time,"
    "Most Recent Trade Market Center,Total Volume,Bid,Bid Size,Ask,Ask Size,Open,High,Low,Close,"
    "Message Contents,Most Recent Trade Conditions"
)


def test_the_greeting_comes_in_the_documented_order() -> None:
    """Clients wait for these lines, and the first field names are the oldest dialect's."""
    bench = Bench()
    lines = bench.level1(protocol=None).lines()
    assert lines[:3] == ["S,KEY,99999", "S,SERVER CONNECTED", "S,IP,192.0.2.10 60004"]
    assert lines[3].split(",")[1:3] == ["CUST", "real_time"]
    assert lines[3].split(",")[10] == "500"
    assert lines[4] == "S,CURRENT UPDATE FIELDNAMES," + ",".join(LEGACY_NAMES)
    assert len(lines) == 5


def test_without_a_link_the_greeting_stops_short() -> None:
    """An IQConnect that is not logged in says no more than this."""
    bench = Bench(is_connected_at_start=False)
    assert bench.level1(protocol=None).take() == b"S,KEY,99999\r\nS,SERVER DISCONNECTED\r\n"


def test_a_delayed_account_says_so() -> None:
    """Delayed data must never pass for live data."""
    bench = Bench(is_delayed=True)
    peer = bench.level1(protocol=None)
    assert ",CUST,delayed," in peer.lines()[3]
    peer.ask("S,SET PROTOCOL,6.2", "S,SELECT UPDATE FIELDS,Delay")
    assert peer.ask("wAAPL")[1] == "P,AAPL,15,"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("S,SET PROTOCOL,7.0", b"E,7.0 is not a valid protocol.,\r\n"),
        ("S,NONSENSE", b"E,!SYNTAX_ERROR!,\r\n"),
        ("u", b"E,!SYNTAX_ERROR!,\r\n"),
        ("w", b"E,!SYNTAX_ERROR!,\r\n"),
        ("S", b"E,!SYNTAX_ERROR!,\r\n"),
        ("S,REGON", b"E,!SYNTAX_ERROR!,\r\n"),
        ("wNOPE", b"n,NOPE\r\n"),
        ("waapl", b"n,aapl\r\n"),
        ("rAAPL", b""),
        ("fAAPL", b""),
        ("T", b"T,20260916 10:00:00\r\n"),
        ("S,SET CLIENT NAME,a name", b""),
        ("S,TIMESTAMPSOFF", b""),
        ("S,NEWSON", b""),
        ("S,REQUEST WATCHES", b"S,WATCHES\r\n"),
        ("S,UNWATCH ALL", b""),
        ("S,KEY,12345", b"S,KEYOK\r\n"),
        ("S,SET LOG LEVELS,L1Data,Debug", b"S,CURRENT LOG LEVELS,L1Data,Debug\r\n"),
        (
            "S,REQUEST CURRENT UPDATE FIELDNAMES",
            f"S,CURRENT UPDATE FIELDNAMES,{DEFAULT_TEXT}\r\n".encode(),
        ),
        ("S,REQUEST ALL UPDATE FIELDNAMES", f"S,UPDATE FIELDNAMES,{','.join(NAMES)}\r\n".encode()),
        (
            "S,SELECT UPDATE FIELDS,Last,Bid",
            b"S,CURRENT UPDATE FIELDNAMES,Symbol,Last,Bid\r\n",
        ),
        ("S,SELECT UPDATE FIELDS,Symbol,Last", b"E,!SYNTAX_ERROR!,\r\n"),
        ("S,SELECT UPDATE FIELDS", b"E,!SYNTAX_ERROR!,\r\n"),
        (
            "S,SELECT UPDATE FIELDS,Last,Lust",
            b"E,Lust is not a valid fieldset field,\r\n",
        ),
    ],
)
def test_a_command_gets_exactly_this_answer(command: str, answer: bytes) -> None:
    """Trailing commas differ from line to line, and clients compare bytes."""
    peer = Bench().level1()
    peer.take()
    peer.connection.data_received(command.encode() + b"\r\n")
    assert peer.take() == answer


@pytest.mark.parametrize("protocol", ["4.9", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2"])
def test_every_protocol_is_accepted_and_brings_its_default_fields(protocol: str) -> None:
    """A client learns its columns from the acknowledgement."""
    peer = Bench().level1(protocol=None)
    current, names = peer.ask(f"S,SET PROTOCOL,{protocol}")
    assert current == f"S,CURRENT PROTOCOL,{protocol}"
    expected = ",".join(LEGACY_NAMES) if protocol == "4.9" else DEFAULT_TEXT
    if protocol == "5.1":
        expected = expected.replace("Trade Time", "Trade TimeMS")
    assert names == f"S,CURRENT UPDATE FIELDNAMES,{expected}"


def test_the_order_of_the_first_acknowledgements_can_be_turned_around() -> None:
    """Which comes first is not known, so a client must bear both."""
    peer = Bench(is_fieldset_acknowledged_first=True).level1(protocol=None)
    assert [line[:12] for line in peer.ask("S,SET PROTOCOL,6.2")] == [
        "S,CURRENT UP",
        "S,CURRENT PR",
    ]


def test_field_names_can_end_with_a_comma() -> None:
    """Both spellings occur among versions."""
    peer = Bench(has_fieldnames_comma=True).level1()
    assert peer.ask("S,SELECT UPDATE FIELDS,Bid") == ["S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,"]


def test_a_refused_selection_leaves_the_old_fields() -> None:
    """A client that ignores the error keeps getting lines in the layout it knows."""
    peer = Bench().level1()
    peer.ask("S,SELECT UPDATE FIELDS,Last", "S,SELECT UPDATE FIELDS,Lust", "wAAPL")
    assert peer.ask("S,REQUEST CURRENT UPDATE FIELDNAMES") == [
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Last"
    ]


def test_naming_symbol_can_be_allowed() -> None:
    """Older IQConnects accept it, and then name it once."""
    peer = Bench(is_symbol_selectable=True).level1()
    assert peer.ask("S,SELECT UPDATE FIELDS,Symbol,Bid,Symbol") == [
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid"
    ]


def test_fields_that_came_later_are_unknown_to_older_protocols() -> None:
    """Aggressor and day code exist since 6.1; TimeMS names only in 5.1."""
    bench = Bench()
    name = "Most Recent Trade Aggressor"
    assert bench.level1("6.0").ask(f"S,SELECT UPDATE FIELDS,{name}")[0][:2] == "E,"
    assert bench.level1("6.1").ask(f"S,SELECT UPDATE FIELDS,{name}")[0][:2] == "S,"
    assert bench.level1("6.2").ask("S,SELECT UPDATE FIELDS,Last TimeMS")[0][:2] == "E,"
    assert bench.level1("5.1").ask("S,SELECT UPDATE FIELDS,Last TimeMS")[0][:2] == "S,"


def test_a_watch_gives_fundamentals_and_then_a_snapshot() -> None:
    """F before P is the order clients rely on; both end with a comma."""
    fundamental, snapshot = Bench().level1().ask("wAAPL")
    assert fundamental.startswith("F,AAPL,")
    assert len(fundamental.split(",")) == 59
    assert snapshot.startswith("P,AAPL,")
    assert len(snapshot.split(",")) == len(DEFAULT_NAMES) + 2
    assert snapshot.split(",")[15] == "Cbaohlcv"


@pytest.mark.parametrize("protocol", ["4.9", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2"])
def test_fundamentals_have_57_fields_in_every_protocol(protocol: str) -> None:
    """The order changed with 6.1, the number did not."""
    peer = Bench().level1(protocol)
    assert len(peer.ask("wAAPL")[0].split(",")) == 59
    (names,) = peer.ask("S,REQUEST FUNDAMENTAL FIELDNAMES")
    assert len(names.split(",")) == 59
    index = names.split(",")[2:].index("Company Name")
    assert index == (17 if protocol in ("6.1", "6.2") else 23)


def test_watching_again_and_forcing_give_fresh_snapshots() -> None:
    """Clients repeat a watch to be safe; it must be harmless."""
    bench = Bench()
    peer = bench.level1()
    peer.ask("wAAPL")
    assert [line[0] for line in peer.ask("wAAPL", "fAAPL")] == ["F", "P", "F", "P"]
    assert bench.simulator.statistics()["watches"] == 1


def test_the_limit_refuses_only_the_symbol_beyond_it() -> None:
    """The limit is the login's: it counts each symbol once, over all sockets."""
    bench = Bench(symbol_limit=2)
    one, two = bench.level1(), bench.level1()
    one.ask("wAAPL", "wMSFT")
    assert two.ask("wAAPL")[0].startswith("F,AAPL")
    assert two.ask("wTSLA") == ["S,SYMBOL LIMIT REACHED,TSLA"]
    one.ask("rMSFT")
    assert two.ask("wTSLA")[0].startswith("F,TSLA")
    assert bench.simulator.statistics()["watches_refused"] == 1


def test_watches_are_listed_and_ended() -> None:
    """The list is what a client compares with its own idea."""
    bench = Bench(late_update_share=0)
    peer = bench.level1()
    peer.ask("wAAPL", "tMSFT", "wT")
    assert peer.ask("S,REQUEST WATCHES") == ["S,WATCHES,AAPL,MSFT,T"]
    assert peer.ask("rMSFT", "S,REQUEST WATCHES") == ["S,WATCHES,AAPL,T"]
    assert peer.ask("S,UNWATCH ALL", "S,REQUEST WATCHES") == ["S,WATCHES"]
    assert bench.simulator.statistics()["symbols"] == 0


def test_an_update_may_follow_the_end_of_a_watch() -> None:
    """Lines already under way arrive after `r`; a client must expect them."""
    peer = Bench(late_update_share=1).level1()
    peer.ask("wAAPL")
    (late,) = peer.ask("rAAPL")
    assert late.startswith("Q,AAPL,")
    assert not set(late.split(",")[15]) & set("CEO")


def test_regional_quotes_come_with_a_watch_and_end_alone() -> None:
    """REGON watches too; REGOFF leaves the normal watch."""
    bench = Bench()
    peer = bench.level1()
    lines = peer.ask("S,REGON,AAPL")
    assert [line[0] for line in lines] == ["F", "P", "R"]
    assert len(lines[2].split(",")) == 13
    move(bench, "AAPL", 20)
    letters = [line[0] for line in peer.lines()]
    assert "R" in letters
    assert "Q" in letters
    peer.ask("S,REGOFF,AAPL")
    move(bench, "AAPL", 20)
    assert {line[0] for line in peer.lines()} == {"Q"}


def test_trades_only_watches_get_only_trades() -> None:
    """That is what `t` is for."""
    bench = Bench()
    peer = bench.level1()
    peer.ask("tAAPL")
    move(bench, "AAPL", 200)
    contents = [line.split(",")[15] for line in peer.lines()]
    assert contents
    assert all(set(text) & set("CEO") for text in contents)


def test_a_narrow_field_set_gets_fewer_lines() -> None:
    """Nothing is sent when no selected field changed, and unchanged fields are repeated."""
    bench = Bench()
    wide, narrow = bench.level1(), bench.level1()
    narrow.ask("S,SELECT UPDATE FIELDS,Bid")
    wide.ask("wAAPL")
    narrow.ask("wAAPL")
    move(bench, "AAPL", 300)
    bids = [line.split(",")[2] for line in narrow.lines()]
    assert 0 < len(bids) < len(wide.lines())
    assert all(one != two for one, two in pairwise(bids))


def test_old_protocols_spell_times_their_way() -> None:
    """Seconds in 5.0, milliseconds in 5.1, microseconds since 5.2."""
    bench = Bench()
    for protocol, length in (("5.0", 8), ("5.1", 12), ("5.2", 15), ("6.2", 15)):
        assert len(bench.level1(protocol).ask("wAAPL")[1].split(",")[4]) == length


def test_the_oldest_dialect_says_not_found_in_a_quote() -> None:
    """4.9 knows no `n` line, and marks the trade time with a letter."""
    peer = Bench().level1("4.9")
    (line,) = peer.ask("wNOPE")
    assert line.startswith("Q,NOPE,Not Found,")
    assert len(line.split(",")) == len(LEGACY_NAMES) + 2
    snapshot = peer.ask("wAAPL")[1].split(",")
    assert len(snapshot) == len(LEGACY_NAMES) + 2
    assert snapshot[17][-1] == "t"


def test_any_line_end_is_understood_in_any_chunks() -> None:
    """Clients end lines with CR LF, LF or LF CR, and TCP cuts where it likes."""
    peer = Bench().level1()
    peer.take()
    for piece in (b"wNO", b"PE\nwNIX\n", b"\rwNAR\r\n\r\n"):
        peer.connection.data_received(piece)
    assert peer.take() == b"n,NOPE\r\nn,NIX\r\nn,NAR\r\n"


def test_an_endless_command_ends_the_connection() -> None:
    """Memory for a line that never ends is bounded."""
    bench = Bench()
    peer = bench.level1()
    peer.connection.data_received(b"w" * 70_000)
    assert peer.transport.is_aborted
    assert bench.simulator.statistics()["oversize_commands"] == 1


def test_a_reader_too_far_behind_is_closed_and_counted() -> None:
    """The queue for one reader is bounded; nothing is dropped silently."""
    bench = Bench(client_queue_bytes_max=65_536)
    peer = bench.level1()
    peer.ask("wAAPL")
    peer.transport.is_reading_peer = False
    while not peer.transport.is_aborted:
        move(bench, "AAPL", 100)
        peer.connection.flush()
        assert len(peer.transport.written) < 100_000
    assert bench.simulator.statistics()["slow_clients_closed"] == 1


def test_the_link_is_everybodys() -> None:
    """S,DISCONNECT from one client takes the data from all, and F and P come with its return."""
    bench = Bench()
    one, two = bench.level1(), bench.level1()
    one.ask("wAAPL")
    assert two.ask("S,DISCONNECT") == ["S,SERVER DISCONNECTED"]
    assert one.lines() == ["S,SERVER DISCONNECTED"]
    assert one.ask("wMSFT", "fAAPL") == []
    assert two.ask("S,CONNECT") == ["S,SERVER CONNECTED"]
    assert [line.split(",")[:2] for line in one.lines()] == [
        ["S", "SERVER CONNECTED"], ["F", "AAPL"], ["P", "AAPL"], ["F", "MSFT"], ["P", "MSFT"],
    ]  # fmt: skip


def test_corrections_reach_only_the_protocol_that_knows_them() -> None:
    """C lines exist since 6.2; an older client would not understand them."""
    bench = Bench(correction_every=20)
    new, old = bench.level1("6.2"), bench.level1("6.1")
    new.ask("wAAPL")
    old.ask("wAAPL")
    move(bench, "AAPL", 2000)
    lines = new.lines()
    corrections = [line for line in lines if line.startswith("C,")]
    assert corrections
    assert not [line for line in old.lines() if line.startswith("C,")]
    kinds = {tuple(line.split(",")[2:4]) for line in corrections}
    assert ("X", "") in kinds
    assert kinds & {("I", "C"), ("I", "O")}
    assert {len(line.split(",")) for line in corrections} == {12}


def move(bench: Bench, symbol: str, count: int) -> None:
    """Let things happen to one watched symbol within the current second."""
    source = bench.simulator.hub.source
    market = source.market  # type: ignore[attr-defined]
    start_us = market.moment.second * 1_000_000
    events = market.events(count, start_us, start_us + 1_000_000)
    bench.simulator.hub.publish(events)
    assert symbol in market.instruments
