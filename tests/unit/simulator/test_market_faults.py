"""Faults of the data, without sockets: silence, old values, halts and spoiled lines."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.simulator.fields import DEFAULT_NAMES
from gateway.simulator.market_pump import MarketPump
from tests.unit.simulator.bench_desk import Bench, Peer

CONTENTS = DEFAULT_NAMES.index("Message Contents") + 1
CONDITIONS = DEFAULT_NAMES.index("Most Recent Trade Conditions") + 1
TRADE_TIME = DEFAULT_NAMES.index("Most Recent Trade Time") + 1


def watching(bench: Bench, *symbols: str) -> Peer:
    """A client that watches some symbols."""
    peer = bench.level1()
    peer.ask(*(f"w{symbol}" for symbol in symbols))
    return peer


def letters(lines: list[str]) -> list[str]:
    """The first letter of each line."""
    return [line[0] for line in lines]


def pump_of(bench: Bench) -> MarketPump:
    """The pump of the seeded market."""
    pump = bench.simulator.pump
    assert isinstance(pump, MarketPump)
    return pump


@pytest.mark.parametrize(
    ("revive", "after_f", "after_w", "after_r_w"),
    [
        ("refresh", "Q", "Q", "Q"),
        ("watch", "", "Q", "Q"),
        ("deaf", "", "", ""),
    ],
)
def test_a_silent_symbol_talks_again_as_its_kind_has_it(
    revive: str, after_f: str, after_w: str, after_r_w: str
) -> None:
    """The ladder of a client's remedies must be climbed as far as needed, and no further."""
    for commands, expected in (
        (["fAAPL"], after_f), (["wAAPL"], after_w), (["rAAPL", "wAAPL"], after_r_w),
    ):  # fmt: skip
        bench = Bench(late_update_share=0.0)
        peer = watching(bench, "AAPL")
        answer = bench.simulator.faults.apply("silent_symbol", symbol="AAPL", revive=revive)
        assert answer["sockets"] == 1
        bench.move(20)
        assert peer.lines() == []
        answers = peer.ask(*commands)
        assert letters(answers) == ([] if revive == "deaf" else ["F", "P"])
        bench.move(20)
        assert set(letters(peer.lines())) == set(expected)
        bench.simulator.faults.apply("silent_symbol", symbol="AAPL", on=False)
        bench.move(1)
        assert letters(peer.lines()) == ["Q"]


def test_what_met_nobody_says_so() -> None:
    """A zero alone is read over, and an hour is spent on why nothing happens."""
    bench = Bench()
    watching(bench, "AAPL")
    apply = bench.simulator.faults.apply
    answer = apply("silent_symbol", symbol="AAPPL")
    assert answer["sockets"] == 0
    assert "check its spelling" in str(answer["hint"])
    assert "was silent on no connection" in str(
        apply("silent_symbol", symbol="X", on=False)["hint"]
    )
    assert "hint" not in apply("silent_symbol", symbol="AAPL")
    assert apply("close", port="level2")["hint"] == "nobody is connected to that port now"


def test_the_market_of_a_silent_symbol_goes_on_unrecorded() -> None:
    """What was not sent must not be expected, and the snapshot shows that time has passed."""
    bench = Bench(record_trades=True)
    peer = watching(bench, "AAPL")
    (_, before) = peer.ask("fAAPL")
    bench.simulator.faults.apply("silent_symbol", symbol="AAPL", revive="watch")
    bench.move(100)
    assert bench.simulator.expected_trades == []
    assert bench.simulator.counts.trades_unsent > 0
    assert bench.simulator.counts.lines_silenced == 100
    (_, after) = peer.ask("fAAPL")
    assert before != after


def test_silence_is_of_the_sockets_that_watch_now() -> None:
    """A new connection hears what an old one does not."""
    bench = Bench()
    old = watching(bench, "AAPL")
    bench.simulator.faults.apply("silent_symbol", symbol="AAPL", revive="deaf")
    new = watching(bench, "AAPL")
    bench.move(5)
    assert old.lines() == []
    assert len(new.lines()) == 5
    assert bench.simulator.counts.trades_unsent == 0


def test_a_reconnect_of_the_link_revives_all_but_deaf_symbols() -> None:
    """IQConnect asks DTN for everything again."""
    bench = Bench()
    peer = watching(bench, "AAPL", "MSFT")
    bench.simulator.faults.apply("silent_symbol", symbol="AAPL", revive="watch")
    bench.simulator.faults.apply("silent_symbol", symbol="MSFT", revive="deaf")
    bench.simulator.set_server_connected(False)
    bench.simulator.set_server_connected(True)
    assert [line[:6] for line in peer.lines() if line[0] == "P"] == ["P,AAPL"]


