"""One HTTP connection's socket: nothing is read before it is wanted, and everything has its time.

Sockets are read and written by the loop's own calls, not by transports, which read ahead for
whoever sends: here a client that sends without a pause wakes us a few times a second.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from http import HTTPStatus
from typing import Final

import h11

from gateway.errors import bounded
from gateway.runtime.http_messages import Refused

READ_BYTES: Final = 4_096
READ_PAUSE_S: Final = 0.025
"""Between two reads of one request: a request is one packet, so only who drips it waits."""
LINGER_BYTES_MAX: Final = 65_536
LINGER_S_MAX: Final = 0.5
_NO_LINGER: Final = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)


class HttpWire:
    """A connection, with the parser of what comes in.

    Args:
        sock: Accepted, not blocking; owned by this.
        header_bytes_max: Longest request line and headers together.
    """

    def __init__(self, sock: socket.socket, *, header_bytes_max: int) -> None:
        self._sock = sock
        # Heads and bodies are sent apart: the second must not wait for the first one's receipt.
        with contextlib.suppress(OSError):
            # Fails where the client is gone already, which reading will tell.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._header_bytes_max = header_bytes_max
        self._loop = asyncio.get_running_loop()
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=header_bytes_max)

    async def read_request(self, *, begin_s_max: float, head_s_max: float) -> h11.Request | None:
        """Read the next request's head.

        Args:
            begin_s_max: Until its first byte.
            head_s_max: From its first byte to its end.

        Returns:
            The head; None when the client asks nothing more.

        Raises:
            Refused: It is no request, too long, or too slow.
            OSError: The connection broke.

        Cancel safety: what was read is kept; the next call goes on.
        """
        is_begun = bool(self._parser.trailing_data[0])
        deadline_s = self._loop.time() + (head_s_max if is_begun else begin_s_max)
        try:
            while (event := self._parser.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout_at(deadline_s):
                    if is_begun:
                        await asyncio.sleep(READ_PAUSE_S)
                    data = await self._loop.sock_recv(self._sock, READ_BYTES)
                if data and not is_begun:
                    is_begun, deadline_s = True, self._loop.time() + head_s_max
                self._parser.receive_data(data)
        except TimeoutError as error:
            if not is_begun:
                return None
            text = f"The request took longer than {head_s_max:g} seconds to come."
            raise Refused(408, text, is_final=True) from error
        except h11.RemoteProtocolError as error:
            raise self._refusal_of(error) from error
        if not isinstance(event, h11.Request):
            return None
        if (
            sum(len(name) + len(value) + 4 for name, value in event.headers)
            > self._header_bytes_max
        ):
            raise self._too_long()
        return event

    def _refusal_of(self, error: h11.RemoteProtocolError) -> Refused:
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return self._too_long()
        text = f"That is no HTTP/1.1 request: {bounded(str(error))}."
        return Refused(400, text, is_final=True)

    def _too_long(self) -> Refused:
        text = f"The request's head is longer than {self._header_bytes_max} bytes."
        return Refused(431, text, is_final=True)

    def end_request(self) -> None:
        """Take note that a request without a body has ended.

        Raises:
            Refused: It has a body all the same.
        """
        try:
            is_ended = isinstance(self._parser.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError as error:
            raise self._refusal_of(error) from error
        if not is_ended:
            raise Refused(413, "No request here has a body.", is_final=True)

    async def send(self, *events: h11.Event, seconds_max: float) -> None:
        """Send parts of an answer.

        Raises:
            TimeoutError: The client does not take them.
            OSError: The connection broke.
        """
        async with asyncio.timeout(seconds_max):
            for event in events:
                # A body may be shared by many answers, and is not copied.
                for piece in self._parser.send_with_data_passthrough(event) or ():
                    await self._loop.sock_sendall(self._sock, piece)

    async def wait_for_end(self) -> None:
        """Wait until the client is gone; what it sends meanwhile is thrown away, slowly.

        Cancel safety: nothing is lost that anybody wants.
        """
        with contextlib.suppress(OSError):
            # Slows the client down; there is nothing to be told of.
            while await self._loop.sock_recv(self._sock, READ_BYTES):  # noqa: ASYNC110
                await asyncio.sleep(READ_PAUSE_S)

    def next_request(self) -> bool:
        """Make ready for another request; False when the connection has to end."""
        if self._parser.our_state is not h11.DONE or self._parser.their_state is not h11.DONE:
            return False
        self._parser.start_next_cycle()
        return True

    async def linger(self) -> None:
        """Let the client read a last answer: a close with something unread would take it away."""
        with contextlib.suppress(OSError, TimeoutError):
            self._sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(LINGER_S_MAX):
                left = LINGER_BYTES_MAX
                while left > 0 and (data := await self._loop.sock_recv(self._sock, READ_BYTES)):
                    left -= len(data)

    def reset(self) -> None:
        """Let the close be a reset: what the client has not read is not kept for it."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def close(self) -> None:
        """Release the socket."""
        self._sock.close()
