"""Faults of connections, without sockets: what a client reads, and what becomes of the rest."""

import pytest

from gateway.errors import ConfigError
from tests.unit.simulator.bench_desk import Bench, Peer

PORTS = ("admin", "level1", "level2")


def peer_of(bench: Bench, port: str) -> Peer:
    """A client of a port, its greeting read."""
    peer = {"admin": bench.admin, "level1": bench.level1, "level2": bench.level2}[port]()
    peer.take()
    return peer


def lose(peer: Peer) -> None:
    """What asyncio says when a connection is gone."""
    peer.connection.connection_lost(None)


@pytest.mark.parametrize("port", PORTS)
def test_a_connection_closes_behind_what_was_sent(port: str) -> None:
    """A FIN in order is the mildest end there is."""
    bench = Bench()
    peer = peer_of(bench, port)
    peer.connection.reply("last words")
    assert bench.simulator.faults.apply("close", port=port)["connections"] == 1
    assert bytes(peer.transport.written) == b"last words\r\n"
    assert (peer.transport.is_closed, peer.transport.is_aborted) == (True, False)


@pytest.mark.parametrize("port", PORTS)
def test_a_connection_is_reset(port: str) -> None:
    """A crashed program says nothing more."""
    bench = Bench()
    peer = peer_of(bench, port)
    bench.simulator.faults.apply("reset", port=port)
    assert peer.transport.is_aborted


def test_all_means_every_port() -> None:
    """A fault of the machine meets all connections."""
    bench = Bench()
    peers = [peer_of(bench, port) for port in PORTS]
    assert bench.simulator.faults.apply("close", port="all")["connections"] == 3
    assert all(peer.transport.is_closed for peer in peers)


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("rst", [False, True])
def test_a_connection_ends_inside_a_line(port: str, rst: bool) -> None:
    """A client must not take half a line for a whole one."""
    bench = Bench()
    peer = peer_of(bench, port)
    if port != "admin":
        peer.ask("wAAPL")
    line = peer.connection.sample_line().encode()
    bench.simulator.faults.apply("close_mid_line", port=port, rst=rst)
    part = bytes(peer.transport.written)
    assert part
    assert line.startswith(part)
    assert len(part) < len(line) - 2
    assert peer.transport.is_aborted is rst
    assert peer.transport.is_closed is not rst


def test_nothing_counts_as_sent_to_a_connection_that_was_closed() -> None:
    """The record of trades must hold what a client can have got, and no more."""
    bench = Bench(record_trades=True)
    peer = bench.level1()
    peer.ask("wAAPL")
    bench.move(50)
    sent = len(bench.simulator.expected_trades)
    bench.simulator.faults.apply("close", port="level1")
    bench.move(50)
    assert len(bench.simulator.expected_trades) == sent > 0
    lose(peer)
    assert bench.simulator.statistics()["level1_clients"] == 0


def test_what_is_said_to_a_half_open_connection_is_lost_and_counted() -> None:
    """The peer of a dead machine hears nothing, and nothing waits for it."""
    bench = Bench(record_trades=True)
    peer = bench.level1()
    peer.ask("wAAPL")
    bench.move(50)
    peer.take()
    before = len(bench.simulator.expected_trades)
    bench.simulator.faults.apply("half_open", port="level1")
    assert peer.transport.is_held
    bench.move(100)
    bench.simulator.send_second(1)
    assert peer.take() == b""
    counts = bench.simulator.counts
    assert counts.lines_lost == 101
    assert 0 < counts.trades_unsent < 100
    assert len(bench.simulator.expected_trades) == before
    bench.simulator.faults.apply("half_open", port="level1", on=False)
    assert not peer.transport.is_held
    bench.move(20)
    assert len(peer.lines()) == 20


def test_a_trade_that_one_of_two_sockets_got_was_sent() -> None:
    """Only what reached nobody is unsent."""
    bench = Bench(record_trades=True)
    deaf, sound = bench.level1(), bench.level1()
    deaf.ask("wAAPL")
    sound.ask("wAAPL")
    deaf.connection.set_half_open(is_half_open=True)
    bench.move(50)
    assert deaf.take() == b""
    assert len(sound.lines()) == 50
    assert bench.simulator.counts.trades_unsent == 0
    assert len(bench.simulator.expected_trades) > 0


def test_a_connection_made_while_the_port_is_half_open_is_greeted_later() -> None:
    """The system accepts it although nobody is at home."""
    bench = Bench()
    bench.simulator.faults.apply("half_open", port="level1")
    peer = bench.level1(protocol=None)
    assert peer.take() == b""
    bench.simulator.faults.apply("half_open", port="level1", on=False)
    assert peer.lines()[0] == "S,KEY,99999"


@pytest.mark.parametrize("port", PORTS)
def test_lines_wait_while_a_port_is_stalled(port: str) -> None:
    """A hung program loses nothing."""
    bench = Bench()
    peer = peer_of(bench, port)
    bench.simulator.faults.apply("stall", port=port)
    late = peer_of(bench, port) if port == "admin" else None
    peer.connection.reply("late")
    assert peer.take() == b""
    assert peer.connection.bytes_queued == 6
    bench.simulator.faults.apply("stall", port=port, on=False)
    assert peer.take() == b"late\r\n"
    if late is not None:
        assert late.lines()[0].startswith("S,STATS,")


