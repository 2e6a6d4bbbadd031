"""Programs that listen where IQConnect or the gateway should, and are neither."""

import socket
import threading
from types import TracebackType
from typing import Final, Self

HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


class Stranger:
    """Accepts every connection, says its one thing, and keeps the connection open.

    Args:
        says: What each peer is told at once; empty for nothing.
    """

    def __init__(self, says: bytes = HTTP) -> None:
        self._says = says
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        """Where it listens."""
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self._peers: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="stranger", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(5.0)
        self._listening.close()
        for peer in self._peers:
            peer.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            self._peers.append(peer)
            peer.sendall(self._says)
