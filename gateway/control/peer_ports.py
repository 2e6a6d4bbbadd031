"""What the peer desk is handed: connections that can be asked, and somebody who tells."""

from collections.abc import Hashable, Mapping
from typing import Protocol

from gateway.policy.peers import Peer
from gateway.policy.senders import Sender
from gateway.policy.slow_consumers import Backlog


class PeerAddress(Protocol):
    """Who is at the other end."""

    @property
    def text(self) -> str:
        """How people call it."""
        ...

    @property
    def transport(self) -> str:
        """`tcp` or `ipc`; empty where it cannot be told."""
        ...


class PeerSockets(Protocol):
    """What can be asked of a connection."""

    def is_alive(self, connection: Hashable) -> bool:
        """Whether it still exists."""
        ...

    def address(self, connection: Hashable) -> PeerAddress:
        """Who is at the other end."""
        ...

    def backlog(self, connection: Hashable) -> Backlog | None:
        """What waits for it; None where nobody can tell."""
        ...

    def cut(self, connection: Hashable) -> bool:
        """Reset it; False when it was gone."""
        ...

    def forget(self, connection: Hashable) -> None:
        """Drop what was learned of it."""
        ...

    def may_stay(self, sender: Sender) -> bool:
        """Whether what let it in still holds."""
        ...


class Teller(Protocol):
    """Tells of consumers that fall behind."""

    def warn(self, peer: Peer) -> None:
        """A consumer has fallen behind."""
        ...

    def clear(self, peer: Peer, why: str) -> None:
        """A consumer is not slow any more, or not there any more."""
        ...

    def record_eviction(self, peer: Peer, reason: str) -> None:
        """A consumer was cut off; operators want to find out why."""
        ...

    def note_unmeasured(self, peer: Peer) -> None:
        """The system does not tell what waits for a consumer."""
        ...

    def notify_lag(self, peer: Peer, lag_us: int) -> None:
        """Tell a client that it is behind."""
        ...

    def notify_limit(self, peer: Peer, limit: int, borne: int) -> None:
        """Tell a client that it has as many subscriptions as it may, and what more are borne."""
        ...

    def tell_tails(self, token: str, topics: Mapping[str, int]) -> None:
        """Tell a client which topics have fallen quiet, each with its last sequence."""
        ...

    def forget(self, token: str) -> None:
        """A client's own topic is not subscribed to any more."""
        ...