def test_silent_depth_is_revived_by_off() -> None:
    """Level 2 has the same illness."""
    bench = Bench()
    peer = bench.level2()
    peer.ask("WOR,@ES#")
    bench.simulator.faults.apply("silent_depth", symbol="@ES#")
    bench.move_deep(20)
    assert peer.lines() == []
    bench.simulator.faults.apply("silent_depth", symbol="@ES#", on=False)
    assert peer.lines()[0].startswith("S,CLEAR DEPTH")
    bench.simulator.faults.apply("reset_depth", symbol="@ES#")
    assert peer.lines()[0].startswith("S,CLEAR DEPTH")


def test_lines_carry_extra_columns_at_their_end() -> None:
    """DTN adds fields without asking."""
    bench = Bench()
    peer = watching(bench, "AAPL")
    plain = peer.ask("fAAPL")
    bench.simulator.faults.apply("extra_columns", count=2)
    longer = peer.ask("fAAPL")
    assert [f"{line}1,2," for line in plain] == longer
    bench.move(1)
    assert peer.lines()[0].endswith(",1,2,")
    bench.simulator.faults.apply("extra_columns", count=0)
    assert [len(line.split(",")) for line in peer.ask("fAAPL")] == [59, len(DEFAULT_NAMES) + 2]


def test_a_stale_snapshot_shows_a_past_day() -> None:
    """P is what IQConnect last knew, however long ago."""
    bench = Bench()
    peer = watching(bench, "AAPL")
    peer.ask(
        "S,SELECT UPDATE FIELDS,Most Recent Trade Date,Most Recent Trade Time,Message Contents"
    )
    bench.move(20)
    peer.take()
    bench.simulator.faults.apply("stale_p", on=True)
    assert peer.ask("fAAPL")[1] == "P,AAPL,09/15/2026,19:59:14.503633,Cbacv,"
    bench.move(30)
    assert any(",09/16/2026,10:00:0" in line for line in peer.lines())
    bench.simulator.faults.apply("stale_p", on=False)
    assert ",09/16/2026,10:00:0" in peer.ask("fAAPL")[1]


def test_a_halt_says_so_and_nothing_happens_until_the_symbol_reopens() -> None:
    """Silence of a halted symbol is in order, and its print tells why."""
    bench = Bench(record_trades=True)
    peer = watching(bench, "AAPL", "MSFT")
    bench.simulator.faults.apply("halt", symbol="AAPL")
    (halt,) = peer.lines()
    assert halt.split(",")[CONDITIONS] == "21"
    assert "O" in halt.split(",")[CONTENTS]
    assert bench.simulator.faults.apply("halt", symbol="AAPL")["halted"] == ["AAPL"]
    bench.move(50)
    bench.simulator.hub.late_update(bench.simulator.hub.source.state("AAPL"))  # type: ignore[arg-type]
    assert {line.split(",")[1] for line in peer.lines()} == {"MSFT"}
    bench.simulator.faults.apply("resume", symbol="AAPL")
    (resume,) = peer.lines()
    assert resume.split(",")[CONDITIONS] == "25"
    assert "C" in resume.split(",")[CONTENTS]
    bench.move(50)
    assert {line.split(",")[1] for line in peer.lines()} == {"AAPL", "MSFT"}
    kinds = [t.conditions for t in bench.simulator.expected_trades if t.symbol == "AAPL"]
    assert kinds[:2] == ["21", "25"]


def test_a_halted_book_stands_still() -> None:
    """Orders rest, too."""
    bench = Bench()
    peer = bench.level2()
    peer.ask("WOR,@ES#")
    bench.simulator.faults.apply("halt", symbol="@ES#")
    peer.take()
    bench.move_deep(20)
    bench.move(20)
    assert peer.lines() == []


