"""Which topics a connection hears, and which it should but does not."""

from collections.abc import Iterable, Mapping

from gateway.control.rights import RightsDesk
from gateway.policy.peers import Peer
from gateway.policy.subscriptions import Subscriptions


def heard_by(
    peer: Peer, topics: Mapping[str, int], *, subscriptions: Subscriptions, rights: RightsDesk
) -> dict[str, int]:
    """Those of some topics that a connection hears, by themselves or by a prefix."""
    holds, connection = subscriptions.holds, peer.connection
    prefixes = tuple(prefix for prefix in peer.prefixes if holds(connection, prefix))
    return {
        topic: sequence
        for topic, sequence in topics.items()
        if holds(connection, (name := topic.encode("ascii")))
        or (name.startswith(prefixes) and rights.granted_as(peer.sender, name))
    }


def missing_for(peer: Peer, topics: Iterable[str], *, subscriptions: Subscriptions) -> list[str]:
    """Those of some topics that a connection is subscribed to neither so nor by a prefix."""
    holds, connection = subscriptions.holds, peer.connection
    found = []
    for topic in topics:
        name = topic.encode("ascii")
        # Any prefix will do: it brings the topic too.
        if not any(holds(connection, name[:end]) for end in range(len(name), -1, -1)):
            found.append(topic)
    return found
