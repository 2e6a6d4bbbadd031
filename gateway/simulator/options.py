"""What the simulator can be told, checked before anything starts."""

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError

RATE_MAX: Final = 1_000_000
_BURST: Final = re.compile(r"(\d+(?:\.\d+)?)x@(\d+(?:\.\d+)?)s\+(\d+(?:\.\d+)?)s")
_CLOCK: Final = re.compile(r"auto|real|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Burst:
    """A load that comes back: `factor` times the rate, every `period_s`, for `length_s`."""

    factor: float
    """How many times the normal rate."""
    period_s: float
    """Seconds from the start of one burst to the start of the next."""
    length_s: float
    """Seconds that one burst lasts."""

    @classmethod
    def parse(cls, text: str) -> "Burst":
        """Read `10x@30s+5s`: ten times the rate, every 30 seconds, for 5 seconds.

        Args:
            text: The profile as written on a command line.

        Returns:
            The profile.

        Raises:
            ConfigError: The text has another form or a burst is longer than its period.
        """
        match = _BURST.fullmatch(text)
        if match is None:
            raise ConfigError(
                "a burst profile looks like 10x@30s+5s",
                hint="Write factor, period and length: 10x@30s+5s.",
                burst=text,
            )
        factor, period_s, length_s = (float(part) for part in match.groups())
        if period_s <= 0 or length_s > period_s:
            raise ConfigError("a burst must be shorter than its period", burst=text)
        return cls(factor, period_s, length_s)

    def factor_at(self, elapsed_s: float) -> float:
        """The factor in force some seconds after the start; the first period begins calm.

        Args:
            elapsed_s: Seconds since the market started, 0 or more.

        Returns:
            The burst's factor inside a burst, else 1.
        """
        is_burst = elapsed_s >= self.period_s and elapsed_s % self.period_s < self.length_s
        return self.factor if is_burst else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Everything about one simulator; the defaults are IQConnect's own ports."""

    host: str = "127.0.0.1"
    """Address to listen on; IQConnect itself listens on the loopback only."""
    admin_port: int = 9300
    """Admin port; 0 takes any free one."""
    level1_port: int = 5009
    """Level 1 port; 0 takes any free one."""
    level2_port: int = 9200
    """Level 2 port; 0 takes any free one."""
    seed: int = 1
    """The same seed gives the same market."""
    symbol_limit: int = 500
    """Different symbols one login may watch, over all of its sockets."""
    rate: float = 1000.0
    """Market events a second over all watched symbols; 0 keeps the market still."""
    burst: str | None = None
    """Load profile such as `10x@30s+5s`; None for a steady rate."""
    market_clock: str = "auto"
    """`real`, `auto`, or where Eastern time starts: `YYYY-MM-DDTHH:MM:SS`."""
    tape: Path | None = None
    """A captured tick reply to replay instead of the seeded market."""
    tape_symbol: str | None = None
    """The symbol the tape is of; required with `tape`."""
    tape_speed: float = 1.0
    """1 is the recorded pace, N is N times faster, 0 is as fast as the reader takes it."""
    is_delayed: bool = False
    """A delayed account: data 15 minutes behind the time lines."""
    login: str = "DEMO"
    """Login id shown in the statistics line."""
    equity_count: int = 300
    """Equities in the seeded market, 10 or more."""
    trade_share: float = 0.3
    """Share of events that are trades; the others are quote changes. 0 to 1."""
    batch_ms: float = 10.0
    """Milliseconds between two batches of generated lines, 1 to 1000."""
    correction_every: int = 5000
    """Trades between two trade corrections (protocol 6.2 only), on average; 0 for none."""
    depth_rate: float = 0.0
    """Events a second deep in the books, over all symbols whose depth is watched, which Level 1
    does not show; 0 for only what Level 1 events bring."""
    depth_orders: int = 150
    """Orders that a watched book keeps on each side, about; 1 to 100,000."""
    clears_depth_at_reconnect: bool = True
    """Whether CLEAR DEPTH comes before the summaries when the link to DTN is back."""
    empty_time_share: float = 0.05
    """Share of order deletes (type 5) whose time is empty. 0 to 1."""
    news_interval_s: int = 15
    """Market seconds between two headlines; 0 for none."""
    late_update_share: float = 0.25
    """Share of `r` commands after which one more update of the symbol arrives. 0 to 1."""
    client_queue_bytes_max: int = 64 * 1024 * 1024
    """Bytes waiting for one reader; beyond that its connection is closed and counted."""
    is_symbol_selectable: bool = False
    """Whether a field set that names Symbol is accepted; recent IQConnects refuse it."""
    is_fieldset_acknowledged_first: bool = False
    """Whether SET PROTOCOL answers with the field names before the protocol."""
    has_fieldnames_comma: bool = False
    """Whether the lists of field names end with a comma."""
    is_connected_at_start: bool = True
    """Whether the link to DTN is up; otherwise S,CONNECT brings it up."""
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    """Login id and password that a client must give on the admin port, registered, before its
    S,CONNECT brings the link up; None when the link needs no login."""
    login_delay_s: float = 0.2
    """Seconds that such a login takes."""
    control_port: int | None = None
    """Port of the simulator's own, on this machine only, that takes faults; 0 takes any free one,
    None opens none."""
    timeline: Path | None = None
    """File with faults and their times; None for none."""
    is_exiting_with_last_client: bool = False
    """Whether to end when the last client has been gone for `exit_delay_s`, as IQConnect does."""
    exit_delay_s: float = 5.0
    """Seconds without any client before ending."""
    record_trades: bool = False
    """Whether to keep every trade sent for comparison by a test."""
    recorded_trades_max: int = 2_000_000
    """Trades kept; later ones are only counted."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("admin_port", 0, 65535),
            ("level1_port", 0, 65535),
            ("level2_port", 0, 65535),
            ("depth_rate", 0, RATE_MAX),
            ("depth_orders", 1, 100_000),
            ("empty_time_share", 0, 1),
            ("symbol_limit", 1, 1_000_000),
            ("rate", 0, RATE_MAX),
            ("tape_speed", 0, 1_000_000),
            ("equity_count", 10, 10_000),
            ("trade_share", 0, 1),
            ("batch_ms", 1, 1000),
            ("correction_every", 0, 1_000_000_000),
            ("news_interval_s", 0, 86_400),
            ("late_update_share", 0, 1),
            ("client_queue_bytes_max", 65_536, 1 << 40),
            ("exit_delay_s", 0, 86_400),
            ("login_delay_s", 0, 3600),
            ("recorded_trades_max", 1, 100_000_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} must be between {low} and {high}", value=value)
        if self.control_port is not None and not 0 <= self.control_port <= 65535:
            raise ConfigError("control_port must be between 0 and 65535", value=self.control_port)
        if self.credentials is not None and not all(self.credentials):
            raise ConfigError(
                "credentials need a login id and a password",
                hint="Give both, or neither for a link that needs no login.",
            )
        if _CLOCK.fullmatch(self.market_clock) is None:
            raise ConfigError(
                "market_clock must be real, auto or YYYY-MM-DDTHH:MM:SS",
                value=self.market_clock,
            )
        if (self.tape is None) != (self.tape_symbol is None):
            raise ConfigError("a tape needs a symbol, and a symbol a tape", tape=self.tape)
        if self.burst is not None:
            Burst.parse(self.burst)

    def as_map(self) -> dict[str, object]:
        """Every option by its name, for a log line; of the credentials only whether there are."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"credentials": self.credentials is not None}
