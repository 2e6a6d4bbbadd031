"""Behind a path that loses frames the client's tape is the gateway's, or says what is missing.

Gateway and market are real. One consumer hears the gateway directly; what it has received is what
was published. The client hears it through a relay that loses single frames and bursts of them.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_client import (
    Disconnected,
    Gap,
    GatewayClient,
    GatewayRestarted,
    Overrun,
    StreamItem,
    Trade,
)

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.lossy_relay import LossyRelay
from tests.support.processes import GatewayProcess
from tests.support.stage import Stage, open_stage, simulated

pytestmark = pytest.mark.slow
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "SPY", "TSLA")
TOPICS = tuple(f"trade,{symbol}," for symbol in SYMBOLS)
TRADES = 8_000
REPLAY = 2
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A busy market of a few symbols."""
    with simulated(rate=3000.0, equity_count=12, trade_share=0.7) as stage:
        yield stage


class Tape:
    """What an application has got, topic by topic."""

    def __init__(self) -> None:
        self.trades: dict[str, dict[int, list[Any]]] = defaultdict(dict)
        self.live: dict[str, list[int]] = defaultdict(list)
        self.gone: dict[str, list[int]] = defaultdict(list)
        self.twice: list[tuple[str, int]] = []
        self.holes = self.healed = self.overruns = self.silences = self.restarts = 0

    def note(self, item: StreamItem) -> None:
        """Take one item of the stream."""
        if isinstance(item, Trade):
            topic = f"trade,{item.symbol},"
            if item.sequence in self.trades[topic]:
                self.twice.append((topic, item.sequence))
            body: list[Any] = list(item[2:])
            body[3] &= ~REPLAY
            self.trades[topic][item.sequence] = body
            if not item.flags & REPLAY:
                self.live[topic].append(item.sequence)
        elif isinstance(item, Gap) and item.topic in TOPICS:
            self.holes += not item.healed and not item.is_final
            self.healed += item.healed
            if item.is_final:
                self.gone[item.topic] += range(item.first_missing, item.last_missing + 1)
        self.overruns += isinstance(item, Overrun)
        self.restarts += isinstance(item, GatewayRestarted)
        self.silences += isinstance(item, Disconnected)

    def forget(self) -> None:
        """Begin a new tape: sequences start over."""
        for noted in (self.trades, self.live, self.gone):
            noted.clear()

    @property
    def count(self) -> int:
        """Trades received."""
        return sum(map(len, self.trades.values()))

    def read(self, client: GatewayClient, until: Callable[[], bool], *, seconds: float) -> None:
        """Take what comes until something is so; fails when it does not come to be."""
        deadline_s = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline_s, client.statistics()
            item = client.next_message(0.05)
            if item is not None:
                self.note(item)

    @property
    def is_whole(self) -> bool:
        """Whether every topic has each trade from the first one on."""
        return all(len(self.trades[topic]) == max(self.live[topic], default=-1) for topic in TOPICS)

    def ends_at(self, last: dict[str, int]) -> bool:
        """Whether every topic is known up to its last trade."""
        return all(
            len(self.trades[topic]) + len(self.gone[topic]) > last[topic] - min(self.trades[topic])
            for topic in TOPICS
        )


def published(reference: Consumer, seconds: float) -> dict[str, dict[int, list[Any]]]:
    """Every trade that the gateway has published; the market is held, so a silence is the end."""
    reference.read_until_silent(seconds)
    reference.history.check()
    found: dict[str, dict[int, list[Any]]] = defaultdict(dict)
    for message in reference.messages:
        if message.topic in TOPICS:
            found[message.topic][message.sequence] = message.body
    return found


def check(tape: Tape, truth: dict[str, dict[int, list[Any]]]) -> int:
    """Compare both tapes from the client's first trade on; returns how many were compared."""
    assert tape.twice == []
    count = 0
    for topic in TOPICS:
        start, end = min(tape.trades[topic]), max(truth[topic])
        expected = {sequence for sequence in truth[topic] if sequence >= start}
        assert sorted([*tape.trades[topic], *tape.gone[topic]]) == sorted(expected), topic
        assert sorted(expected) == list(range(start, end + 1))
        assert tape.live[topic] == sorted(tape.live[topic])
        for sequence, body in tape.trades[topic].items():
            sent = truth[topic][sequence]
            assert body[: len(sent)] == sent
        count += len(expected)
    return count


def follow(
    stage: Stage, relay: LossyRelay, client: GatewayClient, *, trades: int, cut_s: float
) -> tuple[Tape, int]:
    """Follow the market for so many trades, with a cut in the connection at the end.

    Returns:
        What the client has got, and how many trades were compared with what was published.
    """
    reference = stage.consumer(*TOPICS)
    tape = Tape()
    stage.call(stage.simulator.hold_market, False)
    client.subscribe_symbols(SYMBOLS, ["l1"])
    tape.read(client, lambda: all(tape.live[topic] for topic in TOPICS), seconds=20)
    relay.is_lossy = True
    tape.read(client, lambda: tape.count > trades, seconds=60)
    relay.cut(cut_s)
    tape.read(client, lambda: tape.count > trades + 500, seconds=60)
    stage.call(stage.simulator.hold_market, True)
    truth = published(reference, 1.0)
    last = {topic: max(truth[topic]) for topic in TOPICS}
    tape.read(client, lambda: tape.ends_at(last), seconds=60)
    compared = check(tape, truth)
    print(f"{compared} trades compared, lost on the way {dict(relay.lost)}")
    print(f"{tape.holes} holes, {tape.healed} healed; {client.statistics()}")
    return tape, compared


