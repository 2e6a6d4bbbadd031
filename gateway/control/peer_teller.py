"""What is told of a consumer that falls behind: to itself, to everybody, and to the history."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.errors import ConsumerEvicted, SlowConsumer
from gateway.logs import get_logger
from gateway.model.messages import Kind, MessageType
from gateway.model.protocol import TAILS_TOPICS_MAX
from gateway.policy.error_history import ErrorFact, fact_of
from gateway.policy.peers import Peer, PeerNames
from gateway.wire.envelope import Envelope, Topic
from gateway.wire.system import SystemTopics

SECOND_NS: Final = 1_000_000_000
ALERT_CODE: Final = "slow_consumer"
PORT: Final = "consumers"
_HINT: Final = (
    "See whether the program still runs; let it read faster, subscribe to less, or take conflated "
    "topics such as quote@250; `subscriptions` shows every consumer, `admin.evict` cuts one off."
)


class PeerTeller:
    """Publishes alerts and notices about consumers, and records them as errors.

    Args:
        names: Which client a connection belongs to.
        envelope: Makes clients' own topics.
        system: Publishes.
        clock: Stamps.
        on_error: Takes what is recorded.
    """

    def __init__(
        self,
        names: PeerNames,
        *,
        envelope: Envelope,
        system: SystemTopics,
        clock: Clock,
        on_error: Callable[[ErrorFact], object],
    ) -> None:
        self._names = names
        self._envelope = envelope
        self._system = system
        self._clock = clock
        self._on_error = on_error
        self._notices: dict[str, Topic] = {}
        self._is_unmeasured_told = False

    def warn(self, peer: Peer) -> None:
        """A consumer has fallen behind."""
        behind = f"it is {peer.progress.lag_ns / SECOND_NS:.1f} s behind"
        self._alert("raised", peer, behind)
        self.notify_lag(peer, peer.progress.lag_ns // 1000)
        self._record(SlowConsumer(f"consumer {self._call(peer)} falls behind"), peer)

    def clear(self, peer: Peer, why: str) -> None:
        """A consumer is not slow any more, or not there any more."""
        self._alert("cleared", peer, why)
        peer.warned_us = None

    def record_eviction(self, peer: Peer, reason: str) -> None:
        """Put the end of a connection into the error history, with why it was cut off."""
        error = ConsumerEvicted(f"consumer {self._call(peer)} was cut off", reason=reason)
        self._record(error, peer)
        get_logger("audit").warning(
            "evicted",
            user=peer.user or None,
            client=self._names.client_of(peer),
            address=peer.name,
            socket="data",
            reason=reason,
        )

    def _record(self, error: SlowConsumer, peer: Peer) -> None:
        """Put what happened to a consumer into the error history."""
        error.facts.update(
            peer=peer.name,
            client=self._names.client_of(peer),
            lag_ms=peer.progress.lag_ns // 1_000_000,
            backlog_bytes=peer.progress.backlog_bytes,
        )
        self._on_error(fact_of(error, port=PORT, at_us=self._clock.utc_us()))

    def _call(self, peer: Peer) -> str:
        """A consumer by its client's name, where it has one."""
        client = self._names.client_of(peer)
        return f"{client} ({peer.name})" if client is not None else peer.name

    def note_unmeasured(self, peer: Peer) -> None:
        """Say once that this system does not tell what waits for consumers."""
        if self._is_unmeasured_told:
            return
        self._is_unmeasured_told = True
        error = SlowConsumer(
            "this system does not tell what waits for a consumer",
            hint="Slow ones are named only by what their own clients report with `renew`.",
            peer=peer.name,
            transport=peer.transport,
        )
        self._on_error(fact_of(error, port=PORT, at_us=self._clock.utc_us()))

    def notify_lag(self, peer: Peer, lag_us: int) -> None:
        """Tell a client that it is behind."""
        self.notify(
            peer,
            {
                "notice": "lag",
                "message": f"you are {lag_us / 1e6:.1f} s behind",
                "lag_us": lag_us,
                "hint": "Read faster, subscribe to less, or take conflated topics such as "
                "quote@250.",
            },
        )

    def notify_limit(self, peer: Peer, limit: int, borne: int) -> None:
        """Tell a client that it has as many subscriptions as it may, and what more are borne."""
        self.notify(
            peer,
            {
                "notice": "limit",
                "message": f"subscriptions beyond {limit} are not granted; "
                f"after {borne} of them the connection is cut off",
                "limit": "subscriptions_per_connection_max",
                "limit_max": limit,
                "hint": "Use prefixes such as quote, or several connections.",
            },
        )

    def notify(self, peer: Peer, details: dict[str, Any]) -> None:
        """Publish a notice on a client's own topic, if it has one."""
        if peer.token is not None:
            self._system.publish(self._topic_of(peer.token), details)

    def tell_tails(self, token: str, topics: Mapping[str, int]) -> None:
        """Tell a client which topics have fallen quiet, each with its last sequence."""
        names = list(topics)
        for begin in range(0, len(names), TAILS_TOPICS_MAX):
            part = {name: topics[name] for name in names[begin : begin + TAILS_TOPICS_MAX]}
            self._system.publish(self._topic_of(token), {"topics": part}, as_type=MessageType.TAILS)

    def _topic_of(self, token: str) -> Topic:
        """A client's own topic."""
        topic = self._notices.get(token)
        if topic is None:
            topic = self._envelope.topic(Kind.SYS, "client", nonce=token)
            self._notices[token] = topic
        return topic

    def forget(self, token: str) -> None:
        """A client's own topic is not subscribed to any more."""
        topic = self._notices.pop(token, None)
        if topic is not None:
            self._envelope.discard(topic)

    def _alert(self, event: str, peer: Peer, what: str) -> None:
        if peer.warned_us is None:
            peer.warned_us = self._clock.utc_us()
        self._system.announce_alert(
            event=event,
            id=f"{ALERT_CODE}:{peer.name}",
            code=ALERT_CODE,
            level="warning",
            message=f"consumer {self._call(peer)}: {what}",
            hint=_HINT if event == "raised" else None,
            since_us=peer.warned_us,
            peer=peer.name,
            client=self._names.client_of(peer),
        )
