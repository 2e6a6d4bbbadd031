"""Level 2 commands and their exact answers, as the vendor's documents and captures have them."""

import pytest

from tests.unit.simulator.bench_desk import Bench, Peer
from tests.unit.simulator.replayer import Replayer


def letters(lines: list[str]) -> set[str]:
    """The types of some lines."""
    return {line[0] for line in lines}


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("S,SET PROTOCOL,6.1", b"S,CURRENT PROTOCOL,6.1\r\n"),
        ("S,SET PROTOCOL,7.0", b"E,7.0 is not a valid protocol.,\r\n"),
        ("S,SET CLIENT NAME,a name", b""),
        ("S,TIMESTAMPSOFF", b""),
        ("S,REQUEST WATCHES", b"S,WATCHES\r\n"),
        ("S,UNWATCH ALL", b""),
        ("S,NONSENSE", b"E,!SYNTAX_ERROR!,\r\n"),
        ("u", b"E,!SYNTAX_ERROR!,\r\n"),
        ("w", b"E,!SYNTAX_ERROR!,\r\n"),
        ("WOR,", b"E,!SYNTAX_ERROR!,\r\n"),
        ("WPL,@ES#,0", b"E,!SYNTAX_ERROR!,\r\n"),
        ("WPL,@ES#,ten", b"E,!SYNTAX_ERROR!,\r\n"),
        ("ROR,", b"E,!SYNTAX_ERROR!,\r\n"),
        ("ROR,AAPL", b""),
        ("rAAPL", b""),
        ("T", b"T,20260916 10:00:00\r\n"),
        ("wNOPE", b"n,NOPE\r\n"),
        ("WOR,NOPE", b"n,NOPE\r\n"),
        ("WPL,NOPE", b"n,NOPE\r\n"),
        ("WOR,QNG#", b"q,QNG#,\r\n"),
        ("WPL,AAPL", b"q,AAPL,\r\n"),
        ("WOR,TST$Y", b"q,TST$Y,\r\n"),
        ("WPL,EURUSD.FXCM", b"q,EURUSD.FXCM,\r\n"),
        ("wVIX.XO", b"q,VIX.XO,\r\n"),
        ("mMD02", b"M,MD02,Market depth 2\r\n"),
        ("mNSDQ", b"M,NSDQ,NASDAQ\r\n"),
        ("mXXXX", b"M,XXXX,\r\n"),
        ("c", b""),
    ],
)
def test_a_command_gets_exactly_this_answer(command: str, answer: bytes) -> None:
    """Trailing commas differ from line to line, and clients compare bytes."""
    peer = Bench().level2()
    peer.take()
    peer.connection.data_received(command.encode() + b"\r\n")
    assert peer.take() == answer


def test_the_greeting_tells_of_the_link() -> None:
    """A client sends its protocol when it sees this line."""
    assert Bench().level2(protocol=None).take() == b"S,SERVER CONNECTED\r\n"
    down = Bench(is_connected_at_start=False)
    assert down.level2(protocol=None).take() == b"S,SERVER DISCONNECTED\r\n"


@pytest.mark.parametrize("command", ["WOR,@ES#", "WPL,@ES#", "ROR,@ES#", "RPL,@ES#", "WPL,AAPL,5"])
def test_requests_of_the_newest_protocol_are_unknown_to_older_ones(command: str) -> None:
    """A socket speaks 4.9 until told otherwise."""
    assert Bench().level2("6.1").ask(command) == ["E,!SYNTAX_ERROR!,"]
    assert Bench().level2(protocol=None).ask(command) == ["E,!SYNTAX_ERROR!,"]


