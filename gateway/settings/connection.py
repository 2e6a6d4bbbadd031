"""Where IQConnect is, how connections to it are made and kept, and when they count as lost."""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field, field_validator

from gateway.settings.section import NAME_PATTERN, Port, Positive, Section

RECOVERY_S_TARGET = 2.0
"""How long prices may stay away once IQConnect is back; the defaults keep it."""
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Argument = Annotated[str, Field(min_length=1, max_length=4_096)]
PRODUCT_MARK: Final = "{product_id}"
"""Stands for the product id in `iqconnect.command`."""

_MARK: Final = re.compile(r"\{[^{}]*\}")
_SECRET_ARGUMENT: Final = re.compile(r"[-/]+password(=.*)?", re.IGNORECASE | re.DOTALL)


class IqconnectSettings(Section):
    """Where IQConnect listens, how we introduce ourselves, and how to start it."""

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """IQConnect serves its own machine only; a proxy may say otherwise."""
    level1_port: Port = 5009
    """Streaming prices; the vendor's default."""
    level2_port: Port = 9200
    """Market depth; the vendor's default. Connected to when the first consumer wants depth."""
    admin_port: Port = 9300
    """Statistics and login; the vendor's default. Held open: IQConnect exits about five seconds
    after its last client left."""
    client_name: Annotated[str, Field(pattern=NAME_PATTERN)] = "iqfeed-gateway"
    """Shown in IQConnect's client statistics."""
    is_news_wanted: bool = True
    """Whether to ask for headlines (`S,NEWSON`)."""
    command: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Program and arguments that start IQConnect; `{product_id}` stands for IQFEED_PRODUCT_ID.
    It is started when nothing answers on the admin port, and again when it ends. Empty: somebody
    else starts it. Never write a password here: it would show in the list of processes."""
    app_version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.]{1,32}$")] = "1.0"
    """Version of your registered product, told to IQConnect with its id."""

    @field_validator("command")
    @classmethod
    def _check_command(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        for number, argument in enumerate(command, start=1):
            if _SECRET_ARGUMENT.fullmatch(argument):
                raise ValueError(
                    f"argument {number} gives a password, which every user of the "
                    "machine could read; leave it out, the gateway logs in on the admin port"
                )
            unknown = [mark for mark in _MARK.findall(argument) if mark != PRODUCT_MARK]
            if unknown:
                raise ValueError(
                    f"argument {number} has {unknown[0][:40]!r}, known is {PRODUCT_MARK} only"
                )
        return command


class ConnectionConfig(Section):
    """How connections are made, tried again and shared; the operations guide's names."""

    host: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Another spelling of `iqconnect.host`."""
    port: Port | None = None
    """Another spelling of `iqconnect.level1_port`."""
    timeout_seconds: Seconds = 2.0
    """Longest time for the TCP connection, and again for its handshake: IQConnect is local."""
    max_retry_attempts: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Attempts in a row that may fail before the circuit breaker opens. The gateway itself never
    gives up: while the breaker is open it tries once each `breaker_open_seconds`."""
    retry_backoff_base: Annotated[float, Field(ge=1, le=10)] = 2.0
    """Factor by which the ceiling of the wait between two attempts grows."""
    retry_backoff_max: Seconds = 2.0
    """Highest ceiling of that wait, seconds; waits are random up to their ceiling."""
    keepalive_interval: Seconds = 30.0
    """Seconds between the requests for a time line that each streaming connection sends."""
    message_queue_size: Annotated[int, Field(ge=1_000, le=10_000_000)] = 50_000
    """Lines that may be held unread before shedding begins: from then on only each symbol's newest
    quote is sent, flagged CONFLATED. Trades, orders and system messages always pass."""
    thread_pool_size: Annotated[int, Field(ge=1, le=256)] = 8
    """Threads for what blocks, files above all."""
    enable_circuit_breaker: bool = True
    """Whether failing connections are tried only once in a while; waits stay random without it."""
    max_connections: Annotated[int, Field(ge=2, le=64)] = 2
    """Streaming connections, Level 1 and Level 2 together. What `level1_connections` and
    `level2_connections` leave open is used for Level 1."""
    level1_connections: Annotated[int, Field(ge=1, le=63)] | None = None
    """Level 1 connections; a symbol's is chosen by a hash of its name. Absent: as many as
    `max_connections` leaves."""
    level2_connections: Annotated[int, Field(ge=1, le=63)] = 1
    """Level 2 connections, shared out in the same way."""
    retry_backoff_first: Seconds = 0.1
    """Ceiling of the first wait, seconds."""
    breaker_open_seconds: Seconds = 1.2
    """How long an open breaker waits before its next single attempt; half as long again where
    connections come up and die at once."""
    breaker_failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of failures among the last minute's attempts, ten or more, that opens the breaker."""
    login_retry_seconds: Annotated[float, Field(ge=30, le=86_400)] = 30.0
    """Wait after a login that brought nothing: a second machine with the same login would be
    thrown out by each of ours, and throw us out in turn."""

    @property
    def level1_count(self) -> int:
        """Level 1 connections there are."""
        if self.level1_connections is None:
            return max(1, self.max_connections - self.level2_connections)
        return self.level1_connections


class UpstreamSettings(Section):
    """When a connection to IQConnect counts as silent, and how much is read of it."""

    silence_ms_max: Positive = 2_500
    """Silence after which prices are stale: two of the vendor's one-second time lines missed."""
    close_after_silence_ms: Positive = 2_000
    """Further silence after which the connection is opened anew."""
    stable_ms: Positive = 10_000
    """How long a connection must live before it counts as a success and waits start over."""
    read_bytes_max: Annotated[int, Field(ge=4_096, le=4_194_304)] = 262_144
    """Bytes per read: large reads are what keeps up with a burst."""
    receive_buffer_bytes: Positive = 4_194_304
    """Kernel buffer: IQConnect's queue for us is its own affair and undocumented."""
    line_bytes_max: Annotated[int, Field(ge=4_096, le=1_048_576)] = 65_536
    """Longer lines are dropped and counted; streaming lines stay below 2 KB."""
    refreshes_per_second_max: Annotated[int, Field(ge=0, le=1_000)] = 20
    """Budget for asking the vendor for the values of symbols that are suspiciously quiet."""


def ports_of(iqconnect: IqconnectSettings, connection: ConnectionConfig) -> dict[str, int]:
    """IQConnect's ports, by the settings that give them."""
    given = connection.port
    level1 = ("iqconnect.level1_port", iqconnect.level1_port)
    return dict([level1 if given is None else ("connection.port", given)]) | {
        "iqconnect.level2_port": iqconnect.level2_port,
        "iqconnect.admin_port": iqconnect.admin_port,
    }


def recovery_warnings(connection: ConnectionConfig) -> Iterator[str]:
    """What of the connection settings keeps prices away for longer than the target."""
    waits = {"timeout_seconds": connection.timeout_seconds}
    waits["retry_backoff_max"] = connection.retry_backoff_max
    if connection.enable_circuit_breaker:
        waits["breaker_open_seconds"] = connection.breaker_open_seconds
    for name, wait_s in waits.items():
        if wait_s > RECOVERY_S_TARGET:
            yield (
                f"connection.{name} {wait_s:g}: prices may stay away for up to {wait_s:g} s after "
                f"IQConnect is back; the target is {RECOVERY_S_TARGET:g} s"
            )
