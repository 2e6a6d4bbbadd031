"""The HTTP server, made from settings: its socket, its limits, and who answers which path."""

import socket

from gateway.clock import Clock
from gateway.control.desk import RequestDesk
from gateway.counters import Counters
from gateway.model import methods as m
from gateway.runtime.http_connection import HttpLimits
from gateway.runtime.http_probes import Probes
from gateway.runtime.http_server import HttpServer
from gateway.runtime.rpc_server import Ask, drive
from gateway.settings import Settings, address_of, is_loopback


def http_address(settings: Settings) -> tuple[str, int] | None:
    """Where the HTTP server is to listen, host and port; None when there is none."""
    return address_of(settings.http.bind) if settings.http.enabled else None


def make_http(
    settings: Settings,
    listener: socket.socket | None,
    *,
    desk: RequestDesk,
    ask: Ask,
    clock: Clock,
    counters: Counters,
) -> HttpServer | None:
    """Make the server with everything it answers.

    Args:
        settings: As checked by `load_settings`.
        listener: What it listens on; None when there is no server.
        desk: Answers what requests ask, on this socket as on the control socket.
        ask: Asks the feed thread.
        clock: The gateway's.
        counters: The control loop's own.
    """
    if listener is None:
        return None
    http = settings.http
    host, _ = address_of(http.bind)
    server = HttpServer(
        listener,
        limits=HttpLimits(
            connections_max=http.connections_max,
            requests_per_second_max=http.requests_per_second_max,
        ),
        is_local=is_loopback(host),
        clock=clock,
        counters=counters,
    )
    probes = Probes(lambda: drive(desk.inside.health(m.HealthParams()), ask), clock=clock)
    for path, handler in probes.routes().items():
        server.route(path, handler)
    return server
