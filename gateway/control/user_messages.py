"""Messages that consumers send up the data socket, where nobody has anything to say.

They are read and dropped, or libzmq would keep them all: two gigabytes in six seconds. One may be
a slip; who goes on is cut off.

A message is known by its connection's descriptor, and after a cut libzmq still holds messages of
whoever had that descriptor before. So nobody is cut off for more than his connection has received.
"""

from collections.abc import Callable, Hashable
from typing import Final

MESSAGES_MAX: Final = 10
"""So many of one connection are borne."""
CONNECTIONS_MAX: Final = 1_000
"""Connections that are counted at one time; then all begin anew."""
UNEXPLAINED_MAX: Final = 65_536
"""Bytes that are no subscription read so far, at which a connection is taken for the sender."""
REASON: Final = "it sends messages on the data socket"


class UserMessages:
    """Counts them by connection, and cuts off whoever sends many.

    Args:
        cut: Cuts off a connection and says why.
        received: How many bytes a connection has received that were no subscription; None where
            the system does not tell.
    """

    def __init__(
        self,
        cut: Callable[[Hashable, str], object],
        *,
        received: Callable[[Hashable], int | None],
    ) -> None:
        self._cut = cut
        self._received = received
        self._counts: dict[Hashable, tuple[int, int]] = {}

    def note(self, connection: Hashable | None, size: int) -> None:
        """One came; from nobody known where the connection is gone already.

        Args:
            connection: Whose descriptor it bears.
            size: Its length, bytes.
        """
        if connection is None:
            return
        if len(self._counts) >= CONNECTIONS_MAX and connection not in self._counts:
            self._counts.clear()
        known_count, known_size = self._counts.get(connection, (0, 0))
        count, size = known_count + 1, known_size + size
        self._counts[connection] = (count, size)
        if count % MESSAGES_MAX:
            return
        received = self._received(connection)
        # Most of what follows a cut is another's; but who has sent so much beside subscriptions
        # is not waited for until all of that is read.
        if received is None or received >= min(size, UNEXPLAINED_MAX):
            del self._counts[connection]
            self._cut(connection, REASON)
