"""What the client itself has to say, delivered in the same stream as the messages.

Loss is never hidden: each of these stands at the place in the stream where it happened.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of one topic were lost on the way.

    On topics whose state can be fetched (all state kinds, `depth` and `order`) the client asks for
    a snapshot by itself: a second Gap with `healed` follows once it has arrived. Lost trades and
    other events stay lost unless `replay` fetches them.
    """

    topic: str
    """Base topic, for example `quote,AAPL,`."""
    first_missing: int
    """Sequence of the first message not received."""
    last_missing: int
    """Sequence of the last message not received; not below `first_missing`."""
    healed: bool
    """True once a snapshot newer than the hole has been delivered."""
    epoch: int = 0
    """Gateway run the sequences belong to (Unix milliseconds), as `replay` wants it."""


@dataclass(frozen=True, slots=True)
class GatewayRestarted:
    """The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.

    The client subscribes again and fetches fresh snapshots by itself.
    """

    old_epoch: int
    """Unix milliseconds at which the earlier run began."""
    new_epoch: int
    """Unix milliseconds at which the present run began."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No heartbeat for too long. Values on hand must be taken for stale until Reconnected."""

    cause: Literal["silence"]
    """Why the connection counts as lost."""
    silent_s: float
    """Seconds since the last heartbeat."""


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A heartbeat was heard again; snapshots of everything subscribed are on their way."""

    silent_s: float
    """Seconds between the two heartbeats around the outage."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """The application read too slowly and its queue was full: these messages were dropped here."""

    topic: str | None
    """The topic they all belong to, or None when they belong to several."""
    dropped: int
    """Messages dropped at this place of the stream, 1 or more."""


@dataclass(frozen=True, slots=True)
class SubscriptionRefused:
    """A symbol that was held before is refused when subscribed again in the background."""

    symbol: str
    """The symbol, verbatim."""
    code: str
    """The gateway's error code, for example `symbol_limit`."""
    hint: str
    """What the gateway advises."""


Event = Gap | GatewayRestarted | Disconnected | Reconnected | Overrun | SubscriptionRefused
"""Everything in the stream that is not a message of the gateway."""
