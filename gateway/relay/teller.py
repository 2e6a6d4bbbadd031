"""What is told of a relay's consumers: to the log, because every topic is the gateway's to write.

`sys,alert,` and clients' own topics pass through a relay with the gateway's sequences; a message of
the relay's between them would look like a loss.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.logs import get_logger
from gateway.policy.peers import Peer, PeerNames

SECOND_NS: Final = 1_000_000_000


class RelayTeller:
    """Writes down which consumers fall behind.

    Args:
        names: Which client a connection belongs to.
    """

    def __init__(self, names: PeerNames) -> None:
        self._names = names
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
        """Nothing: the gateway's announcements pass through."""
        del token, topics

    def forget(self, token: str) -> None:
        """Nothing is kept by token."""
        del token

    def _facts_of(self, peer: Peer) -> dict[str, Any]:
        facts: dict[str, Any] = {"peer": peer.name, "client": self._names.client_of(peer)}
        return facts | {"user": peer.user} if peer.user else facts
