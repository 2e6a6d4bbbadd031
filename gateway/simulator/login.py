"""The login at DTN: credentials, the link they bring, and how both are lost.

A link that is lost comes back by itself, so IQConnect tries again each second. One that somebody
ended, or that another machine's login took, waits for a client's S,CONNECT.
"""

import enum
import hmac
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.simulator.agenda import Agenda
from gateway.simulator.counts import Counts
from gateway.simulator.status import Status

SECOND_NS: Final = 1_000_000_000


class Link(enum.Enum):
    """What is between IQConnect and DTN."""

    UP = "up"
    """Logged in."""
    LOST = "lost"
    """DTN cannot be reached; IQConnect keeps trying."""
    AWAITED = "awaited"
    """Not logged in, and nobody tries before a client asks."""
    REPLACED = "replaced"
    """Another machine logged in; nobody tries before a client asks."""


class Login:
    """Decides when the link to DTN is up.

    Args:
        status: What the ports show of it.
        counts: Where logins are counted.
        clock: Times the attempts.
        agenda: Where a login waits for its end.
        credentials: Login id and password that DTN accepts; None for any and none at all.
        delay_s: Seconds that a login takes.
        is_up_at_start: Whether the link is up without a login; needs no credentials.
        announce: Told when the link came or went.
    """

    def __init__(
        self,
        status: Status,
        counts: Counts,
        clock: Clock,
        agenda: Agenda,
        *,
        credentials: tuple[str, str] | None,
        delay_s: float,
        is_up_at_start: bool,
        announce: Callable[[], None],
    ) -> None:
        self._status = status
        self._counts = counts
        self._clock = clock
        self._agenda = agenda
        self._credentials = credentials
        self._delay_ns = round(delay_s * SECOND_NS)
        self._is_up_at_start = is_up_at_start and credentials is None
        self._announce = announce
        self.is_registered = False
        """Whether a client named its product."""
        self._is_login_right = False
        self._is_password_right = False
        self._is_under_way = False
        self._is_reachable = True
        self._lost_ns = 0
        self.link = Link.UP if self._is_up_at_start else Link.AWAITED
        status.is_connected = self.link is Link.UP

    def give_login(self, login: str) -> None:
        """A client set the login id."""
        self._is_login_right = self._credentials is not None and hmac.compare_digest(
            login.encode(), self._credentials[0].encode()
        )

    def give_password(self, password: str) -> None:
        """A client set the password; only whether it is right is kept."""
        self._is_password_right = self._credentials is not None and hmac.compare_digest(
            password.encode(), self._credentials[1].encode()
        )

    @property
    def _is_acceptable(self) -> bool:
        if self._credentials is None:
            return True
        return self.is_registered and self._is_login_right and self._is_password_right

    def connect(self, *, is_admin: bool) -> None:
        """A client asked for the link; wrong credentials get no word, ever.

        Args:
            is_admin: Whether it asked on the admin port; a login is made there only.
        """
        # A lost link is tried again anyway: asking for it changes nothing.
        if self.link in (Link.UP, Link.LOST) or self._is_under_way:
            return
        needs_login = self._credentials is not None or self.link is Link.REPLACED
        if not needs_login:
            self._arrive()
        elif is_admin and self._is_acceptable:
            self._counts.logins_accepted += 1
            self._is_under_way = True
            due_ns = self._clock.monotonic_ns() + self._delay_ns
            self._agenda.set("login", due_ns, self._arrive)
        elif is_admin:
            self._counts.logins_refused += 1

    def _arrive(self) -> None:
        """Log in, or keep trying while DTN is out of reach."""
        self._go(Link.UP if self._is_reachable else Link.LOST)

    def disconnect(self) -> None:
        """A client ended the link, for everybody."""
        self._go(Link.AWAITED)

    def lose(self) -> None:
        """DTN cannot be reached any more, by whoever asks for the link."""
        self._is_reachable = False
        if self.link is Link.UP:
            self._go(Link.LOST)

    def restore(self) -> None:
        """The link is up again, whatever took it."""
        self._is_reachable = True
        self._go(Link.UP)

    def replace(self) -> None:
        """Another machine logged in."""
        self._go(Link.REPLACED)

    def end_fault(self) -> None:
        """Undo a lost or replaced link; a login that was never made is not made up."""
        self._is_reachable = True
        if self.link in (Link.LOST, Link.REPLACED):
            self._go(Link.UP)

    def forget(self) -> None:
        """IQConnect starts anew: nobody has logged in; a DTN out of reach stays out of reach."""
        self.is_registered = self._is_login_right = self._is_password_right = False
        if self._is_up_at_start:
            self._arrive()
        else:
            self._go(Link.AWAITED)
        self._lost_ns = self._clock.monotonic_ns()

    def _go(self, link: Link) -> None:
        status = self._status
        if self.link is Link.LOST and link is not Link.LOST:
            # The attempt that succeeds is one, too.
            status.attempts += max(self.attempts_under_way, int(link is Link.UP))
        elif link is Link.LOST and self.link is not Link.LOST:
            self._lost_ns = self._clock.monotonic_ns()
        self.link = link
        self._is_under_way = False
        self._agenda.drop("login")
        is_up = link is Link.UP
        if status.is_connected is is_up:
            return
        status.is_connected = is_up
        status.reconnections += is_up
        self._announce()

    @property
    def attempts_under_way(self) -> int:
        """Attempts since the link was lost: one a second."""
        if self.link is not Link.LOST:
            return 0
        return (self._clock.monotonic_ns() - self._lost_ns) // SECOND_NS
