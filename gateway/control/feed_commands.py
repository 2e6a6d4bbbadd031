"""What the control loop may ask of the feed thread: small, bounded, answered as a whole."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.policy.demand import Service
from gateway.policy.guards import Step
from gateway.wire.topics import TopicName

SYMBOLS_PER_COMMAND_MAX = 250
"""Longer requests are cut into commands of this size, so that data never waits for control."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Count a lease's wishes; answered by a list of `Standing`."""

    wishes: tuple[tuple[str, tuple[Service, ...]], ...]
    """Symbols, each with its services; at most `SYMBOLS_PER_COMMAND_MAX`."""


@dataclass(frozen=True, slots=True)
class Unwatch:
    """Take a lease's wishes back; answered by None."""

    wishes: tuple[tuple[str, tuple[Service, ...]], ...]
    """As they were counted."""


@dataclass(frozen=True, slots=True)
class AwaitSettled:
    """Wait until symbols stop being pending; answered by None, at the latest after `wait_ns`."""

    symbols: frozenset[str]
    """Symbols that were asked for."""
    wait_ns: int
    """Longest wait."""


@dataclass(frozen=True, slots=True)
class ReadStandings:
    """Read the state of symbols; answered by a list of `Standing`."""

    symbols: tuple[str, ...]
    """At most `SYMBOLS_PER_COMMAND_MAX`."""


@dataclass(frozen=True, slots=True)
class ReadSnapshots:
    """Read last values; answered by a list of (topic, body or None when it is no topic)."""

    topics: tuple[str, ...]
    """Complete public topics; at most `SYMBOLS_PER_COMMAND_MAX`."""


@dataclass(frozen=True, slots=True)
class SetPressure:
    """Give up as much as a step of the guards says; answered by None."""

    step: Step
    """From nothing to everything."""


@dataclass(frozen=True, slots=True)
class ReadRing:
    """Read events that are kept; answered by `Kept`."""

    name: TopicName
    """A public topic of a kind that is kept."""
    first_sequence: int
    """First sequence wanted."""
    last_sequence: int
    """Last sequence wanted; at most `SYMBOLS_PER_COMMAND_MAX` in all."""


@dataclass(frozen=True, slots=True)
class ReadSymbols:
    """Read the states of the next symbols; answered by `SymbolRows`."""

    place: int = 0
    """Where to go on: `SymbolRows.place` of the last answer."""
    search: str = ""
    """Part of the symbol, upper case; empty for all."""
    state: str = ""
    """Only those in this state on one of the two levels; empty for all."""
    after: str = ""
    """Only those behind this symbol, by name."""
    before: str = ""
    """Only those before this symbol, by name; empty for all."""
    changed_since_us: int = 0
    """Only those whose state changed then or later, UTC."""
    may_see: Callable[[str], bool] | None = None
    """Says which symbols there are for who asks, from any thread; None for all."""


@dataclass(frozen=True, slots=True)
class SymbolRows:
    """Some symbols and their states."""

    rows: list[dict[str, Any]]
    """At most `SYMBOLS_PER_COMMAND_MAX`, in no order."""
    place: int | None
    """Where the next slice begins; None when this was the last."""
    total: int
    """Symbols there are."""
    seen: int = 0
    """Of those looked at, how many there are for who asks."""


@dataclass(frozen=True, slots=True)
class AnnounceAlert:
    """Publish an alert on `sys,alert,`; answered by None."""

    told: dict[str, Any]
    """event, and the alert."""


@dataclass(frozen=True, slots=True)
class ReadWatches:
    """Read who wants what; answered by a `WatchReport`."""

    entries_max: int
    """Longest list in the answer."""


@dataclass(frozen=True, slots=True)
class ReadPeers:
    """Read which consumers are worst off; answered by a `PeersReport`."""

    entries_max: int
    """Longest list in the answer."""


@dataclass(frozen=True, slots=True)
class BindClient:
    """Learn whose data connection holds a token.

    Answered by how many of its subscriptions were one too many; None while no connection holds it.
    """

    client: str
    """The name the client gave itself."""
    token: str
    """What it calls its data connection by."""
    is_relay: bool = False
    """Whether that connection stands for many consumers."""
    user: str = ""
    """Who asks; only a connection of the same user is bound. Empty without keys."""


