"""The gateway is killed under load: many consumers of two hundred topics each come back alone."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgpack
import pytest
import zmq
from gateway_client import GatewayClient, Quote

from gateway.simulator import Simulator, SimulatorOptions
from tests.support import fault_table
from tests.support.consumer import SNAPSHOT, private_topic
from tests.support.fault_table import BESIDE, fault_row
from tests.support.history import History
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage, wait_until

pytestmark = pytest.mark.slow
CONSUMERS = int(os.environ.get("KILLED_CONSUMERS", "20"))
TOPICS = 200
CONSISTENT_S_MAX = 5.0
LINES_PER_SECOND = 300.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A market of some more symbols than each consumer takes."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, rate=LINES_PER_SECOND, equity_count=260
    )
    with open_stage() as stage:
        yield stage.start_simulator(options)


@pytest.fixture
def gateway(tmp_path: Path, simulator: Simulator) -> Iterator[GatewayProcess]:
    """A gateway that keeps leases over a restart."""
    process = GatewayProcess(
        tmp_path,
        level1_port=simulator.level1_port,
        admin_port=simulator.admin_port,
        settings={"state_dir": str(tmp_path / "state")},
    )
    with process:
        process.start()
        yield process


@pytest.fixture(scope="module")
def symbols(simulator: Simulator) -> list[str]:
    """The symbols of that market."""
    instruments = simulator._source.market.instruments  # type: ignore[union-attr]
    found = [name for name, i in instruments.items() if i.security_type == 1]
    return found[:250]


class BareConsumer:
    """One SUB socket that does nothing but subscribe, once, and listen."""

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, topics: list[str]
    ) -> None:
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.privates = {private_topic(topic): topic for topic in topics}
        for topic in (*topics, *self.privates):
            self.socket.subscribe(topic)
        self.socket.connect(endpoint)
        self.history = History()
        self.answered: dict[int, set[str]] = {}
        """Topics whose private topic was answered, by epoch: with a value, or with why not yet."""
        self.valued: dict[int, set[str]] = {}
        """Topics with a value, from a snapshot or the topic itself."""

    def receive(self) -> None:
        """Take everything that waits."""
        while True:
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            kind, symbol, data = frame.split(b",", 2)
            topic = f"{kind.decode()},{symbol.decode()},"
            body = msgpack.unpackb(data)
            base = self.privates.get(topic, topic)
            if topic in self.privates:
                self.answered.setdefault(body[1], set()).add(base)
            else:
                self.history.note(topic, body)
            if topic == base or body[3] & SNAPSHOT:
                self.valued.setdefault(body[1], set()).add(base)

    def joined(self, epoch: int) -> int:
        """How many topics are consistent in a run: answered, and with a value."""
        return len(self.answered.get(epoch, set()) & self.valued.get(epoch, set()))


def listen(consumers: list[BareConsumer], *, after_epoch: int, seconds: float) -> int:
    """Read until every consumer has a snapshot of every topic from a later run.

    Returns:
        That run's epoch.
    """
    poller = zmq.Poller()
    by_socket = {consumer.socket: consumer for consumer in consumers}
    for socket in by_socket:
        poller.register(socket, zmq.POLLIN)
    deadline_s = time.monotonic() + seconds
    joined: list[int] = []
    while time.monotonic() < deadline_s:
        for socket, _ in poller.poll(100):
            by_socket[socket].receive()
        epoch = max((e for consumer in consumers for e in consumer.answered), default=0)
        joined = [consumer.joined(epoch) for consumer in consumers]
        if epoch > after_epoch and min(joined) == TOPICS:
            return epoch
    raise AssertionError(f"not within {seconds} s; joined: {joined}")


@fault_row(BESIDE)
@pytest.mark.long
def test_bare_sockets_are_consistent_again_without_any_code(
    gateway: GatewayProcess, symbols: list[str]
) -> None:
    """Libzmq repeats the subscriptions, and the subscription is the snapshot request."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with ExitStack() as stack:
        stack.callback(context.destroy, linger=0)
        consumers = [
            BareConsumer(
                context,
                gateway.data,
                [f"quote,{symbols[(number + at) % len(symbols)]}," for at in range(TOPICS)],
            )
            for number in range(CONSUMERS)
        ]
        first = listen(consumers, after_epoch=0, seconds=30.0)
        gateway.kill()
        started_s = time.monotonic()
        gateway.start()
        second = listen(consumers, after_epoch=first, seconds=30.0)
        took_s = time.monotonic() - started_s
        assert second > first
        for consumer in consumers:
            consumer.history.check()
        fault_table.note(
            BESIDE,
            f"gateway killed before {CONSUMERS} bare SUB sockets of {TOPICS} topics",
            recover_s=took_s,
            more="from its start to the last snapshot",
        )
        assert took_s < CONSISTENT_S_MAX


@fault_row(BESIDE)
@pytest.mark.long
def test_clients_are_consistent_again_without_any_code_beyond_them(
    gateway: GatewayProcess, symbols: list[str]
) -> None:
    """The application goes on reading, is told of the restart, and has every value anew."""
    with ExitStack() as stack:
        clients = []
        for number in range(CONSUMERS):
            client = GatewayClient(gateway.data, gateway.control, client_name=f"c{number}")
            assert client.connect(), client.last_error
            stack.callback(client.disconnect)
            wanted = [symbols[(number + at) % len(symbols)] for at in range(TOPICS)]
            client.subscribe_symbols(wanted, ["quote"])
            clients.append(client)
        seen: list[dict[int, set[str]]] = [{} for _ in clients]
        histories = [History() for _ in clients]

        def read() -> list[int]:
            """Take what waits; epochs in which a client has every topic."""
            complete = []
            for client, epochs, history in zip(clients, seen, histories, strict=True):
                while (item := client.next_message(0)) is not None:
                    if isinstance(item, Quote):
                        epochs.setdefault(item.epoch, set()).add(item.symbol)
                        history.count += 1
                complete += [max((e for e, s in epochs.items() if len(s) == TOPICS), default=0)]
            return complete

        wait_until(lambda: all(read()), what="every quote", seconds=40.0)
        first = max(read())
        gateway.kill()
        started_s = time.monotonic()
        gateway.start()
        wait_until(lambda: min(read()) > first, what="every quote anew", seconds=30.0)
        took_s = time.monotonic() - started_s
        assert all(client.statistics().restarts == 1 for client in clients)
        fault_table.note(
            BESIDE,
            f"gateway killed before {CONSUMERS} Python clients of {TOPICS} topics",
            recover_s=took_s,
            more="from its start to the last fresh quote",
        )
        assert took_s < CONSISTENT_S_MAX
