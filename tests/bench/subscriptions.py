"""What subscriptions cost: a hundred thousand topics, then ten thousand changes a second.

    python tests/bench/subscriptions.py --seconds 60

A gateway process before a simulator of ten thousand symbols; peers of twenty thousand topics each,
the default cap, over ten kinds, variants among them. Then other peers subscribe and unsubscribe at
a steady pace. Printed are memory, processor time and what is left when everybody has gone; all of
it again and again, so that a leak would show.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import zmq

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.simulator import SimulatorOptions
from tests.support.processes import GatewayProcess
from tests.support.requester import Requester
from tests.support.stage import open_stage

KINDS = (
    "quote", "trade", "summary", "fundamental", "state", "correction",
    "quote@250", "quote@1000", "summary@250", "summary@1000",
)  # fmt: skip
PEERS = 5
TOPICS_PER_PEER = 20_000
SYMBOLS = PEERS * TOPICS_PER_PEER // len(KINDS)
CHURNERS = 5


def counts_of(requester: Requester) -> dict[str, Any]:
    """Connections, topics and counters, as the gateway says."""
    metrics = requester.result("metrics", seconds=60.0)
    return {**metrics["topics"], **metrics["client_metrics"]["counters"]}


def wait_for(requester: Requester, subscriptions: int, seconds: float) -> float:
    """Wait until so many subscriptions are held; how long it took."""
    started_s = time.monotonic()
    while counts_of(requester)["subscriptions"] != subscriptions:
        if time.monotonic() - started_s > seconds:
            print(f"  not within {seconds} s: {counts_of(requester)['subscriptions']} held")
            break
        time.sleep(0.05)
    return time.monotonic() - started_s


class Peers:
    """SUB sockets, read by nobody but libzmq.

    Args:
        endpoint: The gateway's data socket.
        count: How many.
    """

    def __init__(self, endpoint: str, count: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.sockets = [self._context.socket(zmq.SUB) for _ in range(count)]
        for socket in self.sockets:
            socket.setsockopt(zmq.SNDHWM, 0)
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(endpoint)

    def read(self) -> int:
        """Read what has come; how many frames."""
        count = 0
        for socket in self.sockets:
            while socket.poll(0):
                socket.recv()
                count += 1
        return count

    def close(self) -> None:
        """All of them leave at once."""
        self._context.destroy(linger=0)


def churn(peers: Peers, symbols: list[str], pace: int, seconds: float) -> tuple[int, int]:
    """Subscribe and unsubscribe at a pace; changes made, and frames read."""
    changes = frames = 0
    started_s = time.monotonic()
    while (elapsed_s := time.monotonic() - started_s) < seconds:
        while changes < elapsed_s * pace:
            socket = peers.sockets[changes // 2 % len(peers.sockets)]
            topic = f"quote,{symbols[changes // 2 % len(symbols)]},"
            socket.subscribe(topic)
            socket.unsubscribe(topic)
            changes += 2
        frames += peers.read()
        time.sleep(0.001)
    return changes, frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to churn")
    parser.add_argument("--pace", type=int, default=10_000, help="changes a second")
    parser.add_argument("--cycles", type=int, default=2, help="how often all of it")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = stack.enter_context(open_stage())
        simulator = stage.start_simulator(
            SimulatorOptions(
                admin_port=0,
                level1_port=0,
                level2_port=0,
                rate=100.0,
                equity_count=SYMBOLS,
                symbol_limit=2 * SYMBOLS,
            )
        )
        gateway = stack.enter_context(
            GatewayProcess(
                folder, level1_port=simulator.level1_port, admin_port=simulator.admin_port
            )
        )
        gateway.start()
        requester = stack.enter_context(gateway.requester())
        process = psutil.Process(gateway.pid)
        instruments = simulator._source.market.instruments  # type: ignore[union-attr]
        symbols = [s for s, i in instruments.items() if i.security_type == 1][:SYMBOLS]
        topics = [f"{kind},{symbol}," for kind in KINDS for symbol in symbols]
        base_mb = process.memory_info().rss / 1e6
        print(f"base: {base_mb:.0f} MB, {process.num_fds()} descriptors")

        for cycle in range(options.cycles):
            print(f"cycle {cycle + 1}")
            run_cycle(gateway, requester, process, topics, symbols, base_mb, options)


def processor_s(process: psutil.Process) -> float:
    """Processor time used so far, seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def run_cycle(  # noqa: PLR0917 - a script's one long step
    gateway: GatewayProcess,
    requester: Requester,
    process: psutil.Process,
    topics: list[str],
    symbols: list[str],
    base_mb: float,
    options: argparse.Namespace,
) -> None:
    """Everybody comes, some churn, everybody goes."""
    peers = Peers(gateway.data, PEERS)
    cpu_s = processor_s(process)
    for number, socket in enumerate(peers.sockets):
        for topic in topics[number * TOPICS_PER_PEER : (number + 1) * TOPICS_PER_PEER]:
            socket.subscribe(topic)
    took_s = wait_for(requester, len(topics), 120.0)
    time.sleep(3.0)
    counts = counts_of(requester)
    held_mb = process.memory_info().rss / 1e6
    print(
        f"{counts['subscriptions']} topics of {PEERS} peers: {took_s:.1f} s, "
        f"{held_mb - base_mb:+.0f} MB ({(held_mb - base_mb) * 1e6 / len(topics):.0f} B each), "
        f"{processor_s(process) - cpu_s:.1f} s of processor; "
        f"symbols {counts['symbols']}, refused {counts['subscriptions_refused']}"
    )
    churners = Peers(gateway.data, CHURNERS)
    for seconds in (5.0, options.seconds):
        cpu_s, started_s = processor_s(process), time.monotonic()
        changes, frames = churn(churners, symbols, options.pace, seconds)
        elapsed_s = time.monotonic() - started_s
        busy = (processor_s(process) - cpu_s) / elapsed_s
        mb = process.memory_info().rss / 1e6
        print(
            f"churn {elapsed_s:.0f} s: {changes / elapsed_s:.0f} changes a second, "
            f"{busy:.0%} of a processor, {mb - held_mb:+.1f} MB, {frames} frames read"
        )
    peers.read()
    wait_for(requester, len(topics), 10.0)
    churners.close()
    peers.close()
    took_s = wait_for(requester, 0, 60.0)
    print(
        f"all gone: {took_s:.1f} s, {process.memory_info().rss / 1e6 - base_mb:+.0f} MB "
        f"against the base, {process.num_fds()} descriptors, "
        f"{counts_of(requester)['subscriptions']} subscriptions left"
    )


if __name__ == "__main__":
    main()
