"""What the audit log says of handshakes: who was let in and who was not, each once, then how often.

Whoever connects decides how many lines there are. So all of them are bounded: the log is kept for
so many bytes, and what is written now drives out what was written before.
"""

from typing import Final

from gateway.clock import Clock
from gateway.logs import get_logger
from gateway.policy.admission import Reason
from gateway.policy.folds import Folds
from gateway.policy.rate_limit import TokenBucket

STRANGERS_TOLD_MAX: Final = 100
STRANGER_TOLD_NS: Final = 10_000_000_000
"""Lines about different strangers: so many at once, then one in this time. Beyond, they are counted
together: one host may have more addresses than the log has room for lines."""
DENIALS_MAX: Final = 200
"""Different ones that are counted, each by a line a minute while it goes on."""

Denial = tuple[str, str, str, str]
"""address, reason, user, fingerprint."""
Entry = tuple[str, str, str, str]
"""address, door, user, fingerprint."""


class DoorLog:
    """Writes the audit log's lines about one socket; owned by one thread.

    Args:
        name: Of the socket.
        clock: Monotonic.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._audit = get_logger("audit")
        self._entries: Folds[Entry] = Folds(clock)
        self._denials: Folds[Denial] = Folds(clock, keys_max=DENIALS_MAX)
        self._strangers = TokenBucket(
            clock, tokens_max=STRANGERS_TOLD_MAX, token_ns=STRANGER_TOLD_NS
        )

    def note_entry(self, address: str, *, door: str, user: str, fingerprint: str) -> None:
        """Somebody was let in."""
        self._tell_entries(self._entries.note((address, door, user, fingerprint)))

    def note_denial(self, address: str, reason: str, *, user: str, fingerprint: str) -> None:
        """Somebody was not let in; a user where it is known whose key it was."""
        denial = (address, reason, user, fingerprint)
        if not user and denial not in self._denials:
            if self._strangers.wait_ns():
                denial = ("", reason, "", "")
            else:
                self._strangers.take()
        self._tell_denials(self._denials.note(denial))

    def tell_due(self) -> None:
        """Tell how often what was told has happened since; call it every second or so."""
        self._tell_entries(self._entries.due())
        self._tell_denials(self._denials.due())

    def _tell_entries(self, told: list[tuple[Entry, int]]) -> None:
        for (address, door, user, print_), count in told:
            self._audit.info(
                "auth_ok",
                user=user,
                fingerprint=print_,
                address=address,
                socket=self._name,
                door=door,
                count=count,
            )

    def _tell_denials(self, told: list[tuple[Denial, int]]) -> None:
        for (address, reason, user, print_), count in told:
            self._audit.warning(
                "rate_limited" if reason == Reason.RATE_LIMITED else "auth_denied",
                user=user or None,
                fingerprint=print_ or None,
                address=address or None,
                socket=self._name,
                reason=str(reason),
                count=count,
            )
