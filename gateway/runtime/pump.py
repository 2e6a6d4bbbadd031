"""Waiting for the Level 1 connection's bytes, and having them read, without the interpreter.

A read that comes alone, as at a few thousand lines a second nearly all do, costs the feed thread's
own loop ten times what its line costs: deadlines, sessions, latencies, the poller. So while
nothing else can be done, the extension waits and reads, and comes back when something else has
come, when Python has read a line, and at the next deadline, within 50 ms. What the loop would have
noted of each read is noted then.

A busy other thread does not hold it up either: it takes the interpreter's lock only when it comes
back.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import zmq

from gateway.clock import Clock, SystemClock
from gateway.iqfeed.link import Link
from gateway.runtime.feed_report import Latencies
from gateway.runtime.level1_link import Level1Link

if TYPE_CHECKING:
    from gateway.compiled.pipeline import CompiledPipeline

IN: Final = int(zmq.POLLIN)
Watched = tuple[Any, int]
"""A ZeroMQ socket or a descriptor, and the poll flags that are asked for."""


class Pump:
    """Waits in the extension's way, for one connection.

    Args:
        link: The connection.
        pipeline: The link's pipeline.
        pause_ns_max: A longer pause means that this process did not run: nothing is read then.
    """

    def __init__(
        self, link: Level1Link, pipeline: "CompiledPipeline", *, pause_ns_max: int
    ) -> None:
        self._link = link
        self._pipeline = pipeline
        self._pause_ns_max = pause_ns_max

    @property
    def is_usable(self) -> bool:
        """Whether reading is all that the connection needs now."""
        link = self._link
        return link.link is Link.STREAMING and not link.has_backlog and not link.wants_write

    def wait(
        self, watched: Sequence[Watched], *, deadline_ns: int, seen_ns: int, latencies: Latencies
    ) -> dict[Any, int]:
        """Wait, and read meanwhile.

        Args:
            watched: What else to wait for.
            deadline_ns: When to come back at the latest, monotonic.
            seen_ns: When the clock was looked at last, monotonic: a pause may have begun since.
            latencies: Told how long lines were with us.

        Returns:
            What can be read or written, as a poller tells it.

        Raises:
            ValueError: There is no connection.
            OSError: Nothing can be waited for, or sent.
        """
        link = self._link
        own = link.descriptor
        if own is None:
            raise ValueError("there is no connection: is_usable tells")
        items = [(0, own, IN)]
        for socket, flags in watched:
            is_native = isinstance(socket, zmq.Socket)
            items.append((socket.underlying, 0, flags) if is_native else (0, socket, flags))
        latencies.begin()
        pumped = self._pipeline.pump(
            items,
            deadline_ns=deadline_ns,
            seen_ns=seen_ns,
            pause_ns_max=self._pause_ns_max,
            read_bytes_max=link.read_bytes_max,
        )
        latencies.charge(pumped.latencies, last_us=pumped.last_us)
        if pumped.heard_ns:
            link.note_read(pumped.heard_ns, is_drained=pumped.is_drained)
        keys = (own, *(socket for socket, _ in watched))
        return {key: flags for key, flags in zip(keys, pumped.found, strict=True) if flags}


def can_pump(links: Sequence[Level1Link], clock: Clock) -> bool:
    """Whether there is one connection, and a system and clock that the extension knows.

    Args:
        links: The Level 1 connections.
        clock: The feed thread's.
    """
    return sys.platform == "linux" and len(links) == 1 and isinstance(clock, SystemClock)
