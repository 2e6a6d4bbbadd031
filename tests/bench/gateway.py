"""A gateway before a feeder or a simulator, for what is not a stream: memory, starts, joins."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import zmq

from tests.bench.feeder import FeedOptions
from tests.bench.running import Run, ending, gateway_environment, line_of, prepared, start
from tests.support.requester import Requester

WAIT_S_MAX: Final = 60.0
NEVER: Final = 1 << 40
"""More symbols than anybody watches."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A gateway that runs, and how to reach it."""

    process: "subprocess.Popen[str]"
    data: str
    control: str
    started_s: float
    """When its process was started, monotonic."""

    def until_answered(self) -> float:
        """Wait for its first answer to a request; how long after the start that was, seconds."""
        with Requester(self.control) as requester:
            requester.result("ping", seconds=WAIT_S_MAX)
        return time.monotonic() - self.started_s

    def metrics(self) -> dict[str, Any]:
        """What it says of itself."""
        with Requester(self.control) as requester:
            told: dict[str, Any] = requester.result("metrics", seconds=WAIT_S_MAX)
        return told


@contextmanager
def standing(symbol_count: int, *, line_count: int = 0) -> Iterator[Standing]:
    """A gateway before a feeder.

    Args:
        symbol_count: Of the lines.
        line_count: How many are sent once every symbol is watched; 0 for none, whatever is watched.
    """
    run = Run(lines=line_count or 200, symbols=symbol_count)
    watched = symbol_count + 2 if line_count else NEVER
    options = FeedOptions(level1=str(prepared(run)), level1_symbols=watched)
    with ending(start("tests.bench.feeder", json.dumps(asdict(options)))) as feeder:
        ports = [int(port) for port in line_of(feeder).split()]
        settings, (data, control, _) = gateway_environment(*ports)
        started_s = time.monotonic()
        with ending(
            start("gateway", "run", env={**os.environ, **settings}), is_killed=False
        ) as process:
            yield Standing(
                process,
                data=f"tcp://127.0.0.1:{data}",
                control=f"tcp://127.0.0.1:{control}",
                started_s=started_s,
            )


class Peers:
    """SUB sockets in one context.

    Args:
        endpoint: The gateway's data socket.
        count: How many.
    """

    def __init__(self, endpoint: str, count: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.max_sockets = max(1024, count + 16)
        self.sockets = [self._context.socket(zmq.SUB) for _ in range(count)]
        for sub in self.sockets:
            sub.setsockopt(zmq.SNDHWM, 0)
            sub.setsockopt(zmq.RCVHWM, 0)
            sub.setsockopt(zmq.LINGER, 0)
            sub.connect(endpoint)

    def read(self) -> int:
        """Read what has come; how many frames."""
        count = 0
        for sub in self.sockets:
            while sub.poll(0):
                sub.recv()
                count += 1
        return count

    def close(self) -> None:
        """All of them leave at once."""
        self._context.destroy(linger=0)


def wait_until_held(gateway: Standing, subscriptions: int) -> float:
    """Wait until so many subscriptions are held; how long it took, seconds.

    Raises:
        SystemExit: It takes too long.
    """
    started_s = time.monotonic()
    while gateway.metrics()["topics"]["subscriptions"] != subscriptions:
        if time.monotonic() - started_s > WAIT_S_MAX:
            raise SystemExit(f"{subscriptions} subscriptions are not held")
        time.sleep(0.05)
    return time.monotonic() - started_s