def test_an_account_becomes_delayed_and_says_so() -> None:
    """Delayed prices must never pass for live ones."""
    bench = Bench(rate=1000)
    peer = watching(bench, "AAPL")
    bench.simulator.faults.apply("delayed", on=True)
    (account,) = peer.lines()
    assert account.startswith("S,CUST,delayed,")
    bench.clock.advance(seconds=0.5)
    pump_of(bench).advance(pump_of(bench)._source.clock.now_us())
    times = {line.split(",")[TRADE_TIME][:6] for line in peer.lines() if line[0] == "Q"}
    assert "09:45:" in times
    assert peer.ask("T") == ["T,20260916 10:00:00"]
    bench.simulator.faults.apply("delayed", on=False)
    assert peer.lines()[0].startswith("S,CUST,real_time,")


@pytest.mark.parametrize("seconds", [90, -90])
def test_a_skewed_clock_is_off_in_time_lines_and_events(seconds: int) -> None:
    """A host's clock and the market's differ by seconds in practice."""
    bench = Bench(rate=1000)
    peer = watching(bench, "AAPL")
    pump = pump_of(bench)
    bench.simulator.faults.apply("clock_skew", seconds=seconds)
    assert peer.ask("T") == [f"T,20260916 {'10:01:30' if seconds > 0 else '09:58:30'}"]
    bench.clock.advance(seconds=0.5)
    pump.advance(pump._source.clock.now_us())
    minute = "10:01:30" if seconds > 0 else "09:58:30"
    assert minute in {line.split(",")[TRADE_TIME][:8] for line in peer.lines()}
    bench.simulator.faults.apply("clock_skew", seconds=0)
    assert peer.ask("T") == ["T,20260916 10:00:00"]


def test_a_burst_multiplies_the_rate_for_its_time() -> None:
    """The open of a session comes without warning."""
    bench = Bench(rate=100)
    peer = watching(bench, "AAPL")
    pump = pump_of(bench)

    def updates_of(seconds: float) -> int:
        """Updates that so much time brings."""
        bench.clock.advance(seconds=seconds)
        bench.simulator.agenda.run_due()
        pump.advance(pump._source.clock.now_us())
        return len([line for line in peer.lines() if line[0] == "Q"])

    bench.simulator.faults.apply("burst", factor=10, seconds=1)
    assert [updates_of(0.25) for _ in range(3)] == [250, 250, 250]
    assert updates_of(0.25) == updates_of(0.25) == 25


def test_lines_are_duplicated_but_recorded_once() -> None:
    """A client that counts a print twice is wrong about the volume."""
    bench = Bench(record_trades=True)
    peer = watching(bench, "AAPL")
    bench.simulator.faults.apply("duplicate_lines", share=0.5)
    bench.move(200)
    lines = peer.lines()
    doubled = bench.simulator.counts.lines_duplicated
    assert len(lines) == 200 + doubled
    assert 50 < doubled < 150
    prints = {line for line in lines if set(line.split(",")[CONTENTS]) & set("CEO")}
    assert len(bench.simulator.expected_trades) == len(prints)


def test_lines_are_swapped_and_none_is_lost() -> None:
    """Order is a promise that a fault breaks."""
    sound, spoiled = Bench(), Bench()
    orders = []
    for bench in (sound, spoiled):
        peer = watching(bench, "AAPL")
        if bench is spoiled:
            bench.simulator.faults.apply("swap_lines", share=0.3)
        bench.move(200)
        orders.append(peer.lines())
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert spoiled.simulator.counts.lines_swapped > 20


def test_cut_lines_keep_their_end() -> None:
    """The line behind a cut one is whole."""
    sound, spoiled = Bench(), Bench()
    seen = []
    for bench in (sound, spoiled):
        peer = watching(bench, "AAPL")
        if bench is spoiled:
            bench.simulator.faults.apply("cut_lines", share=0.3)
        bench.move(200)
        seen.append(peer.lines())
    cut = [(a, b) for a, b in zip(*seen, strict=True) if a != b]
    assert all(a.startswith(b) for a, b in cut)
    assert len(cut) == spoiled.simulator.counts.lines_cut > 20


def test_spoiled_lines_are_the_same_for_a_seed() -> None:
    """A failure is looked at again."""
    outcomes = []
    for _ in range(2):
        bench = Bench()
        peer = watching(bench, "AAPL")
        for verb in ("duplicate_lines", "swap_lines", "cut_lines"):
            bench.simulator.faults.apply(verb, share=0.2)
        bench.move(100)
        outcomes.append(peer.take())
    assert outcomes[0] == outcomes[1]


