"""What the relay thread tells of itself, read in that thread, used in the control loop."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from gateway.counters import Counter
from gateway.relay.thread import RelayParts

WINDOW_SAMPLES_MAX: Final = 11
"""Samples kept, one a second: rates are over the last ten seconds."""


@dataclass(frozen=True, slots=True)
class RelayReport:
    """The relay thread at one moment."""

    epoch: int
    """The gateway's run; 0 before its first heartbeat."""
    silent_ns: int
    """How long no heartbeat has come."""
    gateway_topic_count: int
    """Topics asked of the gateway, the relay's own included."""
    topic_count: int
    """Different topics its consumers are subscribed to."""
    subscription_count: int
    """Pairs of connection and topic."""
    consumer_count: int
    """Connections that are subscribed to something."""
    slow: tuple[dict[str, Any], ...]
    """Those that fall behind, as `subscriptions` describes them."""
    unmeasured_count: int
    """Those of which this system does not tell what waits for them."""
    frames_per_s: float
    """Over the last ten seconds."""
    bytes_per_s: float
    """Over the last ten seconds."""
    counters: dict[str, int]
    """Everything the thread counted, by label."""


class RelayReporter:
    """Makes reports; every method belongs to the relay thread.

    Args:
        parts: What is reported on.
    """

    def __init__(self, parts: RelayParts) -> None:
        self._parts = parts
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=WINDOW_SAMPLES_MAX)

    @property
    def epoch(self) -> int:
        """The gateway's run; any thread may read it."""
        return self._parts.upstream.epoch

    def sample(self) -> None:
        """Note the counts rates are made of; once a second."""
        counters = self._parts.counters
        frames = counters.value(Counter.FRAMES_RELAYED)
        size = counters.value(Counter.BYTES_RELAYED)
        self._samples.append((self._parts.clock.monotonic_ns(), frames, size))

    def report(self) -> RelayReport:
        """Tell how the thread is."""
        parts = self._parts
        frames_per_s, bytes_per_s = self._rates()
        return RelayReport(
            epoch=parts.upstream.epoch,
            silent_ns=parts.upstream.silent_ns(),
            gateway_topic_count=parts.upstream.topic_count,
            topic_count=parts.subscriptions.different_count(),
            subscription_count=parts.subscriptions.pair_count,
            consumer_count=parts.subscriptions.connection_count(),
            slow=tuple(parts.peers.slow_peers()),
            unmeasured_count=parts.peers.unmeasured_count,
            frames_per_s=frames_per_s,
            bytes_per_s=bytes_per_s,
            counters=parts.counters.as_map(),
        )

    def peers(self) -> list[dict[str, Any]]:
        """List the consumers' connections."""
        return self._parts.peers.peers()

    def _rates(self) -> tuple[float, float]:
        if len(self._samples) < 2:
            return 0.0, 0.0
        (first_ns, *first), (last_ns, *last) = self._samples[0], self._samples[-1]
        elapsed_s = (last_ns - first_ns) / 1e9
        if elapsed_s <= 0:
            return 0.0, 0.0
        return (last[0] - first[0]) / elapsed_s, (last[1] - first[1]) / elapsed_s
