"""The admin connection as requests and verdicts see it."""

from typing import Final

from gateway.health.facts import LinkReport
from gateway.runtime.admin_link import AdminLink
from gateway.runtime.feed_report import link_report

ADMIN: Final = "admin"


class AdminPortView:
    """Reads and steers the admin connection; used in the control loop only.

    Args:
        link: The connection.
    """

    def __init__(self, link: AdminLink) -> None:
        self._link = link

    @property
    def login(self) -> str:
        """What is known of IQConnect's login."""
        return self._link.login.state.value

    def report(self) -> LinkReport:
        """Say how the connection is."""
        return link_report(ADMIN, self._link)

    def reset_breaker(self) -> None:
        """Close its circuit breaker."""
        self._link.reset_breaker()

    def reconnect(self) -> None:
        """Make the connection anew."""
        self._link.reconnect()
