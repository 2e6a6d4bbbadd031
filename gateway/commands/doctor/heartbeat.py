"""Listens for a gateway's heartbeat: the data socket's own proof that a gateway lives there."""

from collections.abc import Mapping
from typing import Any, Final

import zmq
from gateway_client import DecodeError
from gateway_client.codec import split_frame

from gateway.clock import SystemClock
from gateway.model.messages import HEADER_FIELDS

HEARTBEAT: Final = "sys,heartbeat,"
FRAMES_MAX: Final = 100
"""Read at most so many frames: only heartbeats are asked for, and one comes a second."""
_CLOCK: Final = SystemClock()


def hear(data: str, *, seconds: float) -> Mapping[str, Any] | None:
    """Wait for one heartbeat.

    Args:
        data: An address where a ZeroMQ socket listens.
        seconds: Longest wait; a live gateway needs one second.

    Returns:
        What the gateway says of itself, as it came; None when no heartbeat did.
    """
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.LINGER, 0)
        sub.subscribe(HEARTBEAT)
        sub.connect(data)
        deadline_ns = _CLOCK.monotonic_ns() + round(seconds * 1e9)
        for _ in range(FRAMES_MAX):
            left_ms = (deadline_ns - _CLOCK.monotonic_ns()) // 1_000_000
            if left_ms <= 0 or not sub.poll(left_ms):
                return None
            details = _details_of(sub.recv())
            if details is not None:
                return details
    return None


def _details_of(frame: bytes) -> Mapping[str, Any] | None:
    """What a heartbeat says; None for any other frame."""
    try:
        topic, body = split_frame(frame)
    except DecodeError:
        return None
    values = body[len(HEADER_FIELDS) :]
    is_heartbeat = topic == HEARTBEAT.encode() and len(values) > 0
    return values[0] if is_heartbeat and isinstance(values[0], dict) else None
