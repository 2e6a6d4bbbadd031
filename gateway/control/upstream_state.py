"""Why prices are or are not live, from everything the upstream says.

Four facts decide: whether our Level 1 link streams, whether it is silent, what IQConnect says on
that link about its own link to DTN, and what the admin port says about it. The order in which
recovery is done follows from what has happened in between.
"""

import enum
from typing import Final

from gateway.iqfeed.link import Link
from gateway.model.enums import Cause

_READY: Final = frozenset({Link.RESUBSCRIBING, Link.STREAMING})


class Recovery(enum.Enum):
    """What must be done for prices to be live again."""

    NONE = "none"
    """Nothing: they are live already, or cannot be yet."""
    RESUME = "resume"
    """Nothing was lost: last values hold again."""
    REFRESH = "refresh"
    """Watches stand, values must be asked for anew."""
    ASK_AGAIN = "ask_again"
    """The connection is new: everything must be asked for."""


class UpstreamState:
    """Combines the upstream's facts into one cause and one recovery."""

    __slots__ = (
        "_is_admin_connected",
        "_is_behind",
        "_is_login_lost",
        "_is_server_connected",
        "_link",
        "_needed",
        "_told_by_admin",
        "cause",
    )

    def __init__(self) -> None:
        self._link = Link.CLOSED
        self._is_server_connected = True
        self._is_admin_connected: bool | None = None
        self._told_by_admin: bool | None = None
        self._needed = Recovery.ASK_AGAIN
        self._is_behind = False
        self._is_login_lost = False
        self.cause: Cause | None = Cause.IQCONNECT_DOWN
        """Why prices are not live; None when they are."""

    def note_link(self, link: Link) -> None:
        """Note the Level 1 link's state."""
        if link is Link.CONNECTING or (link is Link.NEGOTIATING and self._link is not link):
            # A new connection says anew whether its server is connected to DTN.
            self._is_server_connected = True
        self._link = link

    def note_server(self, *, is_connected: bool) -> None:
        """Note `S,SERVER CONNECTED` or `S,SERVER DISCONNECTED` on the Level 1 link."""
        self._is_server_connected = is_connected
        if is_connected:
            # The admin port speaks once a second only: what it said last is older than this.
            self._is_admin_connected = None

    def note_behind(self, *, is_behind: bool) -> None:
        """Note whether what we read is old because this process itself did not run."""
        self._is_behind = is_behind

    def note_admin(self, is_connected: bool | None, *, is_login_lost: bool = False) -> None:
        """Note what the admin port's statistics say; None when they say nothing."""
        self._is_admin_connected = self._told_by_admin = is_connected
        self._is_login_lost = is_login_lost

    def settle(self) -> Recovery:
        """Conclude from all facts.

        Returns:
            What must be done now. `cause` is up to date afterwards; when it is not None, prices
            must be marked with it.
        """
        self.cause = self._find_cause()
        if self._link is not Link.STALE and self._link not in _READY:
            self._needed = Recovery.ASK_AGAIN
        elif self.cause is None:
            needed, self._needed = self._needed, Recovery.NONE
            return needed
        elif self._needed is not Recovery.ASK_AGAIN:
            # A silence can hide that DTN is away too, and then values were missed upstream of us.
            is_resumed = not self._is_dtn_away and self._needed is not Recovery.REFRESH
            self._needed = Recovery.RESUME if is_resumed else Recovery.REFRESH
        return Recovery.NONE

    @property
    def is_contradicted(self) -> bool:
        """Whether this connection was told that DTN is away, and the admin port says it is not."""
        return not self._is_server_connected and self._told_by_admin is True

    @property
    def _is_dtn_away(self) -> bool:
        """Whether IQConnect says itself, on either port, that it has no connection to DTN."""
        return not self._is_server_connected or self._is_admin_connected is False

    def _find_cause(self) -> Cause | None:
        if self._link is Link.STALE and not self._is_dtn_away:
            return Cause.LINK_SILENT
        if self._is_behind and self._link in _READY:
            return Cause.OVERLOAD
        is_gone = self._link not in _READY and self._link is not Link.STALE
        if is_gone and self._is_admin_connected is not False:
            return Cause.IQCONNECT_DOWN
        if not self._is_dtn_away:
            return None
        return Cause.LOGIN_LOST if self._is_login_lost else Cause.DTN_LINK_DOWN