@pytest.mark.parametrize(
    ("protocol", "command", "summary", "updates"),
    [
        ("6.2", "WOR,@ES#", {"6"}, {"3", "4", "5"}),
        ("6.2", "w@ES#", {"6"}, {"3", "4", "5"}),
        ("6.2", "WPL,@ES#", {"7"}, {"8", "9"}),
        ("6.2", "WPL,@ES#,5", {"7"}, {"8", "9"}),
        ("6.2", "WPL,QNG#", {"7"}, {"8", "9"}),
        ("6.2", "WOR,@YM#", {"0"}, {"0", "9"}),
        ("6.2", "WPL,@YM#", {"7"}, {"8", "9"}),
        ("6.2", "WOR,AAPL", {"6"}, {"4", "5"}),
        ("6.2", "wAAPL", {"6"}, {"4", "5"}),
        ("6.1", "w@ES#", {"Z"}, {"2"}),
        ("4.9", "wAAPL", {"Z"}, {"2"}),
    ],
)
def test_each_request_is_answered_in_its_dialect(
    protocol: str, command: str, summary: set[str], updates: set[str]
) -> None:
    """What answers what was learned from clients that run live."""
    bench = Bench(depth_orders=20)
    peer = bench.level2(protocol)
    assert letters(peer.ask(command)) == summary
    bench.move(300)
    assert letters(peer.lines()) == updates


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_client_holds_what_is_true_at_any_moment(seed: int) -> None:
    """Joined early or late, by order or by level: one book."""
    print(f"seed={seed}")
    bench = Bench(seed=seed, depth_orders=30)
    simulator = bench.simulator
    clients: list[tuple[Peer, Replayer]] = []
    for turn in range(12):
        peer, book = bench.level2(), Replayer()
        clients.append((peer, book))
        for line in peer.ask("WOR,@ES#", "WPL,QCL#", "WPL,@NQ#,4", "WOR,AAPL", "WOR,@YM#"):
            book.hear(line)
        bench.move(40 + turn)
        bench.move_deep(60)
        if turn == 7:
            for symbol in ("@ES#", "AAPL", "QCL#"):
                simulator.reset_depth(symbol)
        for peer, book in clients:
            for line in peer.lines():
                book.hear(line)
            assert book.orders_of("@ES#") == [
                (one.side, one.order_id, one.price, one.size, one.priority)
                for one in simulator.true_orders("@ES#")
            ]
            assert book.makers_of("AAPL") == simulator.true_makers("AAPL")
            for symbol, count in (("QCL#", None), ("@NQ#", 4)):
                for letter, levels in zip("BA", simulator.true_levels(symbol), strict=True):
                    assert book.levels_of(symbol, letter) == levels[:count]
            for letter, levels in zip("BA", simulator.true_levels("@YM#"), strict=True):
                assert book.levels_of("@YM#", letter) == [(*one[:2], 0) for one in levels]


def test_level_1_shows_the_top_of_what_level_2_shows() -> None:
    """Both ports tell of one market."""
    bench = Bench(depth_orders=20, correction_every=0)
    quotes, depth, book = bench.level1(), bench.level2(), Replayer()
    lines = quotes.ask("w@ES#")
    for line in depth.ask("WPL,@ES#"):
        book.hear(line)
    for _ in range(200):
        bench.move(1)
        (line,) = lines = quotes.lines()
        for change in depth.lines():
            book.hear(change)
        fields = line.split(",")
        bid, ask = book.levels_of("@ES#", "B")[0], book.levels_of("@ES#", "A")[0]
        assert fields[7:11] == [bid[0], str(bid[1]), ask[0], str(ask[1])]
    assert len(lines) == 1


def test_a_watch_sent_again_replays_the_summary_and_nothing_else() -> None:
    """Clients repeat it to be safe."""
    bench = Bench()
    peer = bench.level2()
    first = peer.ask("WOR,@ES#")
    assert peer.ask("WOR,@ES#") == first
    assert bench.simulator.statistics()["depth_watches"] == 1
    bench.move(50)
    lines = peer.lines()
    assert len(lines) == len(set(lines))


def test_another_number_of_levels_replaces_the_watch() -> None:
    """The latest request counts."""
    bench = Bench()
    peer = bench.level2()
    assert len(peer.ask("WPL,@ES#,3")) == 6
    assert len(peer.ask("WPL,@ES#,5")) == 10
    assert bench.simulator.statistics()["depth_watches"] == 1


def test_orders_and_levels_can_be_watched_at_once_and_end_apart() -> None:
    """They are two requests about one symbol."""
    bench = Bench()
    peer = bench.level2()
    peer.ask("WOR,@ES#", "WPL,@ES#", "wAAPL")
    assert peer.ask("S,REQUEST WATCHES") == ["S,WATCHES,@ES#,AAPL"]
    peer.ask("ROR,@ES#", "rAAPL")
    bench.move(50)
    assert letters(peer.lines()) <= {"8", "9"}
    peer.ask("RPL,@ES#")
    bench.move(50)
    assert peer.lines() == []
    assert bench.simulator.statistics()["symbols"] == 0
    peer.ask("WOR,@ES#", "S,UNWATCH ALL")
    assert bench.simulator.statistics()["depth_watches"] == 0


