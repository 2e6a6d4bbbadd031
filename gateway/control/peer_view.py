"""A connection of the data socket as `subscriptions` and `diagnostics` describe it."""

from typing import Any

from gateway.clock import Clock
from gateway.policy.peers import Peer
from gateway.policy.senders import Sender


def describe(
    peer: Peer, *, client: str | None, subscription_count: int, clock: Clock
) -> dict[str, Any]:
    """Describe a connection.

    Args:
        peer: Its record.
        client: Which client it belongs to; None when nobody has told.
        subscription_count: Topics it is subscribed to.
        clock: Both clocks.
    """
    progress = peer.progress
    since_ns = progress.slow_since_ns
    return {
        "peer": peer.name,
        "client": client,
        "user": peer.user or None,
        "server_key": _key_name_of(peer.sender),
        "address": peer.name,
        "transport": peer.transport or None,
        "subscriptions": subscription_count,
        "refused": peer.refused_count,
        "not_entitled": dict(peer.denied) or None,
        "is_relay": peer.is_relay,
        "is_measured": peer.is_measured,
        "backlog_bytes": progress.backlog_bytes if peer.is_measured else None,
        "lag_us": progress.lag_ns // 1000,
        "is_slow": progress.is_slow,
        "slow_since_us": None if since_ns is None else _as_utc_us(since_ns, clock),
        "reported": peer.reported or None,
    }


def _as_utc_us(moment_ns: int, clock: Clock) -> int:
    return clock.utc_us() - (clock.monotonic_ns() - moment_ns) // 1000


def _key_name_of(sender: Sender) -> str | None:
    """Which of the gateway's keys a connection was made with; None without keys."""
    if not sender.user:
        return None
    return "next" if sender.is_next_key else "current"
