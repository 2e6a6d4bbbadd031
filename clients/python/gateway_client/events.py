"""What the client itself has to say, delivered in the same stream as the messages.

Loss is never hidden: each of these stands at the place in the stream where it happened.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of one topic are missing, have come after all, or are lost for good.

    The client heals by itself, and says what became of it:

    * neither `healed` nor `is_final`: these messages are missing at this place of the stream, and
      are being fetched. It is followed by others about the same range, or parts of it.
    * `healed`: for state kinds, `depth` and `order` a snapshot newer than the hole was delivered
      just before. For trades, corrections and news each of these messages was delivered just
      before, with Flag.REPLAY and its own sequence. After a restart of the gateway it may come
      without an earlier Gap: what the new run published before we were back was fetched.
    * `is_final`: these messages are lost for good: they never come. It may be the first that is
      said of them, if there is nothing to fetch them with.

    So every trade, correction and story is either delivered, once, or named by exactly one Gap
    that `is_final`, as long as one run of the gateway lasts.
    """

    topic: str
    """Base topic, for example `quote,AAPL,`."""
    first_missing: int
    """Sequence of the first message it is about."""
    last_missing: int
    """Sequence of the last message it is about; not below `first_missing`."""
    healed: bool
    """True once what was lost, or what replaces it, has been delivered."""
    epoch: int = 0
    """Gateway run the sequences belong to (Unix milliseconds), as `replay` wants it."""
    is_final: bool = False
    """True when the messages are lost for good: nothing more will be tried. Never with `healed`."""


@dataclass(frozen=True, slots=True)
class GatewayRestarted:
    """The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.

    The client subscribes again and fetches fresh snapshots by itself. What was being fetched of
    the earlier run is lost for good, and was told so just before.
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
    """The application read too slowly: what waited was skipped, and what comes next is current.

    One Gap for each range of sequences that was skipped follows at once: `is_final` for trades and
    other events, while books (`order` and `depth`) get a fresh image. Of state messages the newest
    value follows.
    """

    topic: str | None
    """The topic they all belong to, or None when they belong to several."""
    dropped: int
    """Messages skipped at this place of the stream, 1 or more."""
    unnamed: int = 0
    """How many of them are not named by the Gaps that follow: answers to snapshot requests, values
    and events of the client that found no room, and what is beyond 1,000 ranges."""


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