def test_trades_held_by_a_stall_are_recorded() -> None:
    """They will arrive."""
    bench = Bench(record_trades=True)
    peer = bench.level1()
    peer.ask("wAAPL")
    bench.simulator.faults.apply("stall", port="level1")
    bench.move(50)
    assert len(bench.simulator.expected_trades) > 0
    bench.simulator.faults.apply("stall", port="level1", on=False)
    assert len(peer.lines()) == 50


def test_writes_are_sliced_in_order() -> None:
    """Where segments end means nothing."""
    bench = Bench()
    peer = bench.level1()
    pieces: list[bytes] = []
    peer.transport.write = pieces.append  # type: ignore[assignment,method-assign]
    bench.simulator.faults.apply("slice", port="level1", bytes_max=3)
    peer.ask("wAAPL")
    assert {len(piece) for piece in pieces[:-1]} == {1, 2, 3}
    assert b"".join(pieces).startswith(b"F,AAPL,")
    bench.simulator.faults.apply("slice", port="level1", bytes_max=0)
    pieces.clear()
    peer.ask("T")
    assert len(pieces) == 1


def test_garbage_comes_between_whole_lines_and_is_the_same_for_a_seed() -> None:
    """Noise must not eat a genuine line, or a test would blame the client."""
    bench = Bench()
    peer = bench.level1()
    noise = []
    for seed in (3, 3, 4):
        peer.take()
        bench.simulator.faults.apply("garbage", port="level1", bytes=64, seed=seed)
        noise.append(bytes(peer.transport.written))
    assert len(noise[0]) == 66
    assert noise[0] == noise[1] != noise[2]
    assert all(byte in noise[0][:64] for byte in b"\x00\n\xff")
    assert noise[0].endswith(b"\r\n")
    peer.take()
    assert peer.ask("T") == ["T,20260916 10:00:00"]


def test_an_oversized_line_has_one_end() -> None:
    """A reader that waits for it must give up in time."""
    bench = Bench()
    peer = peer_of(bench, "level2")
    bench.simulator.faults.apply("oversized_line", port="level2", bytes=100_000)
    data = peer.take()
    assert len(data) == 100_002
    assert data.count(b"\n") == 1


def test_lines_of_unknown_letters_are_whole() -> None:
    """A client passes over what it does not know."""
    bench = Bench()
    peer = peer_of(bench, "level1")
    bench.simulator.faults.apply("unknown_letters", port="level1")
    lines = peer.lines()
    assert len(lines) > 5
    assert not {line[:1] for line in lines} & set("QPFTSnERNC")


def test_text_is_injected_with_its_escapes() -> None:
    """Whatever a person saw on the wire can be said again."""
    bench = Bench()
    peer = peer_of(bench, "level1")
    bench.simulator.faults.apply("inject", port="level1", text=r"S,NEW\r\n\x00é")
    assert peer.take() == b"S,NEW\r\n\x00\xe9"
    with pytest.raises(ConfigError, match="cannot be sent"):
        bench.simulator.faults.apply("inject", port="level1", text="\\x")


def test_a_slow_reader_gets_its_rate_and_its_queue_grows() -> None:
    """KB queued is how IQConnect shows a slow reader."""
    bench = Bench()
    simulator = bench.simulator
    peer = peer_of(bench, "level1")
    simulator.faults.apply("slow_reader", port="level1", bytes_per_s=1000)
    simulator.faults.apply("oversized_line", port="level1", bytes=4998)
    assert peer.connection.bytes_queued == 5000
    for _ in range(200):
        bench.clock.advance(seconds=0.01)
        simulator.agenda.run_due()
    assert len(peer.transport.written) == 2000
    assert peer.connection.bytes_queued == 3000
    simulator.faults.apply("slow_reader", port="level1", bytes_per_s=0)
    assert len(peer.transport.written) == 5000
    bench.clock.advance(seconds=0.01)
    simulator.agenda.run_due()
    assert simulator.agenda.names == []


def test_a_reader_too_slow_is_closed() -> None:
    """What waits is bounded."""
    bench = Bench(client_queue_bytes_max=65_536)
    peer = peer_of(bench, "level1")
    bench.simulator.faults.apply("slow_reader", port="level1", bytes_per_s=10)
    bench.simulator.faults.apply("oversized_line", port="level1", bytes=70_000)
    assert peer.transport.is_aborted
    assert bench.simulator.counts.slow_clients_closed == 1


def test_without_sockets_a_refusal_is_a_mark() -> None:
    """Whoever connects without sockets looks at it."""
    simulator = Bench().simulator
    assert simulator.faults.apply("refuse", port="level1")["refused"] == ["level1"]
    assert [port.is_refused for port in simulator.ports] == [False, True, False]
    simulator.faults.apply("refuse", port="all", on=False)
    assert not any(port.is_refused for port in simulator.ports)


def test_a_restart_forgets_everything_and_lasts_its_time() -> None:
    """Statistics start at nothing, and nobody is let in before."""
    bench = Bench()
    simulator = bench.simulator
    peer = bench.level1()
    peer.ask("wAAPL")
    simulator.set_server_connected(False)
    simulator.set_server_connected(True)
    assert simulator.faults.apply("restart", down_s=2)["connections"] == 1
    assert peer.transport.is_aborted
    lose(peer)
    assert simulator.stats_line().split(",")[8:10] == ["0", "0"]
    assert simulator.hub.symbol_count == 0
    bench.clock.advance(seconds=1.9)
    simulator.agenda.run_due()
    assert all(port.is_refused for port in simulator.ports)
    bench.clock.advance(seconds=0.1)
    simulator.agenda.run_due()
    assert not any(port.is_refused for port in simulator.ports)
