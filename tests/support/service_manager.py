"""What a service manager hears from a process: a datagram socket, read by the letter."""

import select
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

DATAGRAM_BYTES_MAX = 4096


class HeardManager:
    """Listens as systemd does.

    Args:
        place: A path, or `@` and a name of Linux's abstract sockets.
    """

    def __init__(self, place: Path | str) -> None:
        self.address = str(place)
        """As `NOTIFY_SOCKET` has it."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.setblocking(False)
        self.heard: list[tuple[float, dict[str, str]]] = []
        """When (monotonic, seconds) and what."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def listen(self, seconds: float, *, until: str = "") -> bool:
        """Hear what comes.

        Args:
            seconds: Longest time.
            until: A line after which to stop, such as `READY=1`; empty for none.

        Returns:
            Whether that line came.
        """
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left_s)[0]:
                break
            lines = self._socket.recv(DATAGRAM_BYTES_MAX).decode().split("\n")
            told = dict(line.split("=", 1) for line in lines)
            self.heard.append((time.monotonic(), told))
            if until in lines:
                return True
        return False

    def times_of(self, name: str) -> list[float]:
        """When something of a name was told."""
        return [moment_s for moment_s, told in self.heard if name in told]

    def values_of(self, name: str) -> list[str]:
        """What was told under a name, in order."""
        return [told[name] for _, told in self.heard if name in told]
