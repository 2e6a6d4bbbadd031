"""The HTTP server, made from settings: its socket, its limits, and who answers which path."""

import asyncio
import platform
import socket

import zmq

from gateway.clock import Clock
from gateway.control.desk import RequestDesk
from gateway.control.health_requests import HealthRequests
from gateway.control.status_stream import StatusComposer
from gateway.control.status_symbols import SymbolFollower
from gateway.counters import Counters
from gateway.health.metric import MetricFacts
from gateway.model import methods as m
from gateway.model import protocol
from gateway.page.asset import load_page
from gateway.runtime.http_connection import HttpLimits
from gateway.runtime.http_metrics import MetricsText
from gateway.runtime.http_probes import Probes
from gateway.runtime.http_server import HttpServer
from gateway.runtime.rpc_server import Ask, drive
from gateway.runtime.status_hub import StatusHub
from gateway.runtime.status_page import StatusPage
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
) -> tuple[HttpServer | None, StatusHub]:
    """Make the server with everything it answers, and what tells its page.

    Args:
        settings: As checked by `load_settings`.
        listener: What it listens on; None when there is no server.
        desk: Answers what requests ask, on this socket as on the control socket.
        ask: Asks the feed thread.
        clock: The gateway's.
        counters: The control loop's own.
    """
    composer = StatusComposer(desk, clock=clock)
    hub = StatusHub(composer, SymbolFollower(clock), ask=ask, counters=counters)
    if listener is None:
        return None, hub
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
    page = StatusPage(load_page(), hub)
    for path, handler in (probes.routes() | page.routes()).items():
        server.route(path, handler)
    read = FactsReader(desk.inside, server, clock=clock)
    server.route("/metrics", MetricsText(read.facts, clock=clock).answer)
    return server, hub


class FactsReader:
    """Reads what metrics are made of.

    Args:
        inside: Answers requests about how the gateway is.
        server: Counts its connections.
        clock: The gateway's; now is the start.
    """

    def __init__(self, inside: HealthRequests, server: HttpServer, *, clock: Clock) -> None:
        self._inside = inside
        self._server = server
        self._clock = clock
        self._started_ns = clock.monotonic_ns()
        self._build = {
            "version": inside.identity.version,
            "gateway_id": inside.identity.gateway_id,
            "schema_hash": protocol.SCHEMA_HASH,
            "python": platform.python_version(),
            "libzmq": zmq.zmq_version(),
            "pipeline": inside.identity.pipeline.name,
        }

    async def facts(self) -> MetricFacts:
        """Read them, with a pause for others between the parts."""
        health = self._inside.health(m.HealthParams())
        await asyncio.sleep(0)
        alerts = self._inside.alerts(m.AlertsParams())
        await asyncio.sleep(0)
        figures = self._inside.metrics(m.MetricsParams())
        await asyncio.sleep(0)
        return MetricFacts(
            report=self._inside.report,
            health=health,
            alerts=alerts["active"],
            figures=figures,
            readings=self._inside.monitor.readings,
            build=self._build,
            epoch=self._inside.identity.epoch,
            now_ns=self._clock.monotonic_ns(),
            started_ns=self._started_ns,
            http_connections=self._server.connection_count,
            http_streams=self._server.stream_count,
        )
