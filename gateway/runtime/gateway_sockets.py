"""The gateway's sockets, each in a context of its own: floods of one do not delay the others."""

import socket

import zmq
import zmq.asyncio

from gateway.errors import ConfigError
from gateway.runtime.http_server import open_http_socket, url_of
from gateway.runtime.publisher import open_data_socket
from gateway.runtime.rpc_server import open_control_socket


class GatewaySockets:
    """Binds all of them.

    Args:
        data_bind: Where consumers subscribe.
        control_bind: Where clients ask.
        high_water_mark: Messages queued per consumer before ZeroMQ drops for it.
        send_buffer_bytes: Kernel buffer per consumer.
        http: Host and port of the HTTP server; None for none.

    Raises:
        ConfigError: An address cannot be bound; nothing is left open.
    """

    def __init__(
        self,
        *,
        data_bind: str,
        control_bind: str,
        high_water_mark: int,
        send_buffer_bytes: int,
        http: tuple[str, int] | None,
    ) -> None:
        self.http: socket.socket | None = None
        """What the HTTP server listens on."""
        self._data_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._control_context = zmq.asyncio.Context()
        try:
            self.data = open_data_socket(
                self._data_context,
                bind=data_bind,
                high_water_mark=high_water_mark,
                send_buffer_bytes=send_buffer_bytes,
            )
            """The XPUB; the feed thread's own once it runs."""
            self.control = open_control_socket(self._control_context, bind=control_bind)
            """The ROUTER."""
            if http is not None:
                self.http = open_http_socket(*http)
        except ConfigError:
            self.destroy(is_data_closed=False)
            raise

    @property
    def endpoints(self) -> dict[str, str]:
        """Where they really are, ports chosen by the system included."""
        endpoints = {
            "data": self.data.getsockopt_string(zmq.LAST_ENDPOINT),
            "control": self.control.getsockopt_string(zmq.LAST_ENDPOINT),
        }
        return endpoints if self.http is None else endpoints | {"http": url_of(self.http)}

    def destroy(self, *, is_data_closed: bool) -> None:
        """Release ZeroMQ and the HTTP server's address.

        Args:
            is_data_closed: Whether the feed thread has closed the data socket, with a linger that
                this waits for. Otherwise the socket is closed here and what it holds is lost.
        """
        if self.http is not None:
            self.http.close()
        self._control_context.destroy(linger=0)
        if is_data_closed:
            self._data_context.term()
        else:
            self._data_context.destroy(linger=0)
