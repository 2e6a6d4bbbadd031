"""The network between gateway and consumer is cut: both notice, and every loss is declared."""

import time
from pathlib import Path
from typing import Final

import pytest

from tests.support import fault_table, records
from tests.support.fault_table import fault_row
from tests.support.market import Market, Subscriber, established_count, topics_of
from tests.support.network import FAR, Network
from tests.support.stage import wait_until

pytestmark = pytest.mark.slow
RATE: Final = 1_500.0
TRADES: Final = topics_of(kinds=("trade",))
PARTITION_S: Final = 20.0
DETECT_S_MAX: Final = 4.0
HALF_DETECT_S_MAX: Final = 5.0
NAMED_S_MAX: Final = 5.0
DROPPED_S_MAX: Final = 16.0
BACK_S_MAX: Final = 3.0
BUSY_S: Final = 1.0
"""What a machine with other work may add."""
BLIP_S: Final = 2.0


def seconds_between(since_us: int, at_us: int) -> float:
    """From one time to another."""
    return (at_us - since_us) / 1e6


def now_us() -> int:
    """The clock of the records."""
    return time.time_ns() // 1000


def wait_for_all_silent(consumers: dict[str, Subscriber], cut_us: int, limit_s: float) -> float:
    """Wait until every consumer noticed, and give the slowest's time."""
    slowest_s = 0.0
    for name, consumer in consumers.items():
        at_us, _ = consumer.wait_for(records.SILENT, seconds=limit_s + 2, since_us=cut_us)
        took_s = seconds_between(cut_us, at_us)
        print(f"{name}: noticed after {took_s:.2f} s")
        assert took_s <= limit_s
        slowest_s = max(slowest_s, took_s)
    return slowest_s


def wait_for_all_back(consumers: dict[str, Subscriber], healed_us: int) -> float:
    """Wait until every consumer hears the gateway again, and give the slowest's time."""
    slowest_s = 0.0
    for name, consumer in consumers.items():
        at_us, _ = consumer.wait_for(records.BACK, seconds=BACK_S_MAX + 3, since_us=healed_us)
        took_s = seconds_between(healed_us, at_us)
        print(f"{name}: back after {took_s:.2f} s")
        assert took_s <= BACK_S_MAX + BUSY_S
        slowest_s = max(slowest_s, took_s)
    return slowest_s


def wait_for_alerts(reference: Subscriber, event: str, count: int, seconds: float) -> int:
    """Wait until the gateway has said something of so many slow connections of the far end.

    Returns:
        When it said so of the last of them, us UTC.
    """

    def said() -> dict[str, int]:
        reference.log.read()
        alerts = reference.log.events_of(records.NOTICE)
        return {
            told["peer"]: at_us
            for at_us, (topic, told) in reversed(alerts)
            if topic == "sys,alert," and told["code"] == "slow_consumer"
            if told["event"] == event and FAR in told["peer"]
        }

    wait_until(lambda: len(said()) >= count, what=f"{event} for {count}", seconds=seconds)
    return max(said().values())


def check_all(consumers: dict[str, Subscriber], reference: Subscriber) -> str:
    """Hold every history against the reference's; gives the declared losses in words."""
    words = []
    for name, consumer in consumers.items():
        account = consumer.check_against(reference)
        words.append(f"{name}: {account.declared:,} of {account.published:,} declared missing")
    filled = wait_for_trades(consumers["client"], reference)
    return f"{'; '.join(words)}; {filled:,} lost trades replayed to the client"


def wait_for_trades(client: Subscriber, reference: Subscriber) -> int:
    """Wait until a client has every trade there was: it asks for the lost ones by itself.

    Returns:
        How many it had lost.
    """
    history = client.log.history

    def has_all() -> bool:
        client.log.read()
        return not any(run.declared for topic, _, run in history.runs() if topic in TRADES)

    wait_until(has_all, what="the lost trades")
    client.wait_until_level(reference)
    account = history.check_against(reference.log.history, TRADES)
    assert account.received == account.published
    return sum(
        last - first + 1
        for _, (topic, _, first, last) in client.log.events_of(records.HOLE)
        if topic in TRADES
    )


def fill_by_replay(market: Market, consumer: Subscriber) -> int:
    """Ask the gateway for every trade that a consumer declared missing.

    Returns:
        How many came.
    """
    count = 0
    with market.gateway.requester() as requester:
        for _, (topic, epoch, first, last) in consumer.log.events_of(records.HOLE):
            if topic not in TRADES:
                continue
            answer = requester.result(
                "replay", topic=topic, from_sequence=first, to_sequence=last, epoch=epoch
            )
            assert answer["complete"], answer["oldest"]
            for body in answer["bodies"]:
                consumer.log.history.note(topic, body)
            count += len(answer["bodies"])
    return count


