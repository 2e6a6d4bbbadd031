"""What requests may know of the admin port and do to it."""

from typing import Protocol

from gateway.health.facts import LinkReport


class AdminPort(Protocol):
    """The admin connection, as the control loop owns it."""

    @property
    def login(self) -> str:
        """What is known of IQConnect's login, such as `connected` or `replaced`."""
        ...

    def report(self) -> LinkReport:
        """Say how the connection is."""
        ...

    def reset_breaker(self) -> None:
        """Close its circuit breaker."""
        ...

    def reconnect(self) -> None:
        """Make the connection anew."""
        ...