@pytest.mark.parametrize("seed", SEEDS)
def test_tape_behind_a_lossy_path_is_the_gateways(stage: Stage, seed: int) -> None:
    """A strategy must not trade on a tape with holes in it that nobody told it of."""
    endpoints = stage.gateway.endpoints
    print(f"seed {seed}")
    with (
        LossyRelay(endpoints["data"], seed=seed, single=0.02, burst=0.001) as relay,
        GatewayClient(relay.endpoint, endpoints["control"], client_name=f"heals-{seed}") as client,
    ):
        tape, compared = follow(stage, relay, client, trades=TRADES, cut_s=0.5)
        statistics = client.statistics()
    assert compared >= TRADES
    assert relay.lost["trade"] > 100
    assert tape.holes > 50
    assert not any(tape.gone.values())
    assert statistics.replayed >= relay.lost["trade"]
    assert (statistics.lost, statistics.holes, statistics.replayed_bad) == (0, 0, 0)


def test_what_a_short_ring_forgot_is_named() -> None:
    """The gateway keeps some messages only; each of the others is named, and no other."""
    settings = {"replay": {"messages_per_topic_max": 150}}
    with simulated(rate=3000.0, equity_count=12, trade_share=0.7, settings=settings) as stage:
        endpoints = stage.gateway.endpoints
        with (
            LossyRelay(endpoints["data"], seed=4, single=0.01, burst=0.001) as relay,
            GatewayClient(relay.endpoint, endpoints["control"]) as client,
        ):
            tape, _ = follow(stage, relay, client, trades=1_000, cut_s=1.5)
            statistics = client.statistics()
    gone = sum(map(len, tape.gone.values()))
    assert gone > 100
    assert statistics.lost == gone
    assert statistics.replayed > 20


def test_start_of_a_new_run_is_fetched(tmp_path: Path) -> None:
    """A gateway with leases publishes at once; whoever comes back later has it all the same."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, rate=1500.0, equity_count=12, trade_share=0.7
    )
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        ports: dict[str, Any] = {
            "level1_port": simulator.level1_port,
            "admin_port": simulator.admin_port,
        }
        state = {"state_dir": str(tmp_path / "state")}
        with (
            GatewayProcess(tmp_path, **ports, settings=state) as gateway,
            contextlib.ExitStack() as clients,
        ):
            gateway.start()
            relay = clients.enter_context(LossyRelay(gateway.data, seed=5, single=0.0, burst=0.0))
            client = clients.enter_context(
                GatewayClient(relay.endpoint, gateway.control, lease_s=600)
            )
            tape = Tape()
            client.subscribe_symbols(SYMBOLS, ["l1"])
            tape.read(client, lambda: tape.count > 500, seconds=20)
            relay.cut(60.0)
            gateway.kill()
            gateway.start()
            with gateway.consumer(*TOPICS) as other:
                other.wait_for(lambda m: m.sequence > 100, what="trades of the new run")
            relay.cut(0.0)
            tape.read(client, lambda: tape.restarts == 1, seconds=30)
            tape.forget()
            tape.read(client, lambda: tape.count > 2_000 and tape.is_whole, seconds=30)
            early = max(min(sequences) for sequences in tape.live.values())
            statistics = client.statistics()
    print(f"first live sequences up to {early}; {statistics}")
    assert early > 50
    assert statistics.replayed > 50
    assert statistics.restarts == 1
    assert statistics.lost == 0
    assert tape.twice == []
    for topic in TOPICS:
        assert sorted(tape.trades[topic]) == list(range(1, max(tape.live[topic]) + 1))


def test_slow_application_is_told_and_reads_what_is_current(stage: Stage) -> None:
    """It is alive but slow: within two seconds it knows what it missed, and is current again."""
    endpoints = stage.gateway.endpoints
    reference = stage.consumer(*TOPICS)
    stage.call(stage.simulator.hold_market, False)
    tape = Tape()
    with GatewayClient(
        endpoints["data"], endpoints["control"], queue_capacity=1_000, conflate_above=500
    ) as client:
        client.subscribe_symbols(SYMBOLS, ["l1"])
        tape.read(client, lambda: all(tape.live[topic] for topic in TOPICS), seconds=20)
        skips = client.statistics().skips
        reference.wait_for(lambda _: client.statistics().skips >= skips + 3, what="skips")
        woke_s = time.monotonic()
        tape.read(client, lambda: tape.overruns > 0, seconds=10)
        told_s = time.monotonic() - woke_s
        ages_s: list[float] = []
        while len(ages_s) < 100:
            item = client.next_message(5.0)
            assert item is not None
            tape.note(item)
            if isinstance(item, Trade):
                ages_s.append(time.time() - item.recv_us / 1e6)
        stage.call(stage.simulator.hold_market, True)
        truth = published(reference, 1.0)
        last = {topic: max(truth[topic]) for topic in TOPICS}
        tape.read(client, lambda: tape.ends_at(last), seconds=20)
        check(tape, truth)
        assert client.statistics().replays_requested == 0
    print(f"told after {told_s:.3f} s, oldest of the next trades {max(ages_s):.3f} s")
    assert any(tape.gone.values())
    assert told_s <= 2.0
    assert max(ages_s) <= 2.0
