"""What of the settings decides how the feed works."""

from dataclasses import dataclass
from typing import Literal

from gateway.control.peer_desk import PeerOptions
from gateway.normalize.depths import BookOptions
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits
from gateway.policy.quotas import Limits
from gateway.runtime.link_parts import LinkOptions
from gateway.wire.rings import RingOptions


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What of the settings decides how the feed works."""

    link: LinkOptions
    """Where Level 1 is and how to connect."""
    level2: LinkOptions
    """Where Level 2 is."""
    level1_count: int
    """Connections to Level 1."""
    level2_count: int
    """Connections to Level 2."""
    price_levels_max: int
    """Price levels a side asked of the vendor; 0 for all."""
    book: BookOptions
    """What is published of order books, and when they are not believed."""
    refreshes_per_second_max: int
    """Budget for asking the vendor for the values of quiet symbols."""
    images_per_minute_max: int
    """Budget for asking the vendor for books anew."""
    line_bytes_max: int
    """Longer lines are dropped."""
    summary_interval_us: int
    """After a trade, at most one summary a symbol in this time."""
    symbol_count_max: int
    """Symbols kept in memory."""
    subscriptions_per_connection_max: int
    """More are not granted."""
    variants_max: int
    """Conflated topics of one topic."""
    rings: RingOptions
    """Which events are kept for those who lose one."""
    linger_ns: int
    """How long a symbol is kept after the last wish for it."""
    peers: PeerOptions
    """When a consumer is slow, and what becomes of it."""
    limits: Limits
    """What a user may have, where there are keys."""
    is_auto_watch: bool
    """Whether a subscription to a symbol's topic is a wish for it."""
    pipeline: Literal["compiled", "python"] = "python"
    """Which one makes messages of Level 1 lines; the compiled one only where it can run."""
    price_limits: PriceLimits = ANY_PRICE
    """Which prices are implausible."""
