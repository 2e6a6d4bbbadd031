"""What of the settings decides how a relay works."""

from dataclasses import dataclass
from pathlib import Path

from gateway.control.peer_desk import PeerOptions
from gateway.policy.quotas import Limits


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """What of the settings decides how a relay works."""

    name: str
    """Its name, as a client of the gateway."""
    version: str
    """The program's version."""
    data: str
    """The gateway's data socket."""
    control: str
    """The gateway's control socket."""
    bind_data: str
    """Where consumers subscribe."""
    bind_control: str
    """Where consumers ask."""
    high_water_mark: int
    """Messages queued per consumer before ZeroMQ drops for it."""
    send_buffer_bytes: int
    """Kernel buffer per consumer."""
    subscriptions_per_connection_max: int
    """More are not granted."""
    peers: PeerOptions
    """When a consumer is slow, and what becomes of it."""
    limits: Limits
    """What a user may have, where the relay has keys."""
    requests_in_flight_max: int
    """Requests being answered at one time."""
    deadline_ms_default: int
    """Time for a request that brings no deadline of its own."""
    is_admin_allowed: bool
    """Whether every local program counts as an administrator of the relay."""
    usage_dir: Path | None = None
    """Where the report of usage is kept; nowhere when absent."""