@dataclass(frozen=True, slots=True)
class ReportClient:
    """Take what a client says of itself; answered by None."""

    client: str
    """Who."""
    token: str
    """What it calls its data connection by."""
    told: dict[str, Any]
    """received, gaps, lag_us; as far as it told."""
    user: str = ""
    """Who tells; empty without keys."""


@dataclass(frozen=True, slots=True)
class FindMissing:
    """Look for topics that a client's data connection should be subscribed to.

    Answered by those that it is not.
    """

    token: str
    """What the client calls its data connection by."""
    topics: tuple[str, ...]
    """Complete public topics; at most `SYMBOLS_PER_COMMAND_MAX`."""
    user: str = ""
    """Whose client asks; empty without keys."""


@dataclass(frozen=True, slots=True)
class EvictPeer:
    """Cut off data connections; answered by how many there were."""

    name: str
    """A connection's name, or a client's."""
    user: str | None = None
    """Whose they have to be; None when the name says it."""


@dataclass(frozen=True, slots=True)
class EvictRevoked:
    """Cut off data connections whose grant has ended; answered by how many there were."""


@dataclass(frozen=True, slots=True)
class NoteAdmin:
    """Tell what the admin port says of the upstream; answered by None."""

    state: str
    """The admin connection's state, for heartbeat and `sys,feed`."""
    is_dtn_connected: bool | None
    """Whether IQConnect says that DTN is connected; None when the admin port does not tell."""
    is_login_lost: bool = False
    """Whether IQConnect is away from DTN because of the login, and will not come back by itself."""


@dataclass(frozen=True, slots=True)
class Explain:
    """Gather everything that bears on a symbol's state; answered by a `Lineage`."""

    symbol: str
    """Checked to be spelled as a symbol."""


@dataclass(frozen=True, slots=True)
class Resync:
    """Ask the vendor for fresh values; answered by None, or by an error that says why not."""

    name: TopicName
    """A public topic of a symbol."""


@dataclass(frozen=True, slots=True)
class ResetBreakers:
    """Close the circuit breakers of a port; answered by the number of its connections."""

    port: str
    """`level1` or `level2`."""


@dataclass(frozen=True, slots=True)
class ReconnectPort:
    """Make a port's connections anew; answered by how many there were to make."""

    port: str
    """`level1` or `level2`."""


@dataclass(frozen=True, slots=True)
class ReloadConfiguration:
    """Read the configuration again; no business of the feed thread: the process itself answers.

    Answered by what changed, as `admin.reload` says it.
    """

    source: str
    """Who asked, for the audit log."""


FeedCommand = (
    Watch
    | Unwatch
    | AwaitSettled
    | ReadStandings
    | ReadSnapshots
    | ReadRing
    | SetPressure
    | BindClient
    | ReportClient
    | FindMissing
    | EvictPeer
    | EvictRevoked
    | ReadWatches
    | ReadPeers
    | ReadSymbols
    | AnnounceAlert
    | NoteAdmin
    | Explain
    | Resync
    | ResetBreakers
    | ReconnectPort
    | ReloadConfiguration
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One symbol as it stands."""

    symbol: str
    """The vendor's string."""
    state: str
    """The state's wire spelling."""
    cause: str | None
    """The cause's wire spelling; None when there is none."""
    sequences: dict[str, int]
    """Last sequence by kind, of the topics that exist."""
    depth_states: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """State and cause of each Level 2 kind; empty while nobody wants the symbol's depth."""
    error: str | None = None
    """An error code when the symbol could not be watched at all."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """Who wants what."""

    watches: list[dict[str, Any]]
    """Watched symbols: services, number of wishes, whether it only lingers, state."""
    topics: list[dict[str, Any]]
    """Subscribed topics with their number of connections."""
    connection_count: int
    """Connections with at least one subscription."""
    peers: list[dict[str, Any]]
    """Those connections, one by one."""
    is_complete: bool
    """False when a list was cut at its limit."""


@dataclass(frozen=True, slots=True)
class PeersReport:
    """The data connections that are worst off."""

    peers: list[dict[str, Any]]
    """As `subscriptions` describes them: the slow first, then by how far they are behind."""
    total: int
    """Data connections in all."""
    slow: int
    """Of them, how many are slow."""
