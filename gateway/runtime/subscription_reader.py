"""Subscription frames of a data socket in manual mode: read, judged, granted and counted.

What a subscription then means is for those who inherit this: the gateway answers snapshots and
wants symbols, a relay passes topics on.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Final, Protocol

import zmq

from gateway.control.peer_desk import REVOKED, PeerDesk
from gateway.control.peer_ports import PeerSockets
from gateway.control.rights import RightsDesk
from gateway.control.user_messages import UserMessages
from gateway.counters import Counter, Counters
from gateway.model.messages import Kind
from gateway.policy.peers import Peer
from gateway.policy.senders import Sender
from gateway.policy.subscriptions import Subscriptions, refusals_borne
from gateway.runtime.grants import Grants
from gateway.runtime.intake import Intake
from gateway.wire.topics import TopicName, parse_topic

FRAMES_PER_TICK_MAX: Final = 1_000
"""Subscription frames read at a stretch; more wait, so that data goes first. Snapshots are answered
as their subscriptions are read, so under load they are delayed and never refused."""

MESSAGES_PER_TICK_MAX: Final = 5_000
"""Messages that are none of those, dropped at a stretch: quicker than anybody sends them, because
libzmq keeps what is not read, and however much."""
_SUBSCRIPTIONS: Final = frozenset({b"\x00", b"\x01"})


class Peers(PeerSockets, Protocol):
    """Tells connections apart, and looks at them."""

    def of(self, frame: zmq.Frame) -> Hashable | None:
        """The connection a frame came from; None when it is gone, or nobody can say."""
        ...

    def sender_of(self, frame: zmq.Frame) -> Sender | None:
        """Whose the frame is; None when what let its connection in does not hold any more."""
        ...

    def received_bytes(self, connection: Hashable) -> int | None:
        """What a connection has received since it was made; None where nobody can tell."""
        ...


class SubscriptionReader(ABC):
    """Reads what subscribers ask for.

    Args:
        data: An XPUB in manual mode; owned by the thread that reads it.
        subscriptions: Counts pairs.
        counters: Where frames are counted.
        peers: Tells connections apart.
        desk: Who they are.
        rights: Judges what each may have.
        intake: Told what was read; nobody asks for it when left out.
    """

    def __init__(
        self,
        data: "zmq.Socket[bytes]",
        *,
        subscriptions: Subscriptions,
        counters: Counters,
        peers: Peers,
        desk: PeerDesk,
        rights: RightsDesk,
        intake: Intake | None = None,
    ) -> None:
        self._data = data
        self._subscriptions = subscriptions
        self._rights = rights
        self._grants = Grants(data, subscriptions, rights)
        subscriptions.on_forget = self._note_end
        self._counters = counters
        self._peers = peers
        self._desk = desk
        self._intake = intake
        self._user_messages = UserMessages(desk.cut_ungranted, received=self._unread_of)

    @abstractmethod
    def gained(self, peer: Peer, topic: bytes, name: TopicName | None, *, is_new: bool) -> None:
        """A connection was granted a subscription.

        Args:
            peer: Whose.
            topic: As it was spelled.
            name: The topic taken apart; None for a prefix.
            is_new: Whether the connection did not hold it already.
        """

    @abstractmethod
    def lost(self, topic: bytes, name: TopicName | None) -> None:
        """A connection does not hold a topic any more."""

    def is_enough(self) -> bool:
        """Whether what was asked for so far is as much work as one call may make."""
        return False

    def drain(self) -> None:
        """Read what subscribers ask for, at most `FRAMES_PER_TICK_MAX` frames."""
        if self._intake is not None:
            self._intake.is_empty = False
        left, messages_left = FRAMES_PER_TICK_MAX, MESSAGES_PER_TICK_MAX
        while left and messages_left:
            if self.is_enough():
                return
            try:
                frame = self._data.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                if self._intake is not None:
                    self._intake.is_empty = True
                return
            data = frame.bytes
            if data[:1] not in _SUBSCRIPTIONS:
                messages_left -= 1
                self._counters.add(Counter.USER_MESSAGES)
                self._user_messages.note(self._peers.of(frame), len(data))
                continue
            left -= 1
            connection, sender = self._peers.of(frame), self._peers.sender_of(frame)
            if self._intake is not None:
                # What is no subscription is not counted: nobody has to send it.
                self._intake.note_taken(connection, len(data), sender.user if sender else "")
            if data[:1] == b"\x01":
                self._subscribe(connection, data[1:], sender)
            else:
                self._unsubscribe(connection, data[1:], sender)

    def sweep(self) -> None:
        """Take back what dead connections left behind."""
        for topic in self._subscriptions.sweep(self._peers.is_alive):
            self.lost(topic, parse_topic(topic))
        self._desk.sweep()
        self._rights.tell_due()

    def _unread_of(self, connection: Hashable) -> int | None:
        """What a connection has sent beyond its subscriptions; None where nobody can tell."""
        if self._intake is None:
            return self._peers.received_bytes(connection)
        return self._intake.unread_of(connection)

    def _is_turned_away(self, connection: Hashable, sender: Sender) -> bool:
        """Cut off a connection that is one too many, for the gateway or for its user."""
        if self._desk.is_closed and self._desk.living_peer(connection) is None:
            # It tries again by itself.
            self._counters.add(Counter.CONNECTIONS_CROWDED)
            self._desk.cut_ungranted(connection, "the gateway is short of room")
        elif not self._desk.has_room(connection, sender):
            self._desk.cut_ungranted(connection, "its user has enough connections")
        else:
            return False
        return True

    def _subscribe(self, connection: Hashable | None, topic: bytes, sender: Sender | None) -> None:
        self._counters.add(Counter.SUBSCRIPTIONS_SEEN)
        if sender is None:
            self._desk.cut_ungranted(connection, REVOKED)
            return
        if connection is None:
            # Gone before its frame was read: nobody is there to be granted anything.
            return
        if self._is_turned_away(connection, sender):
            return
        peer = self._desk.peer_of(connection, sender)
        if peer.sender != sender:
            # One of the two is gone, and its descriptor the other's: both begin anew.
            self._desk.cut_ungranted(connection, "it was taken for another's")
            return
        limit = self._limit_of(sender)
        is_full = self._subscriptions.is_full(connection, limit)
        granted = self._rights.granted_as(sender, topic)
        if not granted or (is_full and not self._subscriptions.holds(connection, topic)):
            if not granted and self._rights.are_on:
                self._deny(peer, topic, limit)
                return
            self._counters.add(Counter.SUBSCRIPTIONS_REFUSED)
            if is_full:
                self._desk.note_refusal(connection, limit)
            return
        # Before anything that makes its frames come: that is what makes joins free of races.
        self._grants.give(granted)
        is_new = self._subscriptions.add(connection, topic)
        name = parse_topic(topic)
        if not topic and all(prefix.startswith(b"sys,") for prefix in granted):
            # Of everything it gets what names no symbol: it was denied what it asked for.
            self._rights.note_denial(peer, topic)
        else:
            self._rights.note_grant(peer, topic, name, is_new=is_new)
        token = token_of(name)
        if token:
            self._desk.note_token(connection, token)
        self.gained(peer, topic, name, is_new=is_new)

    def _deny(self, peer: Peer, topic: bytes, limit: int) -> None:
        """Refuse what a user may not have, and cut off who goes on asking for more of it.

        ZeroMQ keeps a denied subscription as long as its connection lives, and at the same price
        as a granted one. A relay asks for what others want, whatever that is.
        """
        self._rights.note_denial(peer, topic)
        if self._rights.is_relay(peer.sender):
            return
        peer.denied_topics.add(hash(topic))
        if len(peer.denied_topics) > limit + refusals_borne(limit):
            self._counters.add(Counter.SUBSCRIBERS_CUT)
            self._desk.cut_ungranted(peer.connection, "it goes on asking for what it may not have")

    def _limit_of(self, sender: Sender) -> int:
        """How many topics one connection of a user may be subscribed to."""
        if sender.user:
            return self._rights.limits_of(sender).subscriptions_max
        return self._subscriptions.per_connection_max

    def _unsubscribe(
        self, connection: Hashable | None, topic: bytes, sender: Sender | None
    ) -> None:
        if connection is not None and sender is not None:
            # Named: the peer lives and took one subscription back. What it holds by another one
            # stays granted. A dead peer's grants are gone with its pipe.
            self._grants.take(connection, sender, topic)
        if connection is not None and self._rights.are_on:
            peer = self._desk.living_peer(connection)
            if peer is not None:
                peer.denied_topics.discard(hash(topic))
            if parse_topic(topic) is None:
                self._desk.drop_prefix(connection, topic)
        if not self._subscriptions.remove(connection, topic, self._peers.is_alive):
            return
        name = parse_topic(topic)
        token = token_of(name)
        if token:
            self._desk.drop_token(connection, token)
        self.lost(topic, name)

    def _note_end(self, connection: Hashable, topic: bytes) -> None:
        """A pair is gone, whoever took it back."""
        self._rights.usage.end(connection, topic)
        if not self._subscriptions.topic_count(connection):
            self._rights.usage.forget(connection)


def token_of(name: TopicName | None) -> str:
    """The token of a client's own topic, which names it and is never answered; else empty."""
    is_own = name is not None and name.kind is Kind.SYS and name.symbol == "client"
    return name.nonce if name is not None and is_own else ""
