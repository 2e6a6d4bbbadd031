"""Snapshots in their turn: each consumer's at a pace, delayed beyond it and never refused.

After a restart of ours a bare SUB socket cannot ask again, so what was asked for once is served,
late if it must be, as long as it is still subscribed to.
"""

from collections import deque
from collections.abc import Callable, Hashable

from gateway.control.peer_desk import PeerDesk
from gateway.counters import Counter, Counters
from gateway.policy.peers import Peer
from gateway.policy.subscriptions import Subscriptions


class SnapshotPace:
    """Serves the snapshots that consumers ask for.

    Args:
        serve: Serves one, given whose it is and its private topic; says how many bytes that took.
        subscriptions: What each consumer is subscribed to.
        desk: Who the consumers are, and how many each may have.
        counters: Where delays are counted.
    """

    def __init__(
        self,
        serve: Callable[[Peer, bytes], int],
        *,
        subscriptions: Subscriptions,
        desk: PeerDesk,
        counters: Counters,
    ) -> None:
        self._serve = serve
        self._subscriptions = subscriptions
        self._desk = desk
        self._counters = counters
        self.is_held = False
        """Whether all wait, and one is served at a call: memory is short."""
        self._delayed: dict[Hashable, deque[bytes]] = {}

    def ask(self, peer: Peer, topic: bytes) -> int:
        """Serve a snapshot now, or in its turn when its consumer has asked for many.

        Returns:
            How many bytes it took.
        """
        waiting = self._delayed.get(peer.connection)
        if waiting is None and not self.is_held and (peer.is_relay or not peer.snapshots.wait_ns()):
            peer.snapshots.take()
            return self._serve(peer, topic)
        self._counters.add(Counter.SNAPSHOTS_DELAYED)
        if waiting is None:
            waiting = self._delayed[peer.connection] = deque()
        # Never longer than the connection's subscriptions are many: each is subscribed to, and
        # who takes one back and asks again is answered no more often.
        waiting.append(topic)
        if len(waiting) > self._subscriptions.per_connection_max:
            waiting.popleft()
        return 0

    def serve_delayed(self, *, bytes_max: int) -> int:
        """Serve those whose turn has come; call it every tick.

        Args:
            bytes_max: Once so many bytes were served the rest waits for the next call.

        Returns:
            How many bytes it took.
        """
        taken = 0
        for connection in list(self._delayed):
            if taken > bytes_max:
                break
            # Whoever has had its turn comes last the next time.
            waiting = self._delayed.pop(connection)
            peer = self._desk.living_peer(connection)
            if peer is None:
                continue
            if self.is_held:
                bytes_max = 0
            while waiting and taken <= bytes_max:
                if not peer.is_relay and peer.snapshots.wait_ns():
                    break
                topic = waiting.popleft()
                if self._subscriptions.holds(connection, topic):
                    peer.snapshots.take()
                    taken += self._serve(peer, topic)
            if waiting:
                self._delayed[connection] = waiting
        return taken