def far_consumers(market: Market, topics: list[str]) -> dict[str, Subscriber]:
    """One consumer of each program behind the link that is cut."""
    return {
        "bare": market.subscriber(*topics, at="far"),
        "client": market.subscriber(*topics, at="far", program="client"),
    }


@fault_row(34)
@pytest.mark.long
def test_a_partition_is_noticed_by_both_ends_and_healed(network: Network, tmp_path: Path) -> None:
    """A strategy that does not notice trades on prices of twenty seconds ago."""
    topics = topics_of()
    with Market(tmp_path, network=network, rate=RATE) as market:
        reference = market.subscriber(*topics)
        consumers = far_consumers(market, topics)
        time.sleep(1.0)
        assert established_count(market.gateway.pid, FAR) == len(consumers)
        network.cut()
        cut_us = now_us()
        detect_s = wait_for_all_silent(consumers, cut_us, DETECT_S_MAX)
        named_us = wait_for_alerts(reference, "raised", len(consumers), NAMED_S_MAX)
        named_s = seconds_between(cut_us, named_us)
        wait_until(
            lambda: established_count(market.gateway.pid, FAR) == 0,
            what="the gateway lets the connections go",
            seconds=PARTITION_S,
        )
        dropped_s = seconds_between(cut_us, now_us())
        assert named_s <= NAMED_S_MAX
        assert dropped_s <= DROPPED_S_MAX
        wait_for_alerts(reference, "cleared", len(consumers), NAMED_S_MAX)
        time.sleep(max(0.0, PARTITION_S - seconds_between(cut_us, now_us())))
        network.heal()
        recover_s = wait_for_all_back(consumers, now_us())
        time.sleep(1.0)
        words = check_all(consumers, reference)
        assert not reference.log.holes()
        assert all(consumer.log.holes() for consumer in consumers.values())
    fault_table.note(
        34,
        f"partition of {PARTITION_S:.0f} s",
        detect_s=detect_s,
        recover_s=recover_s,
        cause="no heartbeat",
        more=f"named after {named_s:.1f} s, dropped after {dropped_s:.1f} s; {words}",
    )


@fault_row(35)
@pytest.mark.long
def test_a_half_partition_is_noticed(network: Network, tmp_path: Path) -> None:
    """The consumer still hears packets, but its acknowledgments are lost: TCP stops."""
    topics = topics_of()
    with Market(tmp_path, network=network, rate=RATE) as market:
        reference = market.subscriber(*topics)
        consumers = far_consumers(market, topics)
        time.sleep(1.0)
        network.cut("to_near")
        cut_us = now_us()
        detect_s = wait_for_all_silent(consumers, cut_us, HALF_DETECT_S_MAX)
        network.heal()
        recover_s = wait_for_all_back(consumers, now_us())
        time.sleep(1.0)
        words = check_all(consumers, reference)
        assert not reference.log.holes()
    fault_table.note(
        35,
        "only consumer to gateway cut",
        detect_s=detect_s,
        recover_s=recover_s,
        cause="no heartbeat",
        more=words,
    )


@fault_row(36)
@pytest.mark.long
def test_a_blip_loses_nothing_undeclared(network: Network, tmp_path: Path) -> None:
    """Two seconds are short enough for TCP to repair, and whatever it does not is declared."""
    topics = topics_of()
    with Market(tmp_path, network=network, rate=RATE) as market:
        reference = market.subscriber(*topics)
        consumers = far_consumers(market, topics)
        time.sleep(1.0)
        network.cut()
        time.sleep(BLIP_S)
        network.heal()
        healed_us = now_us()
        for consumer in consumers.values():
            consumer.wait_until_level(reference, seconds=10.0)
        recover_s = seconds_between(healed_us, now_us())
        time.sleep(1.0)
        words = check_all(consumers, reference)
        consumers["bare"].wait_until_level(reference)
        filled = fill_by_replay(market, consumers["bare"])
        account = consumers["bare"].log.history.check_against(reference.log.history, TRADES)
        assert account.declared == 0
        assert account.received == account.published
        assert not reference.log.holes()
    words += f", {filled:,} to the bare consumer when it asked"
    fault_table.note(36, f"blip of {BLIP_S:.0f} s", recover_s=recover_s, more=words)
