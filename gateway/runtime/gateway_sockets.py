"""The gateway's sockets, each in a context of its own: floods of one do not delay the others."""

import socket
from collections.abc import Iterator
from typing import Any, Final

import zmq
import zmq.asyncio

from gateway.clock import Clock
from gateway.counters import Counter
from gateway.errors import ConfigError
from gateway.health.verdict import Issue
from gateway.logs import get_logger
from gateway.runtime.control_socket import open_control_socket
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.http_server import open_http_socket, url_of
from gateway.runtime.intake_guard import IntakeGuard, guard_of
from gateway.runtime.publisher import bind_socket, open_data_socket


class GatewaySockets:
    """Binds all of them.

    Args:
        data_bind: Where consumers subscribe.
        control_bind: Where clients ask.
        high_water_mark: Messages queued per consumer before ZeroMQ drops for it.
        send_buffer_bytes: Kernel buffer per consumer.
        http: Host and port of the HTTP server; None for none.
        doors: Guards data and control; None without keys.
        clock: The gateway's.

    Raises:
        ConfigError: An address cannot be bound, or lets strangers in; nothing is left open.
    """

    def __init__(
        self,
        *,
        data_bind: str,
        control_bind: str,
        high_water_mark: int,
        send_buffer_bytes: int,
        http: tuple[str, int] | None,
        doors: Doorkeeper | None = None,
        clock: Clock,
    ) -> None:
        self.http: socket.socket | None = None
        """What the HTTP server listens on."""
        self._doors = doors
        self._is_stuck = False
        self.intake: Final = IntakeGuard(clock)
        """Looks after what connections send."""
        self._endpoints: dict[str, str] = {}
        self._data_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._control_context = zmq.asyncio.Context()
        try:
            self.data = open_data_socket(
                self._data_context,
                bind=data_bind,
                high_water_mark=high_water_mark,
                send_buffer_bytes=send_buffer_bytes,
                guard=guard_of(self.intake.data, doors.data if doors is not None else None),
            )
            """The XPUB; the feed thread's own once it runs."""
            self._note_endpoint("data", self.data)
            self.control = open_control_socket(
                self._control_context,
                bind=control_bind,
                guard=guard_of(self.intake.control, doors.control if doors is not None else None),
            )
            """The ROUTER."""
            self._note_endpoint("control", self.control)
            if doors is not None:
                self._open_next_doors(doors)
                self._test(doors)
            if http is not None:
                self.http = open_http_socket(*http)
            self.intake.start()
        except ConfigError:
            self.destroy(is_data_closed=False)
            raise

    @property
    def endpoints(self) -> dict[str, str]:
        """Where they really are, ports chosen by the system included."""
        endpoints = dict(self._endpoints)
        return endpoints if self.http is None else endpoints | {"http": url_of(self.http)}

    def issues(self) -> Iterator[Issue]:
        """What is wrong with what guards them."""
        yield from self.intake.issues()
        if self._doors is not None:
            yield from self._doors.issues()

    def counts(self) -> Iterator[tuple[Counter, int]]:
        """What was counted there."""
        yield from self.intake.counts()
        if self._doors is not None:
            yield from self._doors.counts()

    def close_doors(self) -> None:
        """Let nobody new in; who is connected stays. Call it before the data socket is closed."""
        self.intake.close()
        if self._doors is not None and not self._doors.close():
            # Its context would be waited for in vain.
            self._is_stuck = True
            get_logger("security").error("a handler of handshakes does not end")

    def _note_endpoint(self, name: str, bound: "zmq.Socket[Any]") -> None:
        self._endpoints[name] = bound.getsockopt_string(zmq.LAST_ENDPOINT)

    def _open_next_doors(self, doors: Doorkeeper) -> None:
        """Bind the addresses where the next key holds."""
        if doors.next_binds is None:
            return
        data_bind, control_bind = doors.next_binds
        doors.data.turn_to_next(self.data)
        bind_socket(self.data, "security.rotation.data_bind", data_bind)
        self._note_endpoint("data_next", self.data)
        doors.control.turn_to_next(self.control)
        bind_socket(self.control, "security.rotation.control_bind", control_bind)
        self._note_endpoint("control_next", self.control)

    def _test(self, doors: Doorkeeper) -> None:
        """Prove at every address that a stranger is refused."""
        for name, endpoint in self._endpoints.items():
            gate = doors.data if name.startswith("data") else doors.control
            gate.test(endpoint, is_next=name.endswith("_next"))

    def destroy(self, *, is_data_closed: bool) -> None:
        """Release ZeroMQ and the HTTP server's address.

        Args:
            is_data_closed: Whether the feed thread has closed the data socket, with a linger that
                this waits for. Otherwise the socket is closed here and what it holds is lost.
        """
        if self.http is not None:
            self.http.close()
        self.close_doors()
        if self._is_stuck:
            return
        self._control_context.destroy(linger=0)
        if is_data_closed:
            self._data_context.term()
        else:
            self._data_context.destroy(linger=0)
