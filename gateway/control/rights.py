"""What a subscription may be granted as, by what its sender may hear."""

from typing import Final

from gateway.clock import Clock
from gateway.control.access import refused_body
from gateway.control.told_once import GRANTED, ToldOnce
from gateway.control.usage_tap import UsageTap
from gateway.counters import Counter, Counters
from gateway.logs import get_logger
from gateway.model.messages import SYS_NAMES, Kind
from gateway.policy.entitlements import EVERYBODY, Entitlements, UserRights
from gateway.policy.peers import Peer
from gateway.policy.quotas import Limits, UserBuckets, UserLimits
from gateway.policy.rate_limit import TokenBucket
from gateway.policy.senders import Sender
from gateway.wire.envelope import Body
from gateway.wire.topics import (
    TopicName,
    grants_of,
    is_private,
    parse_topic,
    reach_of,
    sys_topic,
)

SECOND_NS: Final = 1_000_000_000
SPELLED_BYTES_MAX: Final = 100
_TAILS: Final = sys_topic("tails")
DENIED_NAMED_MAX: Final = 50
"""Different topics that are listed of those a connection was denied."""


def may_prefix(rights: UserRights, prefix: bytes) -> bool:
    """Whether a client may hear every topic that a prefix matches, variants included.

    Args:
        rights: The client's.
        prefix: A public topic or how some begin. The empty one matches private topics too, which
            nobody may.
    """
    reach = reach_of(prefix)
    if reach is None:
        return False
    may = rights.may if reach.is_whole else rights.may_all
    return all(may(kind, reach.symbol) for kind in reach.kinds)


def granted_as(rights: UserRights, topic: bytes) -> tuple[bytes, ...]:
    """Say which prefixes a subscription is granted as.

    A private topic is granted to everybody who spells it whole: it is where a client is told that
    it may not have what it asks for.

    Args:
        rights: Its sender's.
        topic: As the peer sent it.

    Returns:
        Prefixes to grant; for the empty subscription, of the public kinds and system topics those
        that the client may have. Empty when it is not granted.
    """
    if rights is EVERYBODY:
        return grants_of(topic)
    if is_private(topic):
        return (topic,) if parse_topic(topic) is not None else ()
    if topic:
        return (topic,) if may_prefix(rights, topic) else ()
    kinds = tuple(prefix for prefix in grants_of(topic) if may_prefix(rights, prefix))
    names = tuple(sys_topic(name) for name in SYS_NAMES if rights.may(Kind.SYS, name))
    return (*kinds, *names)


