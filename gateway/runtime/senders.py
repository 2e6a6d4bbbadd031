"""Whose a frame is, as the handshake has proven.

Without keys nobody has proven anything, and nothing that a frame says of its sender is believed:
libzmq would pass on a User-Id of the peer's own invention.
"""

from collections.abc import Callable
from typing import Final

import zmq

from gateway.policy.key_book import KeyBook
from gateway.policy.senders import ANYBODY, Sender
from gateway.runtime.zap import DOOR, GRANT, NEXT_DOMAIN

_USER: Final = "User-Id"


class Senders:
    """Reads whose frames are.

    Args:
        book: Reads who may connect now, from any thread; None without keys.
    """

    def __init__(self, book: Callable[[], KeyBook] | None = None) -> None:
        self._book = book

    @property
    def book(self) -> Callable[[], KeyBook] | None:
        """Reads who may connect now, from any thread; None without keys."""
        return self._book

    @property
    def are_known(self) -> bool:
        """Whether there are keys."""
        return self._book is not None

    def of(self, frame: zmq.Frame) -> Sender | None:
        """Whose a frame is; None when its connection may not live on."""
        if self._book is None:
            return ANYBODY
        try:
            user, number = str(frame.get(_USER)), int(frame.get(GRANT))
            door = str(frame.get(DOOR))
        except (zmq.ZMQError, ValueError):
            # No connection is without them: what lets one in has set them.
            return None
        if not self._book().is_current(user, number):
            return None
        return Sender(user, number, door == NEXT_DOMAIN.decode())

    def may_stay(self, sender: Sender) -> bool:
        """Whether a connection that was let in once may live on."""
        return self._book is None or self._book().is_current(sender.user, sender.grant)
