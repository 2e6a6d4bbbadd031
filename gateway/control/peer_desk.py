"""The peer desk: who the consumers of the data socket are, and which of them fall behind.

It is the feed thread's own. What a connection's kernel says comes through `PeerSockets`; what that
means is the policy's to judge; here consumers are named, warned, cleared and cut off, and everybody
is told.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.feed_commands import PeersReport
from gateway.control.peer_ports import PeerSockets, Teller
from gateway.control.peer_topics import heard_by, missing_for
from gateway.control.peer_view import describe
from gateway.control.rights import RightsDesk
from gateway.counters import Counter, Counters
from gateway.errors import QuotaExceeded
from gateway.health.latency import LatencyHistogram
from gateway.policy.peers import TOKENS_PER_PEER_MAX, ClientName, Peer, PeerNames
from gateway.policy.senders import ANYBODY, Sender
from gateway.policy.slow_consumers import Progress, SlowRules
from gateway.policy.subscriptions import Subscriptions, refusals_borne

SECOND_NS: Final = 1_000_000_000
LOOK_NS: Final = SECOND_NS // 4
"""How often each connection is looked at."""
SLICES: Final = 4
"""Calls that one look at all of them is spread over."""
RELAYS_MAX: Final = 16
RELAY_NS: Final = 10 * SECOND_NS
"""How long the data connection of a relay that has introduced itself may take to show."""
REVOKED: Final = "its key was revoked, or its file says something else"


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """What of the settings decides about consumers."""

    rules: SlowRules
    """When one is slow, and when it is cut off."""


class PeerDesk:
    """Knows every connection of the data socket.

    Args:
        sockets: What can be asked of a connection.
        subscriptions: What each is subscribed to.
        names: Which client a token belongs to.
        teller: Tells of consumers that fall behind.
        clock: Both clocks.
        counters: Where evictions are counted.
        options: What the settings say.
        rights: What each may have.
    """

    def __init__(
        self,
        *,
        sockets: PeerSockets,
        subscriptions: Subscriptions,
        names: PeerNames,
        teller: Teller,
        clock: Clock,
        counters: Counters,
        options: PeerOptions,
        rights: RightsDesk,
    ) -> None:
        self._sockets = sockets
        self._subscriptions = subscriptions
        self._names = names
        self._teller = teller
        self._clock = clock
        self._counters = counters
        self._options = options
        self._rights = rights
        self._peers: dict[Hashable, Peer] = {}
        self._holders: dict[str, Peer] = {}
        self._scan: deque[Peer] = deque()
        self._next_scan_ns = 0
        self._relay_until_ns = 0
        self.is_closed = False
        """Whether new connections are cut off, the process being short of something."""
        self.reported_lag: Final = LatencyHistogram()
        """How far behind clients said that they were, since the start."""

    # What the data socket tells.

    def peer_of(self, connection: Hashable, sender: Sender = ANYBODY) -> Peer:
        """The record of a connection, made when it is first heard of."""
        peer = self._peers.get(connection)
        if peer is None:
            address = self._sockets.address(connection)
            peer = self._peers[connection] = Peer(
                connection,
                name=address.text or f"connection {len(self._peers) + 1}",
                transport=address.transport,
                progress=Progress(self._options.rules),
                snapshots=self._rights.snapshots_of(sender),
                now_ns=self._clock.monotonic_ns(),
                sender=sender,
            )
        return peer

    def has_room(self, connection: Hashable, sender: Sender) -> bool:
        """Whether a connection is known, or its user may have one more."""
        if connection in self._peers or not sender.user:
            return True
        own = [p for p in self._peers.values() if p.user == sender.user]
        limit = self._rights.limits_of(sender).connections_max
        if len(own) < limit or sum(self._sockets.is_alive(p.connection) for p in own) < limit:
            return True
        self._rights.note_crowd(sender, self._sockets.address(connection).text)
        return False

    def living_peer(self, connection: Hashable) -> Peer | None:
        """The record of a connection that still exists; None when it is gone."""
        return self._peers.get(connection) if self._sockets.is_alive(connection) else None

    def note_token(self, connection: Hashable, token: str) -> None:
        """A connection subscribed to the private topic of a token."""
        peer = self.peer_of(connection)
        if len(peer.tokens) >= TOKENS_PER_PEER_MAX:
            self._counters.add(Counter.TOKENS_REFUSED)
            return
        peer.tokens[token] = None
        self._holders[token] = peer
        self._name(token)

    def drop_token(self, connection: Hashable | None, token: str) -> None:
        """A connection took its subscription to a token's topic back."""
        holder = self._holders.get(token)
        if holder is None or (connection is not None and holder.connection != connection):
            return
        if connection is None and self._sockets.is_alive(holder.connection):
            return
        self._forget_token(token)
        del holder.tokens[token]
        if holder.token == token:
            holder.token = next(
                (other for other in holder.tokens if self._names.of(other) is not None), None
            )

    def drop_prefix(self, connection: Hashable, prefix: bytes) -> None:
        """A connection took back what is no whole topic."""
        peer = self._peers.get(connection)
        if peer is not None:
            peer.prefixes.pop(prefix, None)

    def note_refusal(self, connection: Hashable, limit: int) -> None:
        """A connection asked for more subscriptions than it may have.

        Each that is refused costs memory all the same, so whoever goes on is cut off: but not a
        relay, which may have any number, and is known for one only when all of them are here.
        """
        peer = self.peer_of(connection)
        peer.refused_count += 1
        borne = refusals_borne(limit)
        if peer.refused_count == 1:
            self._teller.notify_limit(peer, limit, borne)
        is_relay = peer.is_relay or self._rights.is_relay(peer.sender)
        if peer.refused_count <= borne or is_relay or self._is_relay_to_come():
            return
        if self._evict(peer, f"it goes on asking for more than {limit} subscriptions"):
            self._counters.add(Counter.SUBSCRIBERS_CUT)

    def _is_relay_to_come(self) -> bool:
        """Whether a relay has said that it is one, and its data connection is not known yet."""
        return self._clock.monotonic_ns() < self._relay_until_ns

    def sweep(self) -> None:
        """Forget connections that are gone."""
        for peer in [p for p in self._peers.values() if not self._sockets.is_alive(p.connection)]:
            self._forget(peer, "it is gone")

    # What clients tell.

    def bind(
        self, client: str, token: str, *, is_relay: bool = False, user: str = ""
    ) -> int | None:
        """Learn whose data connection holds a token; nobody names another user's.

        Returns:
            How many of its subscriptions were not granted, being too many; a relay's count begins
            anew, because it may ask for them again. None while no connection holds the token.

        Raises:
            QuotaExceeded: A relay, and there are enough.
        """
        relays = sum(1 for peer in self._peers.values() if peer.is_relay)
        holder = self._holders.get(token)
        if holder is not None and holder.user != user:
            return None
        is_new_relay = is_relay and (holder is None or not holder.is_relay)
        if is_new_relay and relays >= RELAYS_MAX:
            raise QuotaExceeded("too many relays", client=client, limit=RELAYS_MAX)
        self._names.tell(token, ClientName(client, is_relay))
        if is_relay and holder is None:
            self._relay_until_ns = self._clock.monotonic_ns() + RELAY_NS
        if holder is None:
            return None
        self._name(token)
        refused = holder.refused_count
        if holder.is_relay:
            holder.refused_count = 0
        return refused

    def report(self, client: str, token: str, told: dict[str, Any], *, user: str = "") -> None:
        """Take what a client says of itself with a renewal: received, gaps, lag_us."""
        self.bind(client, token, user=user)
        peer = self._holders.get(token)
        if peer is None or peer.is_relay or peer.user != user:
            return
        now_ns = self._clock.monotonic_ns()
        peer.reported = {**told, "at_us": self._clock.utc_us()}
        lag_us = told.get("lag_us")
        if lag_us is None:
            return
        peer.progress.report(lag_us * 1000, now_ns)
        self.reported_lag.record(lag_us)
        if lag_us * 1000 >= self._options.rules.warn_ns:
            self._teller.notify_lag(peer, lag_us)

    def tell_tails(self, quiet: Mapping[str, int]) -> None:
        """Tell each client which of the topics that it hears have fallen quiet.

        Args:
            quiet: Topics, each with the sequence of its last message.
        """
        for peer in self._peers.values():
            token = peer.token or next(iter(peer.tokens), None)
            if token is None or self._rights.may_be_told_all(peer):
                # A relay that may hear everything hears `sys,tails,`.
                continue
            heard = heard_by(peer, quiet, subscriptions=self._subscriptions, rights=self._rights)
            if heard:
                self._teller.tell_tails(token, heard)

    def missing(
        self, token: str, topics: Iterable[str], *, age_ns_min: int, user: str = ""
    ) -> list[str]:
        """Which topics the connection of a token is not subscribed to, by itself or by a prefix.

        Args:
            token: What a client calls its data connection by.
            topics: Complete public topics.
            age_ns_min: A younger connection's subscriptions may still be on their way.
            user: Whose client it is; empty without keys.

        Returns:
            Those that are missing; the token's own topic where no connection holds it.
        """
        peer = self._holders.get(token)
        if peer is None or peer.user != user:
            return [f"~{token}.sys,client,"]
        if self._clock.monotonic_ns() - peer.seen_ns < age_ns_min:
            return []
        return missing_for(peer, topics, subscriptions=self._subscriptions)

    # Looking after them.

    def look(self) -> None:
        """Look at the next connections; call it twenty times a second."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_scan_ns:
            self._next_scan_ns = now_ns + LOOK_NS
            # What the last one did not come to is looked at first.
            waiting = set(map(id, self._scan))
            self._scan.extend(p for p in self._peers.values() if id(p) not in waiting)
        for _ in range(-(-len(self._peers) // SLICES)):
            if not self._scan:
                return
            peer = self._scan.popleft()
            if self._peers.get(peer.connection) is peer:
                self._look_at(peer, now_ns)

    def _look_at(self, peer: Peer, now_ns: int) -> None:
        backlog = self._sockets.backlog(peer.connection)
        peer.is_measured = backlog is not None
        if backlog is None and self._sockets.is_alive(peer.connection):
            self._teller.note_unmeasured(peer)
        if peer.user:
            # Its file may give it another pace by now.
            peer.snapshots = self._rights.snapshots_of(peer.sender)
        was_slow = peer.progress.is_slow
        peer.progress.look(backlog, now_ns)
        reason = peer.progress.must_go
        if reason is not None and not peer.is_relay:
            self._evict(peer, reason)
        elif peer.progress.is_slow and not was_slow:
            self._counters.add(Counter.CONSUMERS_SLOW)
            self._teller.warn(peer)
        elif was_slow and not peer.progress.is_slow:
            self._teller.clear(peer, "it keeps up again")

    def evict(self, name: str, user: str | None = None) -> int:
        """Cut off the connections that `PeerNames.find` finds, raising what it raises.

        Returns:
            How many were cut off.
        """
        chosen = self._names.find(self._peers.values(), name, user)
        return sum(self._evict(peer, "an administrator asked for it") for peer in chosen)

    def evict_revoked(self) -> int:
        """Cut off the connections whose grant has ended.

        Returns:
            How many were cut off.
        """
        revoked = [p for p in self._peers.values() if not self._sockets.may_stay(p.sender)]
        return sum(self._revoke(peer.connection, REVOKED) for peer in revoked)

    def cut_ungranted(self, connection: Hashable | None, reason: str) -> None:
        """Cut off a connection that a frame came from which nobody is granted anything for."""
        self._counters.add(Counter.FRAMES_UNGRANTED)
        if connection is not None:
            self._revoke(connection, reason)

    def _revoke(self, connection: Hashable, reason: str) -> bool:
        peer = self._peers.get(connection)
        is_cut = self._sockets.cut(connection) if peer is None else self._evict(peer, reason)
        self._counters.add(Counter.CONNECTIONS_REVOKED, is_cut)
        return is_cut

    def peers(self) -> list[dict[str, Any]]:
        """Every connection, for `subscriptions`."""
        return [self._describe(peer) for peer in self._peers.values()]

    def worst_off(self, count_max: int) -> PeersReport:
        """The connections that are furthest behind, for those who cannot show all."""
        peers = self._peers.values()
        chosen = nlargest(count_max, peers, lambda p: (p.progress.is_slow, p.progress.lag_ns))
        slow = sum(1 for peer in peers if peer.progress.is_slow)
        return PeersReport([self._describe(peer) for peer in chosen], len(peers), slow)

    def slow_peers(self) -> list[dict[str, Any]]:
        """The connections that fall behind."""
        return [self._describe(peer) for peer in self._peers.values() if peer.progress.is_slow]

    @property
    def worst_lag_us(self) -> int:
        """How far the slowest is behind; 0 without any."""
        return max((p.progress.lag_ns for p in self._peers.values()), default=0) // 1000

    @property
    def unmeasured_count(self) -> int:
        """Connections of which the system does not tell what waits for them."""
        looked_at_ns = self._clock.monotonic_ns() - SECOND_NS
        return sum(
            1 for p in self._peers.values() if not p.is_measured and p.seen_ns < looked_at_ns
        )

    # Names.

    def _name(self, token: str) -> None:
        """Let a token that was told name the connection that holds it."""
        name, peer = self._names.of(token), self._holders.get(token)
        if name is None or peer is None:
            return
        if name.is_relay and not peer.is_relay:
            peer.is_relay, peer.token = True, token
            self._subscriptions.exempt(peer.connection)
        elif peer.token is None:
            peer.token = token

    def _describe(self, peer: Peer) -> dict[str, Any]:
        count = self._subscriptions.topic_count(peer.connection)
        name = self._names.client_of(peer)
        return describe(peer, client=name, subscription_count=count, clock=self._clock)

    def _evict(self, peer: Peer, reason: str) -> bool:
        if not self._sockets.cut(peer.connection):
            return False
        self._counters.add(Counter.CONSUMERS_EVICTED)
        self._teller.record_eviction(peer, reason)
        self._forget(peer, f"it was cut off: {reason}")
        return True

    def _forget_token(self, token: str) -> None:
        del self._holders[token]
        self._teller.forget(token)

    def _forget(self, peer: Peer, why: str) -> None:
        if peer.progress.is_slow:
            self._teller.clear(peer, why)
        for token in peer.tokens:
            if self._holders.get(token) is peer:
                self._forget_token(token)
        self._sockets.forget(peer.connection)
        del self._peers[peer.connection]
