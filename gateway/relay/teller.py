"""What is told of a relay's consumers: to the log, because topics are the gateway's to write.

`sys,alert,` passes through a relay with the gateway's sequences; a message of the relay's between
them would look like a loss. Only tails are told on consumers' own topics: the gateway, which does
not know consumers, writes nothing there.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.logs import get_logger
from gateway.model.messages import Kind, MessageType
from gateway.model.protocol import TAILS_TOPICS_MAX
from gateway.policy.peers import Peer, PeerNames
from gateway.wire.codec import pack_once
from gateway.wire.topics import topic_bytes

SECOND_NS: Final = 1_000_000_000


class RelayTeller:
    """Writes down which consumers fall behind.

    Args:
        names: Which client a connection belongs to.
        send: Publishes a frame to the relay's consumers.
        clock: Stamps.
        epoch: Reads the gateway's run.
    """

    def __init__(
        self,
        names: PeerNames,
        *,
        send: Callable[[bytes], object],
        clock: Clock,
        epoch: Callable[[], int],
    ) -> None:
        self._names = names
        self._send = send
        self._clock = clock
        self._epoch = epoch
        self._sequences: dict[str, tuple[int, int]] = {}
        """The run and the last sequence of each consumer's own topic."""
        self._log = get_logger("relay")
        self._is_unmeasured_told = False

    def warn(self, peer: Peer) -> None:
        """A consumer has fallen behind."""
        self._log.warning(
            "a consumer falls behind",
            **self._facts_of(peer),
            lag_s=round(peer.progress.lag_ns / SECOND_NS, 1),
            backlog_bytes=peer.progress.backlog_bytes,
        )

    def clear(self, peer: Peer, why: str) -> None:
        """A consumer is not slow any more, or not there any more."""
        self._log.info("a consumer is not slow any more", **self._facts_of(peer), why=why)

    def record_eviction(self, peer: Peer, reason: str) -> None:
        """A consumer was cut off."""
        self._log.warning("a consumer was cut off", **self._facts_of(peer), reason=reason)

    def note_unmeasured(self, peer: Peer) -> None:
        """Say once that this system does not tell what waits for consumers."""
        if not self._is_unmeasured_told:
            self._is_unmeasured_told = True
            self._log.warning(
                "this system does not tell what waits for a consumer", **self._facts_of(peer)
            )

    def notify_lag(self, peer: Peer, lag_us: int) -> None:
        """A client says that it is behind."""
        self._log.warning(
            "a consumer reports that it is behind", **self._facts_of(peer), lag_us=lag_us
        )

    def notify_limit(self, peer: Peer, limit: int, borne: int) -> None:
        """A consumer has as many subscriptions as it may."""
        self._log.warning(
            "a consumer's subscriptions are not granted, being too many",
            **self._facts_of(peer),
            subscriptions_per_connection_max=limit,
            cut_off_after=borne,
        )

    def tell_tails(self, token: str, topics: Mapping[str, int]) -> None:
        """Tell a consumer which topics have fallen quiet, each with its last sequence."""
        epoch, now_us = self._epoch(), self._clock.utc_us()
        names = list(topics)
        for begin in range(0, len(names), TAILS_TOPICS_MAX):
            part = {name: topics[name] for name in names[begin : begin + TAILS_TOPICS_MAX]}
            run, last = self._sequences.get(token, (epoch, 0))
            sequence = last + 1 if run == epoch else 1
            self._sequences[token] = (epoch, sequence)
            head = [int(MessageType.TAILS), epoch, sequence, 0, now_us, None]
            topic = topic_bytes(Kind.SYS, "client", nonce=token)
            self._send(topic + pack_once([*head, {"topics": part}]))

    def forget(self, token: str) -> None:
        """A client's own topic is not subscribed to any more."""
        self._sequences.pop(token, None)

    def _facts_of(self, peer: Peer) -> dict[str, Any]:
        facts: dict[str, Any] = {"peer": peer.name, "client": self._names.client_of(peer)}
        return facts | {"user": peer.user} if peer.user else facts
