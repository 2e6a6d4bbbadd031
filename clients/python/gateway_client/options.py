"""What a client is told at construction, checked before anything is opened."""

import os
import re
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from gateway_client import messages, topics
from gateway_client.errors import InvalidArgument
from gateway_client.keys import CurveKeys, check_keys

DATA_ENDPOINT: Final = "tcp://127.0.0.1:7700"
CONTROL_ENDPOINT: Final = "tcp://127.0.0.1:7701"
_ENDPOINT: Final = re.compile(r"tcp://(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):([0-9]{1,5})|ipc://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything a client can be told."""

    data_endpoint: str = DATA_ENDPOINT
    """Where the gateway publishes."""
    control_endpoint: str = CONTROL_ENDPOINT
    """Where the gateway answers requests."""
    client_name: str = ""
    """Name the leases belong to; clients with one name share them. Made up when empty."""
    request_timeout_s: float = 5.0
    """Seconds to wait for a reply."""
    connect_timeout_s: float = 5.0
    """Seconds in which `connect` must have heard a reply and a heartbeat (one comes a second)."""
    lease_s: int = 60
    """Life of a lease in seconds; renewed at half of it, and every ten seconds at least."""
    heartbeat_silence_s: float = 3.0
    """Seconds without a heartbeat after which the data connection counts as lost."""
    queue_capacity: int = 100_000
    """Messages that wait for the application at most; then they are skipped, and that is told."""
    conflate_above: int = 10_000
    """Waiting messages from which on state messages replace older ones of their topic."""
    skip_after_s: float | None = None
    """Seconds after which what waits is skipped, too. None, for only when the queue is full: no
    trade is ever skipped for its age alone, unless asked for."""
    receive_messages_max: int = 200_000
    """Frames the socket may hold until the reader thread has taken them (RCVHWM); it is kept near
    empty, so there is no need to change it."""
    curve: CurveKeys | None = None
    """Keys, when the gateway asks for them."""

    @property
    def skip_after_ns(self) -> int | None:
        """The same in nanoseconds."""
        return None if self.skip_after_s is None else int(self.skip_after_s * 1e9)

    def __post_init__(self) -> None:
        for name in ("data_endpoint", "control_endpoint"):
            _check_endpoint(name, getattr(self, name))
        for name in ("request_timeout_s", "connect_timeout_s", "heartbeat_silence_s"):
            _check_duration(name, getattr(self, name))
        if self.skip_after_s is not None:
            _check_duration("skip_after_s", self.skip_after_s)
        if not messages.LEASE_S_MIN <= self.lease_s <= messages.LEASE_S_MAX:
            raise InvalidArgument("lease_s out of range", value=self.lease_s)
        if not 0 < self.conflate_above <= self.queue_capacity:
            raise InvalidArgument(
                "queue bounds do not fit",
                hint="Keep 0 < conflate_above <= queue_capacity.",
                conflate_above=self.conflate_above,
                queue_capacity=self.queue_capacity,
            )
        if not 0 < self.receive_messages_max < 1 << 31:
            raise InvalidArgument(
                "receive_messages_max out of range", value=self.receive_messages_max
            )
        if self.curve is not None:
            check_keys(self.curve)
        if not self.client_name:
            object.__setattr__(self, "client_name", f"python-{os.getpid()}-{token_hex(4)}")
        if not topics.CLIENT_NAME.fullmatch(self.client_name):
            raise InvalidArgument(
                "client_name refused",
                hint="Use 1 to 64 letters, digits and ._:@- only.",
                client_name=self.client_name,
            )


def _check_duration(name: str, value: float) -> None:
    if not 0 < value < 86_400:
        raise InvalidArgument("not a duration", name=name, value=value)


def _check_endpoint(name: str, endpoint: str) -> None:
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or (match[1] is not None and not 0 < int(match[1]) < 65_536):
        raise InvalidArgument(
            "not an endpoint",
            hint="Write tcp://host:port or ipc://path.",
            name=name,
            value=endpoint,
        )