class RightsDesk:
    """Judges what connections of the data socket ask for; used in the thread that reads it.

    Args:
        entitlements: What everybody may do.
        limits: What everybody may have, where a client's file does not say otherwise.
        clock: Both clocks.
        counters: Of that thread.
        told: Tells the audit log.
        usage: Takes who hears what.
    """

    def __init__(
        self,
        entitlements: Entitlements,
        *,
        limits: Limits,
        clock: Clock,
        counters: Counters,
        told: ToldOnce,
        usage: UsageTap,
    ) -> None:
        self._entitlements = entitlements
        self._limits = UserLimits(limits)
        self._clock = clock
        self._counters = counters
        self._told = told
        self._snapshots = UserBuckets(clock)
        self.usage: Final = usage
        """Takes who hears what."""

    @property
    def are_on(self) -> bool:
        """Whether there are keys, and so anything to judge by."""
        return self._entitlements.are_on

    def granted_as(self, sender: Sender, topic: bytes) -> tuple[bytes, ...]:
        """Say which prefixes a connection's subscription is granted as; empty when it is not."""
        rights = self._entitlements.of(sender.user)
        return () if rights is None else granted_as(rights, topic)

    def may_be_told_all(self, peer: Peer) -> bool:
        """Whether a connection may hear `sys,tails,`, and so needs no tails of its own."""
        return self.are_on and peer.is_relay and bool(self.granted_as(peer.sender, _TAILS))

    def limits_of(self, sender: Sender) -> Limits:
        """How much a connection's user may have."""
        return self._limits.of(sender.user, self._entitlements.quotas_of(sender.user))

    def is_relay(self, sender: Sender) -> bool:
        """Whether a connection's file says that it is a relay's; without keys nobody's does."""
        rights = self._entitlements.of(sender.user) if sender.user else None
        return rights is not None and rights.record.is_relay

    def snapshots_of(self, sender: Sender) -> TokenBucket:
        """What a connection's snapshots are counted against: with keys all of its user's are."""
        rate = self.limits_of(sender).snapshots_per_second_max
        if not sender.user:
            return TokenBucket(self._clock, tokens_max=rate, token_ns=SECOND_NS // rate)
        return self._snapshots.of(sender.user, tokens_max=rate, token_ns=max(1, SECOND_NS // rate))

    def note_grant(self, peer: Peer, topic: bytes, name: TopicName | None, *, is_new: bool) -> None:
        """A connection was granted a subscription."""
        if not self.are_on:
            return
        if name is None:
            peer.prefixes[topic] = None
        if name is None or name.kind is not Kind.SYS:
            about = "several kinds" if name is None else name.kind.value
            self._told.note(GRANTED, peer.user, about, topic=_spell(topic), address=peer.name)
        if is_new and (name is None or not name.nonce):
            self.usage.begin(peer.connection, peer.user, topic, name)

    def note_denial(self, peer: Peer, topic: bytes) -> None:
        """A connection was not granted what it asked for, which it cannot be told there."""
        self._counters.add(Counter.SUBSCRIPTIONS_DENIED)
        self._write_denial(peer, topic, "subscription")

    def refusal_of(self, peer: Peer, name: TopicName, epoch: int) -> Body | None:
        """The answer about a private topic that its connection may not have; None when it may.

        Args:
            peer: Whose.
            name: What it asks for.
            epoch: This run.
        """
        if not self.are_on:
            return None
        if self._entitlements.may(peer.user, name.kind, name.symbol):
            self.usage.touch(peer.user, name)
            return None
        self._counters.add(Counter.SNAPSHOTS_DENIED)
        self._write_denial(peer, name.spelling.encode("ascii"), "snapshot")
        return refused_body(epoch, self._clock.utc_us())

    def note_crowd(self, sender: Sender, address: str) -> None:
        """A user wanted one connection more than it may have."""
        self._counters.add(Counter.CONNECTIONS_LIMITED)
        self._told.note(
            "evicted", sender.user, "connections", address=address, reason="too many connections"
        )

    def tell_due(self) -> None:
        """Tell how often what was told has happened since; call it every second."""
        self._told.tell_due()

    def _write_denial(self, peer: Peer, topic: bytes, about: str) -> None:
        spelled = _spell(topic)
        if spelled in peer.denied or len(peer.denied) < DENIED_NAMED_MAX:
            peer.denied[spelled] = peer.denied.get(spelled, 0) + 1
        self._told.note(
            "sub_denied",
            peer.user,
            about,
            topic=spelled,
            address=peer.name,
            reason="not_entitled",
        )


def _spell(topic: bytes) -> str:
    """A topic for people: bounded, and without anything a line could not hold."""
    text = ascii(topic[: SPELLED_BYTES_MAX + 1].decode("latin-1"))[1:-1]
    return text if len(text) <= SPELLED_BYTES_MAX else f"{text[:SPELLED_BYTES_MAX]}..."


def make_rights(
    entitlements: Entitlements, *, limits: Limits, clock: Clock, counters: Counters
) -> RightsDesk:
    """Make what judges the connections of one data socket.

    Args:
        entitlements: Used in the same thread.
        limits: What everybody may have.
        clock: Both clocks.
        counters: Of that thread.
    """
    return RightsDesk(
        entitlements,
        limits=limits,
        clock=clock,
        counters=counters,
        told=ToldOnce(clock, get_logger("audit")),
        usage=UsageTap(clock, counters, is_on=entitlements.are_on),
    )
