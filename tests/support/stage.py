"""A stage for tests: gateway and IQConnect in the event loop of a thread of their own.

The test itself is plain code in the main thread, with the same sockets a consumer has.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import zmq

from gateway.app import Gateway
from gateway.settings import load_settings
from gateway.simulator import Simulator, SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.requester import Requester
from tests.support.slack import SLACK, SLOWER

Result = TypeVar("Result")
ANY_PORT = "tcp://127.0.0.1:*"
FIRST_PORT = 12_000
PORTS_PER_WORKER = 2_000
_PORT_NUMBERS = itertools.count()


class Stage:
    """Starts and stops what a test needs, in one background loop."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._thread.start()
        self._opened = contextlib.ExitStack()
        self._gateway: Gateway | None = None
        self._simulator: Simulator | None = None
        self._stopping: Future[None] | None = None

    @property
    def gateway(self) -> Gateway:
        """The gateway that runs."""
        assert self._gateway is not None
        return self._gateway

    @property
    def simulator(self) -> Simulator:
        """The simulator that runs."""
        assert self._simulator is not None
        return self._simulator

    def run(self, coroutine: Coroutine[Any, Any, Result], *, seconds: float = 15.0) -> Result:
        """Run a coroutine in the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds * SLOWER)

    def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in the loop, where it races with nothing."""

        async def call() -> Result:
            return function(*arguments)

        return self.run(call())

    def start_simulator(self, options: SimulatorOptions) -> Simulator:
        """Listen as IQConnect does."""
        simulator = Simulator(options)
        self.run(simulator.start())
        self._simulator = simulator
        return simulator

    def stop_simulator(self) -> None:
        """Take IQConnect away: both ports and every connection."""
        if self._simulator is not None:
            self.run(self._simulator.stop())

    def start_fake(self, fake: FakeIqconnect) -> FakeIqconnect:
        """Listen as a scripted streaming port."""
        self.run(fake.start())
        self._opened.callback(lambda: self.run(fake.stop()))
        return fake

    def start_gateway(
        self,
        *,
        level1_port: int,
        admin_port: int,
        level2_port: int | None = None,
        **sections: Mapping[str, Any] | object,
    ) -> Gateway:
        """Start a gateway on free ports.

        Args:
            level1_port: Where IQConnect is.
            admin_port: Where its admin port is.
            level2_port: Where its Level 2 port is; where nobody listens when left out.
            sections: Settings by section, nested as in a file.
        """
        values: dict[str, Any] = {
            "gateway_id": "test",
            "data": {"bind": ANY_PORT},
            "control": {"bind": ANY_PORT},
            "http": {"bind": "127.0.0.1:0"},
            "iqconnect": {
                "level1_port": level1_port,
                "admin_port": admin_port,
                "level2_port": free_ports(1)[0] if level2_port is None else level2_port,
            },
        }
        for name, section in sections.items():
            known = values.get(name, {})
            values[name] = {**known, **section} if isinstance(section, Mapping) else section
        gateway = Gateway(load_settings(None, overrides=values))
        self.run(gateway.start())
        self._gateway = gateway
        return gateway

    def begin_stop_gateway(self) -> None:
        """Begin to stop the gateway in order, if it runs; returns at once."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            assert gateway.failure is None, gateway.failure
            self._stopping = asyncio.run_coroutine_threadsafe(gateway.stop(), self._loop)

    def stop_gateway(self) -> None:
        """Stop the gateway in order, if it runs, and wait for its end."""
        self.begin_stop_gateway()
        if self._stopping is not None:
            self._stopping.result(15.0)

    def consumer(self, *topics: str, keys: tuple[str, str, str] | None = None) -> Consumer:
        """A consumer that is closed with the stage."""
        endpoint = self.gateway.endpoints["data"]
        return self._opened.enter_context(Consumer(endpoint, *topics, keys=keys))

    def requester(
        self, kind: int = zmq.DEALER, *, keys: tuple[str, str, str] | None = None
    ) -> Requester:
        """A control client that is closed with the stage."""
        endpoint = self.gateway.endpoints["control"]
        return self._opened.enter_context(Requester(endpoint, kind, keys=keys))

    def close(self) -> None:
        """Stop everything that was started."""
        try:
            self.stop_gateway()
            self.stop_simulator()
        finally:
            self._opened.close()
            self.run(self._loop.shutdown_default_executor())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5.0)
            self._loop.close()


@contextlib.contextmanager
def open_stage() -> Iterator[Stage]:
    """A stage with nothing on it."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


@contextlib.contextmanager
def simulated(*, settings: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Stage]:
    """A stage with a simulator and a gateway connected to it.

    Args:
        settings: Settings of the gateway that differ from the defaults.
        options: Options of the simulator that differ from a calm small market's.
    """
    calm: dict[str, Any] = {
        "admin_port": 0,
        "level1_port": 0,
        "level2_port": 0,
        "rate": 200.0,
        "equity_count": 60,
    }
    with open_stage() as stage:
        simulator = stage.start_simulator(SimulatorOptions(**(calm | options)))
        stage.start_gateway(
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            level2_port=simulator.level2_port,
            **(settings or {}),
        )
        yield stage


@contextlib.contextmanager
def scripted(
    fake: FakeIqconnect,
    *,
    level2: FakeIqconnect | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Stage]:
    """A stage with scripted ports, no admin port, and a gateway connected to them."""
    with open_stage() as stage:
        for port in (fake, level2):
            if port is not None:
                stage.start_fake(port)
        stage.start_gateway(
            level1_port=fake.port,
            admin_port=free_ports(1)[0],
            level2_port=level2.port if level2 is not None else None,
            **(settings or {}),
        )
        yield stage


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at the moment.

    Test processes side by side take them from ranges of their own, below those that the system
    gives out by itself: what is free here stays free until it is used.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        found: list[int] = []
        first = FIRST_PORT + PORTS_PER_WORKER * int(worker.removeprefix("gw"))
        while len(found) < count:
            port = first + next(_PORT_NUMBERS) % PORTS_PER_WORKER
            with socket.socket() as one, contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
        return found
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def wait_until(is_so: Callable[[], bool], *, what: str, seconds: float = 8.0) -> float:
    """Look until something is so; for facts that no message announces.

    Returns:
        How long it took, seconds.
    """
    started_s = time.monotonic()
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() - started_s < seconds * SLACK, f"not within {seconds} s: {what}"
        pause.wait(0.005)
    return time.monotonic() - started_s