def test_an_older_iqconnect_accepts_older_protocols_only() -> None:
    """A client asks for the newest and takes what there is."""
    bench = Bench()
    bench.simulator.faults.apply("protocols", versions=["6.1", "6.0"])
    for peer in (bench.level1(None), bench.level2(None), bench.admin()):
        (answer,) = peer.ask("S,SET PROTOCOL,6.2")
        assert answer == "E,6.2 is not a valid protocol.,"
        assert peer.ask("S,SET PROTOCOL,6.1")[0].startswith("S,CURRENT PROTOCOL,6.1")


def test_fields_are_refused_by_name() -> None:
    """The old field set stays."""
    bench = Bench()
    peer = bench.level1()
    bench.simulator.faults.apply("fields", refused=["Bid"])
    assert peer.ask("S,SELECT UPDATE FIELDS,Ask,Bid") == ["E,Bid is not a valid fieldset field,"]
    bench.simulator.faults.apply("fields", refused=[])
    assert len(peer.ask("S,SELECT UPDATE FIELDS,Ask,Bid")) == 1


def test_a_lowered_symbol_limit_holds_for_new_symbols() -> None:
    """Accounts change."""
    bench = Bench()
    peer = watching(bench, "AAPL", "MSFT")
    bench.simulator.faults.apply("symbol_limit", limit=2)
    assert peer.ask("wTSLA") == ["S,SYMBOL LIMIT REACHED,TSLA"]
    assert bench.simulator.stats_line().split(",")[4:6] == ["2", "2"]


def test_clear_ends_everything_that_lasts() -> None:
    """A run goes on as if nothing had been."""
    bench = Bench()
    faults = bench.simulator.faults
    peer = watching(bench, "AAPL", "MSFT")
    wrong: tuple[tuple[str, dict[str, object]], ...] = (
        ("stall", {"port": "all"}),
        ("half_open", {"port": "all"}),
        ("refuse", {"port": "all"}),
        ("slice", {"port": "all", "bytes_max": 2}),
        ("slow_reader", {"port": "all", "bytes_per_s": 1}),
        ("silent_symbol", {"symbol": "AAPL", "revive": "deaf"}),
        ("halt", {"symbol": "MSFT"}),
        ("extra_columns", {"count": 3}),
        ("stale_p", {}),
        ("delayed", {}),
        ("clock_skew", {"seconds": 50}),
        ("burst", {"factor": 5, "seconds": 999}),
        ("cut_lines", {"share": 1}),
        ("protocols", {"versions": []}),
        ("fields", {"refused": ["Ask"]}),
        ("symbol_limit", {"limit": 1}),
        ("dtn", {"up": False}),
        ("login_replaced", {}),
    )
    for verb, params in wrong:
        faults.apply(verb, **params)
    faults.apply("clear")
    bench.simulator.agenda.run_due()
    peer.take()
    pieces: list[bytes] = []
    peer.transport.write = pieces.append  # type: ignore[assignment,method-assign]
    peer.ask("S,SET PROTOCOL,6.2", "wTSLA", "T")
    (answer,) = pieces
    assert b"P,TSLA," in answer
    assert answer.endswith(b"T,20260916 10:00:00\r\n")
    pieces.clear()
    bench.move(60)
    peer.take()
    lines = b"".join(pieces).decode().splitlines()
    assert {line.split(",")[1] for line in lines} == {"AAPL", "MSFT", "TSLA"}
    assert {len(line.split(",")) for line in lines} == {len(DEFAULT_NAMES) + 2}
    assert pump_of(bench).extra_factor == 1.0
    assert ",Connected," in bench.simulator.stats_line()
    assert not any(port.is_refused for port in bench.simulator.ports)


def test_a_tape_is_replayed_as_it_is(tmp_path: Path) -> None:
    """Faults of the seeded market say that they need it."""
    tape = tmp_path / "tape.txt"
    tape.write_text(
        "2020-04-01 10:00:00.000000,2.3100,100,1100,2.3000,2.3200,1,C,5,01,\r\n!ENDMSG!,\r\n"
    )
    faults = Bench(tape=tape, tape_symbol="ZYXI").simulator.faults
    for verb, params in (("halt", {"symbol": "ZYXI"}), ("clock_skew", {"seconds": 1})):
        with pytest.raises(ConfigError, match="replayed as it is"):
            faults.apply(verb, **params)
    assert "at_us" in faults.apply("clear")


def test_a_halt_names_a_symbol_that_there_is() -> None:
    """A slip of the pen must not look like a halt."""
    with pytest.raises(ConfigError, match="unknown symbol"):
        Bench().simulator.faults.apply("halt", symbol="NOPE")
