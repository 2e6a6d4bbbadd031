"""How fast messages are consumed, beside the plain library doing the same without their meaning."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import msgpack
import zmq

from gateway_client.codec import decode_frame
from gateway_client.events import Event
from gateway_client.sync_client import GatewayClient

SILENCE_MS: Final = 3_000
"""Without a frame for so long, no more will come."""
PREFIXES: Final = ("quote,", "trade,")


def measure(
    mode: str, endpoint: str, count: int, *, on_ready: Callable[[], None]
) -> dict[str, object]:
    """Consume frames and say how fast it went.

    Args:
        mode: `plain` (the library's own values), `typed` (messages) or `client` (messages through
            a whole client: sequences followed, a queue between its thread and this one).
        endpoint: Where frames are published; for `client` its control endpoint behind a comma.
        count: Frames to consume.
        on_ready: Called once everything is subscribed.
    """
    frames = _through_client if mode == "client" else _through_socket
    taken = 0
    began_ns = ended_ns = 0
    for _ in frames(endpoint, mode, on_ready):
        ended_ns = time.perf_counter_ns()
        began_ns = began_ns or ended_ns
        taken += 1
        if taken == count:
            break
    seconds = max(ended_ns - began_ns, 1) / 1e9
    return {
        "mode": mode,
        "messages": taken,
        "seconds": round(seconds, 6),
        "per_second": round(taken / seconds),
    }


def _through_socket(endpoint: str, mode: str, on_ready: Callable[[], None]) -> Iterator[object]:
    unpack = msgpack.unpackb
    is_typed = mode == "typed"
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.rcvhwm = socket.sndhwm = 0
        socket.rcvtimeo = SILENCE_MS
        for prefix in PREFIXES:
            socket.subscribe(prefix)
        socket.connect(endpoint)
        on_ready()
        socket.poll(60_000)
        recv = socket.recv
        try:
            while True:
                frame = recv()
                yield decode_frame(frame) if is_typed else unpack(frame.split(b",", 2)[2])
        except zmq.Again:
            return


def _through_client(endpoint: str, _mode: str, on_ready: Callable[[], None]) -> Iterator[object]:
    data, _, control = endpoint.partition(",")
    with GatewayClient(data, control, queue_capacity=10_000_000, conflate_above=10_000_000) as own:
        own.subscribe_topics(PREFIXES)
        on_ready()
        first = own.next_message(60.0)
        if first is not None:
            yield first
        for item in own.messages(SILENCE_MS / 1_000):
            if not isinstance(item, Event):
                yield item
