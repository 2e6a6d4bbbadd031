"""IQConnect's own state, shared by all ports, and the lines that tell of it."""

from dataclasses import dataclass
from typing import Final

from gateway.simulator.eastern import DAY_SECONDS, day_date
from gateway.simulator.fields import PROTOCOLS

VERSION: Final = "6.2.0.25"
UPSTREAM: Final = "192.0.2.10"
"""An address reserved for documentation: there is no server behind the simulator."""
_EXCHANGES: Final = " RT_TRADER NYSE AMEX NASDAQ CME NYMEX COMEX FOREX "
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


@dataclass(slots=True)
class Traffic:
    """Bytes one way: total, and what the last second and all seconds add up to."""

    total: int = 0
    """Bytes since the start."""
    before: int = 0
    """Bytes before the start: a restart begins at nothing again."""
    per_second: float = 0.0
    """Bytes in the latest second."""
    seconds: int = 0
    """Seconds measured."""

    def measure(self, total: int) -> None:
        """Take a new total of the process, once a second."""
        total -= self.before
        self.per_second = float(total - self.total)
        self.total = total
        self.seconds += 1

    def restart(self) -> None:
        """Begin at nothing again."""
        self.before += self.total
        self.total = self.seconds = 0
        self.per_second = 0.0

    def text(self) -> str:
        """Kilobytes in total, in the last second and a second on average."""
        average = self.total / self.seconds if self.seconds else 0.0
        return ",".join(f"{size / 1024:.2f}" for size in (self.total, self.per_second, average))


@dataclass(slots=True)
class Status:
    """The link to DTN and the login, as every port shows them."""

    login: str
    """Login id."""
    symbol_limit: int
    """Symbols the login may watch."""
    is_delayed: bool
    """Whether the account is a delayed one."""
    started_second: int
    """Eastern second at which the simulator started."""
    is_connected: bool = True
    """Whether the link to DTN is up."""
    reconnections: int = 0
    """Times the link came back."""
    attempts: int = 0
    """Attempts to bring the link back, but for those of an outage that lasts."""
    protocols: tuple[str, ...] = PROTOCOLS
    """Versions that SET PROTOCOL accepts."""
    fields_refused: frozenset[str] = frozenset()
    """Field names that SELECT UPDATE FIELDS does not know."""
    is_autoconnect: bool = True
    """Whether IQConnect logs in by itself when started."""
    is_login_saved: bool = False
    """Whether login and password are kept; the simulator keeps no password at all."""

    def restart(self, second: int) -> None:
        """Begin to count again, as a program does that was started anew."""
        self.started_second = second
        self.reconnections = self.attempts = 0
        self.is_autoconnect, self.is_login_saved = True, False

    def server_line(self) -> str:
        """Whether the link to DTN is up."""
        return "S,SERVER CONNECTED" if self.is_connected else "S,SERVER DISCONNECTED"

    def greeting(self) -> list[str]:
        """What a Level 1 socket is told of the login once the link is up."""
        return [f"S,IP,{UPSTREAM} 60004", self.account_line()]

    def account_line(self) -> str:
        """What the login may have."""
        service = "delayed" if self.is_delayed else "real_time"
        account = f"{_EXCHANGES},,{self.symbol_limit},QT_API,,"
        return f"S,CUST,{service},{UPSTREAM},60007,,{VERSION},0,{account}"

    def stats_line(
        self,
        *,
        second: int,
        symbols: int,
        clients: int,
        attempts_under_way: int,
        received: Traffic,
        sent: Traffic,
    ) -> str:
        """The statistics line of one second.

        Args:
            second: Market time, Eastern seconds.
            symbols: Different symbols watched.
            clients: Sockets connected, all ports.
            attempts_under_way: Attempts to bring back a link that is lost now.
            received: Traffic from DTN.
            sent: Traffic to clients.

        Returns:
            The line without its line end.
        """
        if self.is_connected:
            head = f"{UPSTREAM},60003,{self.symbol_limit},{symbols},{clients},0"
            times = f"{_stamp(self.started_second, pad=False)},{_stamp(second, pad=True)},Connected"
        else:
            head = f",,0,{symbols},{clients},0"
            times = ",,Not Connected"
        return (
            f"S,STATS,{head},{self.reconnections},{self.attempts + attempts_under_way},{times},"
            f"{VERSION},{self.login},{received.text()},{sent.text()},"
        )


def _stamp(second: int, *, pad: bool) -> str:
    """`Apr 01 6:48PM`; of the two times in one live line only one has a padded hour."""
    day, of_day = divmod(second, DAY_SECONDS)
    date, hour, minute = day_date(day), of_day // 3600, of_day // 60 % 60
    twelve = hour % 12 or 12
    text = f"{twelve:02d}" if pad else str(twelve)
    return (
        f"{_MONTHS[date.month - 1]} {date.day:02d} {text}:{minute:02d}{'PM' if hour > 11 else 'AM'}"
    )
