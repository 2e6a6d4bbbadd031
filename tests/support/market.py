"""A simulator, a gateway and consumers, each a process of its own, perhaps with a link between."""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support import records
from tests.support.consumer import Consumer
from tests.support.history import Account
from tests.support.network import NEAR, Network
from tests.support.processes import END_S_MAX, READY_S_MAX, ROOT, GatewayProcess, clean_environment
from tests.support.records import Log
from tests.support.requester import Requester
from tests.support.stage import free_ports, wait_until

SYMBOLS: Final = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "SPY")
KINDS: Final = ("quote", "trade", "summary", "state")
PROGRAM_OPTIONS: list[str] = []
"""More options of every consumer program: a test takes a protection out with them."""
GATEWAY_SETTINGS: dict[str, Any] = {}
"""More settings of every gateway, for the same purpose."""


def topics_of(symbols: Iterable[str] = SYMBOLS, kinds: Iterable[str] = KINDS) -> list[str]:
    """Every kind of every symbol."""
    return [f"{kind},{symbol}," for symbol in symbols for kind in kinds]


class Subscriber:
    """A consumer program that runs.

    Args:
        command: Its command line, without the log.
        log: Where it writes.
        reader: Reads that; a plain `Log` when left out.
    """

    def __init__(self, command: list[str], log: Path, reader: Log | None = None) -> None:
        self._output = log.with_suffix(".out").open("w+b")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            cwd=ROOT,
            env=clean_environment(),
        )
        self.log = reader or Log(log)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    def order(self, *words: object) -> None:
        """Let it read slowly, not at all, or as always."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, kind: int, *, seconds: float, since_us: int = 0) -> tuple[int, list[Any]]:
        """Wait for an event of its record.

        Returns:
            When it happened, us UTC, and its values.
        """

        def has_come() -> bool:
            self.log.read()
            assert self.process.poll() is None, self.printed()
            return bool(self.log.events_of(kind, since_us=since_us))

        wait_until(has_come, what=f"event {kind}", seconds=seconds)
        return self.log.events_of(kind, since_us=since_us)[0]

    def wait_until_level(self, reference: "Subscriber", *, seconds: float = 10.0) -> float:
        """Wait until it has, or misses, everything that the reference has received by now.

        Returns:
            How long it took, seconds.
        """
        reference.log.read()
        heads = {topic: reference.log.history.last(topic) for topic in self.log.topics}
        history = self.log.history

        def is_level() -> bool:
            self.log.read()
            assert self.process.poll() is None, self.printed()
            return all(history.last(topic) >= head for topic, head in heads.items())

        return wait_until(is_level, what="level with the reference", seconds=seconds)

    def check_against(self, reference: "Subscriber", *, seconds: float = 10.0) -> Account:
        """Fail unless all that the reference received by now is received or declared here."""
        self.wait_until_level(reference, seconds=seconds)
        assert not self.log.foreign, self.log.foreign[:5]
        account = self.log.history.check_against(reference.log.history, self.log.topics)
        print(f"consumer {self.pid}: {account}")
        return account

    def printed(self) -> str:
        """What it printed so far."""
        self._output.seek(0)
        return self._output.read().decode("utf-8", "replace")

    def close(self) -> None:
        """Let it end, and read its record to the end."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_S_MAX)
        self.log.read()
        self.log.close()
        text = self.printed()
        self._output.close()
        if text:
            print(f"--- subscriber {self.pid}, exit {self.process.returncode}\n{text}")


