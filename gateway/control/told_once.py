"""Events of the audit log that come again and again: the first is told, then how often."""

from typing import Final, Protocol

from gateway.clock import Clock
from gateway.policy.folds import Folds

GRANTED: Final = "sub_granted"
"""The event of what is allowed; all others are not."""
Key = tuple[str, str, str]
"""Event, user, and what it was about."""


class AuditLog(Protocol):
    """Writes events: their names, and facts."""

    def info(self, event: str, /, **facts: object) -> object:
        """What is as it should be."""
        ...

    def warning(self, event: str, /, **facts: object) -> object:
        """What somebody should look at."""
        ...


class ToldOnce:
    """Tells the audit log; owned by one thread.

    Args:
        clock: Monotonic.
        audit: The log.
    """

    def __init__(self, clock: Clock, audit: AuditLog) -> None:
        self._folds: Final[Folds[Key]] = Folds(clock)
        self._audit = audit

    def note(self, event: str, user: str, about: str, **facts: object) -> None:
        """Something happened to a user.

        Args:
            event: Its name.
            user: Whose doing it was.
            about: What tells it from others of this user; of few different ones, or a stranger
                could fill the log.
            facts: Of the first one; later ones are only counted.
        """
        key = (event, user, about)
        told = self._folds.note(key)
        if told and told[0] == (key, 1):
            self._write(event, user=user or None, about=about, **facts)
            told = told[1:]
        self._tell(told)

    def tell_due(self) -> None:
        """Tell how often what was told happened since; call it every second or so."""
        self._tell(self._folds.due())

    def _tell(self, folded: list[tuple[Key, int]]) -> None:
        for (event, user, about), count in folded:
            self._write(event, user=user or None, about=about, count=count)

    def _write(self, event: str, **facts: object) -> None:
        write = self._audit.info if event == GRANTED else self._audit.warning
        write(event, **facts)
