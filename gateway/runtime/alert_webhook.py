"""Sends alerts to a web address by POST, as JSON."""

import contextlib
import http.client
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from gateway.runtime.alert_sinks import Failure, Letter

_WORTH_REPEATING: Final = frozenset({408, 425, 429})
"""Refusals that pass: too slow, too early, too often."""
_UNREAD: Final = frozenset({429, 503})
"""Answers of somebody who has not read the letter: too often, not now."""


class AlertWebhook:
    """A web address; redirects are not followed, and no answer's body is read.

    Args:
        url: `http://` or `https://`, without user, password and fragment.
        token: For `Authorization: Bearer`; empty for none.
        seconds_max: Longest time for one attempt.
        agent: Who asks, for `User-Agent`.
    """

    def __init__(self, url: str, *, token: str, seconds_max: float, agent: str) -> None:
        parts = urlsplit(url)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_secure else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": agent,
            "Connection": "close",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        # Reads the system's certificates, which takes a while: once, at the start.
        self._context = ssl.create_default_context() if self._is_secure else None
        self._connection: http.client.HTTPConnection | None = None
        self.name: Final = "webhook"
        """What it is in errors."""
        self.seconds_max: Final = seconds_max
        """Longest time for one attempt."""

    def deliver(self, letter: Letter) -> Failure | None:
        """Send one letter; blocks."""
        connection = self._connect()
        self._connection = connection
        is_unsent = True
        try:
            connection.connect()
            is_unsent = False
            connection.request("POST", self._target, letter.body, self._headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return Failure(_reason_of(error), is_unsent=is_unsent)
        finally:
            self._connection = None
            connection.close()
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            return Failure(f"answered {status}, and redirects are not followed", is_final=True)
        is_final = 400 <= status < 500 and status not in _WORTH_REPEATING
        return Failure(f"answered {status}", is_final=is_final, is_unsent=status in _UNREAD)

    def abort(self) -> None:
        """Break the connection: whoever reads from it is woken."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                # Not the method of an encrypted socket, which would take it from the other thread.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.seconds_max)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self.seconds_max, context=self._context
        )


def _reason_of(error: OSError | http.client.HTTPException) -> str:
    """What went wrong; an answer's own words stay out of it."""
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"what it answered is no HTTP ({type(error).__name__})"