def test_the_limit_is_one_for_both_ports() -> None:
    """A login pays for symbols, not for ports; a symbol without depth costs nothing."""
    bench = Bench(symbol_limit=2)
    quotes, depth = bench.level1(), bench.level2()
    quotes.ask("wAAPL", "wMSFT")
    assert depth.ask("WOR,AAPL")[0].startswith("6,AAPL")
    assert depth.ask("WOR,@ES#", "WOR,QNG#") == ["S,SYMBOL LIMIT REACHED,@ES#", "q,QNG#,"]
    quotes.ask("rMSFT", "rAAPL")
    assert depth.ask("WOR,@ES#")[0].startswith("6,@ES#")
    assert quotes.ask("wTSLA") == ["S,SYMBOL LIMIT REACHED,TSLA"]
    assert bench.simulator.statistics()["symbols"] == 2


@pytest.mark.parametrize("clears", [True, False])
def test_the_books_come_anew_with_the_link(clears: bool) -> None:
    """Orders deleted meanwhile are never mentioned: without CLEAR DEPTH they would stay."""
    bench = Bench(depth_orders=30, clears_depth_at_reconnect=clears)
    simulator = bench.simulator
    peer, book = bench.level2(), Replayer()
    for line in peer.ask("WOR,@ES#", "WOR,AAPL"):
        book.hear(line)
    held = {row[1] for row in book.orders_of("@ES#")}
    simulator.set_server_connected(False)
    assert peer.lines() == ["S,SERVER DISCONNECTED"]
    assert peer.ask("WPL,QCL#") == []
    simulator.set_server_connected(True)
    lines = peer.lines()
    clear = [f"S,CLEAR DEPTH,{symbol},{side}," for symbol in ("@ES#", "AAPL", "QCL#")
             for side in "BA"]  # fmt: skip
    assert lines[: 7 if clears else 1] == ["S,SERVER CONNECTED", *(clear if clears else [])]
    assert letters(lines[7:]) == {"6", "7"}
    for line in lines:
        book.hear(line)
    told = {row[1] for row in book.orders_of("@ES#")}
    true = {one.order_id for one in simulator.true_orders("@ES#")}
    assert held - true
    assert held & true
    assert told == (true if clears else true | held)


def test_a_session_reset_clears_and_tells_the_fresh_book() -> None:
    """Both sides are cleared before the first new order."""
    bench = Bench(depth_orders=10)
    peer = bench.level2()
    peer.ask("WOR,@ES#", "WPL,@ES#,2")
    bench.simulator.reset_depth("@ES#")
    lines = peer.lines()
    assert lines[:2] == ["S,CLEAR DEPTH,@ES#,B,", "S,CLEAR DEPTH,@ES#,A,"]
    assert letters(lines[2:]) == {"6", "7"}


def test_a_silent_symbol_stops_without_a_word() -> None:
    """Only this symbol, only Level 2; a repeated watch brings it back."""
    bench = Bench(depth_orders=10)
    quotes, depth, other = bench.level1(), bench.level2(), bench.level2()
    quotes.ask("w@ES#")
    for peer in (depth, other):
        peer.ask("WOR,@ES#", "WOR,@NQ#")
    bench.simulator.set_depth_silent("@ES#", is_silent=True)
    bench.move(100)
    assert {line.split(",")[1] for line in depth.lines()} == {"@NQ#"}
    assert quotes.lines()
    assert letters(depth.ask("WOR,@ES#")) == {"6"}
    other.lines()
    bench.move(100)
    assert {line.split(",")[1] for line in depth.lines()} == {"@ES#", "@NQ#"}
    assert {line.split(",")[1] for line in other.lines()} == {"@NQ#"}
    bench.simulator.set_depth_silent("@ES#", is_silent=False)
    assert other.lines()[0] == "S,CLEAR DEPTH,@ES#,B,"


def test_a_symbol_without_depth_has_no_truth() -> None:
    """A mistaken test must not compare with nothing."""
    with pytest.raises(KeyError):
        Bench().simulator.true_orders("TST$Y")


def test_the_same_seed_gives_the_same_lines() -> None:
    """Empty times and ids included."""
    runs = []
    for seed in (4, 4, 5):
        bench = Bench(seed=seed, depth_orders=20)
        peer = bench.level2()
        lines = peer.ask("WOR,@ES#", "WOR,AAPL")
        bench.move(200)
        bench.move_deep(200)
        runs.append(lines + peer.lines())
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert any(line.startswith("5,") and ",,2026-09-16," in line for line in runs[0])


def test_client_statistics_know_level_2() -> None:
    """The type tells the port."""
    bench = Bench()
    peer = bench.level2()
    peer.ask("S,SET CLIENT NAME,books", "WOR,@ES#", "WPL,@ES#")
    counts = bench.simulator.statistics()
    assert (counts["level2_clients"], counts["clients"], counts["symbols"]) == (1, 1, 1)
    assert bench.simulator.stats_line().split(",")[5:7] == ["1", "1"]
