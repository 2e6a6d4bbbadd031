"""The end of a socket's monitor, which must be read to its last event."""

from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

LAST_EVENT_MS_MAX: Final = 1_000
"""How long libzmq may take to end a monitor."""


def end_monitor(monitor: "zmq.Socket[bytes]", monitored: "zmq.Socket[Any] | None") -> None:
    """Stop a monitor, read it to its end, and close its reader.

    Args:
        monitor: Reads the events.
        monitored: Whose events they are; None when nothing is monitored any more.
    """
    if monitored is not None:
        # Before the reader is closed: libzmq would wait for one for ever.
        if not monitored.closed:
            monitored.disable_monitor()
        while monitor.poll(LAST_EVENT_MS_MAX):
            event = parse_monitor_message(monitor.recv_multipart())["event"]
            if event == zmq.Event.MONITOR_STOPPED:
                break
    monitor.close(linger=0)
