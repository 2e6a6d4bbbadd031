"""Who does nothing wrong while others do, and what of it can be measured at a gateway process."""

import statistics
import threading
import time
from typing import Final

import psutil

from tests.support.consumer import SNAPSHOT, Consumer
from tests.support.processes import GatewayProcess

MIB: Final = 1_048_576


def rss_mb(gateway: GatewayProcess) -> float:
    """Memory of the gateway, MiB."""
    return float(psutil.Process(gateway.pid).memory_info().rss) / MIB


def counted(gateway: GatewayProcess, label: str) -> int:
    """A counter of the gateway's."""
    with gateway.requester() as requester:
        return int(requester.result("metrics")["client_metrics"]["counters"][label])


class Innocent:
    """A consumer and a requester who do nothing wrong, in a thread, and how long they wait."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._is_over = threading.Event()
        self.ages_ms: list[float] = []
        self.pings_ms: list[float] = []
        self.lost = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Innocent":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(30.0)

    def _run(self) -> None:
        with (
            self._gateway.consumer("quote,AAPL,", "trade,AAPL,") as consumer,
            self._gateway.requester() as requester,
        ):
            last: dict[str, int] = {}
            while not self._is_over.is_set():
                began_s = time.monotonic()
                requester.result("ping", seconds=30.0)
                self.pings_ms.append((time.monotonic() - began_s) * 1000)
                self._read(consumer, last)

    def _read(self, consumer: Consumer, last: dict[str, int]) -> None:
        for message in consumer.stream(0.05):
            if message.flags & SNAPSHOT:
                continue
            self.ages_ms.append(time.time_ns() / 1e6 - message.body[4] / 1e3)
            self.lost += message.sequence - last.get(message.topic, message.sequence - 1) - 1
            last[message.topic] = message.sequence
        consumer.messages.clear()

    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        self._is_over.wait(seconds)

    def figures(self) -> str:
        """What it was like, in words."""
        return (
            f"p99 {p99(self.ages_ms):.1f} ms of {len(self.ages_ms)} messages, lost {self.lost}; "
            f"ping p50 {statistics.median(self.pings_ms):.1f}, p99 {p99(self.pings_ms):.1f} ms"
        )


def p99(values: list[float]) -> float:
    """What one in a hundred exceeds."""
    assert len(values) > 20, len(values)
    return sorted(values)[int(len(values) * 0.99)]