class NamespacedGateway(GatewayProcess):
    """A gateway at a link's near end.

    Args:
        folder: For its configuration and output.
        sockets: A folder with a short name, for the control socket.
        prefix: Begins the command line.
        data: What the data socket binds.
        level1_port: Where IQConnect is.
        admin_port: Where its admin port is.
        settings: Other settings, by section.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sockets: Path,
        prefix: list[str],
        data: str,
        level1_port: int,
        admin_port: int,
        settings: Mapping[str, Any],
    ) -> None:
        # A socket of the file system is reached from every namespace.
        control = f"ipc://{sockets / 'control'}"
        super().__init__(
            folder,
            level1_port=level1_port,
            admin_port=admin_port,
            settings={**settings, "data": {"bind": data, **settings.get("data", {})}}
            | {"control": {"bind": control}},
        )
        self._prefix = prefix
        self.data, self.control = data, control

    def start(self) -> None:
        """Start it and wait until it answers requests."""
        self._process = start(
            [*self._prefix, sys.executable, "-m", "gateway", "run", "--config", str(self._config)],
            self._output,
        )
        with Requester(self.control) as requester:
            requester.result("ping", seconds=READY_S_MAX)


class Market:
    """Everything of one test.

    Args:
        folder: For configurations, records and output.
        network: The link between gateway and consumers; none when left out.
        rate: Lines a second of the simulated market.
        seed: Of the market.
        data: What the gateway's data socket binds; a TCP port when left out.
        settings: Other settings of the gateway, by section.
        options: Other options of the simulator's command line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        network: Network | None = None,
        rate: float = 2_000.0,
        seed: int = 1,
        data: str = "",
        settings: Mapping[str, Any] | None = None,
        options: Iterable[str] = (),
    ) -> None:
        self._folder = folder
        self._network = network
        self._opened = ExitStack()
        sockets = Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="iqgw-")))
        admin, level1, level2, port, self.control_port = free_ports(5)
        prefix = self._prefix("near")
        host = NEAR if network else "127.0.0.1"
        self._count = 0
        self._simulator_command = [
            *(*prefix, sys.executable, "-m", "gateway", "simulate", "--rate", str(rate)),
            *("--admin-port", str(admin), "--level1-port", str(level1), "--seed", str(seed)),
            *("--level2-port", str(level2), "--control-port", str(self.control_port), *options),
        ]
        merged = {**GATEWAY_SETTINGS, **(settings or {})}
        merged["iqconnect"] = {"level2_port": level2, **merged.get("iqconnect", {})}
        self.gateway = NamespacedGateway(
            folder,
            sockets=sockets,
            prefix=prefix,
            data=data or f"tcp://{host}:{port}",
            level1_port=level1,
            admin_port=admin,
            settings=merged,
        )

    def _prefix(self, end: str) -> list[str]:
        if self._network is None:
            return []
        return self._network.command(self._network.near if end == "near" else self._network.far)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.push(self._opened)
            simulator = start(self._simulator_command, self._folder / "simulator.log")
            stack.callback(end, simulator)
            stack.enter_context(self.gateway)
            self.gateway.start()
            self._opened = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()
        if error is not None:
            print(f"--- gateway\n{self.gateway.printed()[-4_000:]}")

    def subscribers(
        self, count: int, *topics: str, at: str = "near", program: str = "bare"
    ) -> list[Subscriber]:
        """Start some consumer programs at a time, and wait until all hear the gateway."""
        started = [self._start_subscriber(topics, at, program, "", "") for _ in range(count)]
        for one in started:
            one.wait_for(records.READY, seconds=READY_S_MAX)
        return started

    def subscriber(
        self,
        *topics: str,
        at: str = "near",
        program: str = "bare",
        endpoint: str = "",
        token: str = "",
    ) -> Subscriber:
        """Start a consumer program, and wait until it hears the gateway.

        Args:
            topics: What it subscribes to.
            at: Which end of the link it is at.
            program: `bare` or `client`.
            endpoint: Where it connects; the gateway's data socket when left out.
            token: Names its own `sys,client` topic.
        """
        started = self._start_subscriber(topics, at, program, endpoint, token)
        started.wait_for(records.READY, seconds=READY_S_MAX)
        return started

    def _start_subscriber(
        self, topics: Iterable[str], at: str, program: str, endpoint: str, token: str
    ) -> Subscriber:
        self._count += 1
        path = self._folder / f"consumer-{self._count}.records"
        command = [
            *(*self._prefix(at), sys.executable, "-m", f"tests.support.{program}_subscriber"),
            *("--data", endpoint or self.gateway.data, "--control", self.gateway.control),
            *("--record", str(path), "--name", f"consumer-{self._count}"),
            *(("--token", token) if token else ()),
            *PROGRAM_OPTIONS,
            *topics,
        ]
        started = Subscriber(command, path)
        self._opened.callback(started.close)
        started.log.topics = frozenset(topics)
        return started

    @contextlib.contextmanager
    def consumer(self, *topics: str, at: str = "near") -> Iterator[Consumer]:
        """A consumer in the test's own process, whose socket is at an end of the link."""
        if self._network is None:
            with Consumer(self.gateway.data, *topics) as consumer:
                yield consumer
            return
        name = self._network.near if at == "near" else self._network.far
        with self._network.inside(name):
            # The I/O thread that connects is made here, and stays where it was made.
            consumer = Consumer(self.gateway.data, *topics)
        with consumer:
            yield consumer

    def act(self, name: str, **params: object) -> dict[str, Any]:
        """Give the simulator an order of its control port, such as `hold_market`."""
        entered = (
            self._network.inside(self._network.near) if self._network else contextlib.nullcontext()
        )
        with entered:
            connection = socket.create_connection(("127.0.0.1", self.control_port), END_S_MAX)
        with connection, connection.makefile("rwb") as file:
            file.write(json.dumps({"do": name, **params}).encode() + b"\n")
            file.flush()
            answer: dict[str, Any] = json.loads(file.readline())
        assert answer["ok"], answer
        return answer


def start(command: list[str], output: Path) -> "subprocess.Popen[bytes]":
    """Start a process whose output goes to a file."""
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=clean_environment(),
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that was started here."""
    process.terminate()
    try:
        process.wait(END_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_S_MAX)


def established_count(pid: int, peer: str) -> int:
    """How many TCP connections to an address are up in a process's namespace."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(peer.split(".")))
    rows = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [row.split() for row in rows]
    return sum(f[3] == "01" and f[2].startswith(f"{wanted}:") for f in fields)
