"""Tells systemd how we are: ready, alive, stopping, and in a word what is wrong."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.logs import get_logger

BEAT_S_MAX: Final = 1.0
BEATS_PER_WATCHDOG: Final = 4
"""Some may be late or lost before the service manager loses its patience."""
STATUS_CHARACTERS_MAX: Final = 200
Judge = Callable[[], Mapping[str, Any]]
"""Answers the request `health`."""


class ServiceNotices:
    """Speaks the protocol of sd_notify(3): datagrams of `NAME=value` lines.

    The watchdog is fed only while the verdict is `live`, that is while the feed thread reports; and
    by a task of the control loop, so only while that moves as well. A hung thread of either kind
    ends in a restart.

    Args:
        address: Where to tell it, a path or `@` and an abstract name; None for nobody, and then
            nothing is done.
        watchdog_s: The service manager ends us after so long without a word; None for never.
        judge: Answers the request `health`.
    """

    def __init__(self, address: str | None, *, watchdog_s: float | None, judge: Judge) -> None:
        has_sockets = hasattr(socket, "AF_UNIX")
        self._address = address if has_sockets else None
        self._watchdog_s = watchdog_s
        self._judge = judge
        self._log = get_logger("service")
        self._socket: socket.socket | None = None
        self._is_ready_told = False
        self._told_status = ""
        self.failed = 0
        """Notices that the service manager did not take."""

    async def run(self) -> None:
        """Tell that we are ready, and go on telling that we live.

        Cancel safety: nothing is lost.
        """
        if self._address is None:
            return
        beat_s = BEAT_S_MAX
        if self._watchdog_s is not None:
            beat_s = min(beat_s, self._watchdog_s / BEATS_PER_WATCHDOG)
        while True:
            self.beat()
            await asyncio.sleep(beat_s)

    def beat(self) -> None:
        """Tell once what is to be told at this moment."""
        verdict = self._judge()
        lines = []
        if not self._is_ready_told:
            lines.append("READY=1")
        if self._watchdog_s is not None and verdict["live"]:
            lines.append("WATCHDOG=1")
        status = status_of(verdict)
        if status != self._told_status:
            lines.append(f"STATUS={status}")
        # Whatever was not taken is told again with the next beat.
        if lines and self._send(lines):
            self._is_ready_told, self._told_status = True, status

    def tell_stopping(self) -> None:
        """Tell that the orderly end has begun."""
        if self._address is not None:
            self._send(["STOPPING=1", "STATUS=stopping"])

    def close(self) -> None:
        """Tell nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, lines: list[str]) -> bool:
        """Send one datagram, without ever waiting for who reads it."""
        if self._address is None:
            return False
        place = self._address
        if place.startswith("@"):
            place = f"\0{place[1:]}"
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), place)
        except OSError as error:
            self.failed += 1
            if self.failed == 1:
                reason = error.strerror or str(error)
                self._log.warning(
                    "the service manager cannot be told", reason=reason, at=self._address
                )
            return False
        return True


def status_of(verdict: Mapping[str, Any]) -> str:
    """A verdict in one line: the level, and what is wrong or where we are connected."""
    ports = ", ".join(f"{port} {state}" for port, state in verdict["upstream"].items())
    words = verdict["error_message"] or ports or "starting"
    return f"{verdict['level']}: {' '.join(str(words).split())}"[:STATUS_CHARACTERS_MAX]
