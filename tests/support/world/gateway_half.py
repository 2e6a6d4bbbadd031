"""The gateway's half of a world: every part but its threads, its loop and its sockets."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import zmq

from gateway.app_options import Retries, Sessions, feed_options, login_commands, login_policy
from gateway.compiled.choice import choose
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.desk import RequestDesk
from gateway.control.feed_commands import FeedCommand, NoteAdmin
from gateway.control.identity import Identity
from gateway.control.lease_requests import Steps
from gateway.counters import Complaints, Counters
from gateway.health.facts import FeedHistory, FeedReport
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.policy.leases import Leases
from gateway.runtime.admin_talk import AdminTalk, AdminView
from gateway.runtime.assembly import FeedAssembly
from gateway.runtime.feed import FeedThread
from gateway.runtime.host_address import HostAddress
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link
from gateway.runtime.queues import COMMANDS_MAX, CommandQueue, FactQueue, Order
from gateway.runtime.subscription_reader import Peers
from gateway.runtime.tcp_stream import Stream
from gateway.settings import Credentials, Settings
from tests.support.open_access import open_access
from tests.support.quiet_admin import inside_requests, upstream_requests
from tests.support.world.clock import SECOND_NS, WorldClock
from tests.support.world.data_socket import WorldData

if TYPE_CHECKING:
    import asyncio

    from tests.support.world.ends import WorldStream

HOUSEKEEPING_NS: Final = SECOND_NS // 2
EPOCH: Final = 1_790_000_000_000
READ_BYTES: Final = 65_536
_IN, _OUT = int(zmq.POLLIN), int(zmq.POLLOUT)


class WorldCommands(CommandQueue):
    """Commands for the feed, without a socket pair to wake anybody."""

    def __init__(self) -> None:
        self._queued: deque[Order] = deque()

    def put(self, order: Order) -> None:
        """Queue a command."""
        assert len(self._queued) < COMMANDS_MAX
        self._queued.append(order)

    def wake(self) -> None:
        """Nobody sleeps."""

    def fileno(self) -> int:
        """A number that no connection has."""
        return -2

    def take(self) -> list[Order]:
        """Everything queued so far."""
        orders = [*self._queued]
        self._queued.clear()
        return orders

    def __len__(self) -> int:
        return len(self._queued)

    def close(self) -> None:
        """Nothing to release."""


class Asked:
    """A request that waits for the feed: what a future is elsewhere."""

    def __init__(self, steps: Steps, ask: Callable[[FeedCommand, "Asked"], None]) -> None:
        self._steps = steps
        self._ask = ask
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def go_on(self, reply: object) -> None:
        """Give the handler what it asked for."""
        try:
            if isinstance(reply, BaseException):
                command = self._steps.throw(reply)
            else:
                command = self._steps.send(reply)
        except StopIteration as finished:
            self.is_done, self.result = True, finished.value
        else:
            if command is None:
                self.go_on(None)
            else:
                self._ask(command, self)


class WorldFacts(FactQueue):
    """Facts for the control half, handed over at once."""

    def __init__(self, on_fact: Callable[[object], None]) -> None:
        self._take = on_fact
        self.dropped = 0

    def post(self, fact: object) -> None:
        """Hand a fact over."""
        self._take(fact)

    def answer(self, future: "asyncio.Future[Any]", result: object) -> None:
        """Go on with the request that asked."""
        cast(Asked, future).go_on(result)


class GatewayHalf:
    """One gateway, made as the composition root makes it.

    Args:
        settings: As checked by `load_settings`.
        credentials: To log IQConnect in.
        clock: The world's.
        rng: Spreads attempts.
        data: The data socket.
        open_stream: Begins a connection to a port number of IQConnect's.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        *,
        clock: WorldClock,
        rng: random.Random,
        data: WorldData,
        open_stream: Callable[[str, int], Stream],
    ) -> None:
        self.settings: Final = settings
        self._clock = clock
        self._data = data
        self.commands = WorldCommands()
        self.failure: BaseException | None = None
        self.history = FeedHistory()
        self._next_house_ns = clock.now_ns
        retries, sessions = Retries(settings, clock, rng), Sessions(settings)
        options = feed_options(settings, host=HostAddress("127.0.0.1", clock))
        assembly = FeedAssembly(
            with_streams(options, open_stream),
            data=cast("zmq.Socket[bytes]", data),
            epoch=EPOCH,
            clock=clock,
            on_sample=lambda _: None,
            send=data.send,
            peers=cast(Peers, data),
        )
        self.parts: Final = assembly.parts(
            make_session=sessions.level1,
            make_level2_session=sessions.level2,
            make_retry=retries.of,
            describe=lambda: {"gateway_id": "world", "version": "0", "uptime_s": 0},
        )
        self.feed: Final = FeedThread(self.parts, self.commands, WorldFacts(self._on_fact))
        self.links: Final[tuple[Level1Link | Level2Link[DepthPipeline], ...]] = (
            *self.parts.level1.links,
            *self.parts.level2.links,
        )
        self.leases = Leases(
            clock,
            leases_per_client_max=settings.leases.leases_per_client_max,
            symbols_per_client_max=settings.leases.symbols_per_client_max,
            client_count_max=settings.leases.client_count_max,
        )
        self.desk = self._make_desk()
        self.talk = self._make_talk(retries, sessions, credentials)
        self.admin = AdminDriver(
            self.talk,
            clock=clock,
            open_stream=lambda: open_stream("127.0.0.1", settings.iqconnect.admin_port),
            connect_ns_max=round(settings.connection.timeout_seconds * SECOND_NS),
        )

    def _make_talk(
        self, retries: Retries, sessions: Sessions, credentials: Credentials
    ) -> AdminTalk:
        return AdminTalk(
            make_session=sessions.admin,
            on_change=self._on_admin_change,
            on_failure=lambda _: None,
            retry=retries.of("admin"),
            login=login_policy(self.settings, credentials, self._clock),
            login_commands=login_commands(self.settings, credentials),
            clock=self._clock,
            complaints=Complaints(Counters()),
        )

    def _make_desk(self) -> RequestDesk:
        return RequestDesk(
            identity=Identity("world", "0", EPOCH, {}, (), choose("python")),
            leases=self.leases,
            clock=self._clock,
            access=open_access(self._clock),
            inside=inside_requests(self._clock, self.leases, history=self.history),
            consumers=ConsumerRequests(
                leases=self.leases,
                epoch=EPOCH,
                clock=self._clock,
                counters=Counters(),
                access=open_access(self._clock),
                audit=lambda *_, **__: None,
            ),
            upstream=upstream_requests(self._clock, self.leases),
        )

    def _on_fact(self, fact: object) -> None:
        if isinstance(fact, FeedReport):
            self.history.add(fact)
        elif isinstance(fact, BaseException):
            self.failure = fact

    def _on_admin_change(self, view: AdminView) -> None:
        command = NoteAdmin(view.link.value, view.is_connected, view.is_login_lost)
        self.commands.put(Order(command, None))

    def request(self, steps: object) -> Asked:
        """Begin a request of the control desk's; a plain result is done at once."""
        asked = Asked(cast(Steps, steps), self._ask)
        if hasattr(steps, "send"):
            asked.go_on(None)
        else:
            asked.is_done, asked.result = True, steps
        return asked

    def _ask(self, command: FeedCommand, asked: Asked) -> None:
        self.commands.put(Order(command, cast("asyncio.Future[Any]", asked)))

    # What the world drives.

    def ready(self) -> dict[Any, int]:
        """What a poll would say."""
        ready: dict[Any, int] = {}
        for link in self.links:
            stream = cast("WorldStream | None", link._socket)
            if stream is None:
                continue
            flags = _IN if stream.is_readable else 0
            if link.wants_write and stream.is_writable:
                flags |= _OUT
            if flags:
                ready[stream.fileno()] = flags
        if self._data.is_readable:
            ready[self._data] = _IN
        if len(self.commands):
            ready[self.commands.fileno()] = _IN
        return ready

    @property
    def next_house_ns(self) -> int:
        """When leases are looked at again."""
        return self._next_house_ns

    def keep_house(self) -> None:
        """Let leases end in time."""
        self._next_house_ns = self._clock.now_ns + HOUSEKEEPING_NS
        if self.leases.living():
            self.request(self.desk.expire_leases())


class AdminDriver:
    """Moves the admin connection's bytes.

    Args:
        talk: What is said on it.
        clock: The world's.
        open_stream: Begins a connection.
        connect_ns_max: How long it may take.
    """

    def __init__(
        self,
        talk: AdminTalk,
        *,
        clock: WorldClock,
        open_stream: Callable[[], Stream],
        connect_ns_max: int,
    ) -> None:
        self._talk = talk
        self._clock = clock
        self._open_stream = open_stream
        self._connect_ns_max = connect_ns_max
        self._stream: WorldStream | None = None
        self._connect_until_ns: int | None = None
        talk.retry.start()

    @property
    def stream(self) -> "WorldStream | None":
        """The connection there is, or that is being made."""
        return self._stream

    def deadline_ns(self) -> int | None:
        """When `serve` must be called though nothing has come."""
        if self._stream is None:
            return self._talk.retry.due_ns
        return self._connect_until_ns if self._connect_until_ns else self._talk.deadline_ns()

    @property
    def is_ready(self) -> bool:
        """Whether there is something to read, or the connection stands or failed."""
        stream = self._stream
        if stream is None:
            return False
        return stream.is_writable if self._connect_until_ns else stream.is_readable

    def serve(self) -> None:
        """Do what is due."""
        stream, talk, now_ns = self._stream, self._talk, self._clock.now_ns
        if stream is None:
            if talk.retry.begin():
                self._connect()
            return
        if self._connect_until_ns:
            if stream.is_writable:
                self._finish(stream)
            elif now_ns >= self._connect_until_ns:
                self._end("connection timed out")
            return
        if stream.is_readable:
            try:
                talk.receive(stream.recv(READ_BYTES))
            except OSError as error:
                self._end(error.strerror or str(error))
                return
        due_ns = talk.deadline_ns()
        if due_ns is not None and now_ns >= due_ns:
            talk.tick()
        self._send(stream)

    def _connect(self) -> None:
        try:
            self._stream = cast("WorldStream", self._open_stream())
        except OSError as error:
            self._talk.end(error.strerror or str(error), is_given_up=False)
        else:
            self._connect_until_ns = self._clock.now_ns + self._connect_ns_max

    def _finish(self, stream: "WorldStream") -> None:
        self._connect_until_ns = None
        problem = stream.connect_error()
        if problem is not None:
            self._end(problem)
            return
        self._talk.begin()
        self._send(stream)

    def _send(self, stream: "WorldStream") -> None:
        data = self._talk.data_to_send()
        try:
            while data:
                data = data[stream.send(data) :]
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if self._talk.is_over:
            self._end("closed")

    def _end(self, reason: str) -> None:
        stream, self._stream, self._connect_until_ns = self._stream, None, None
        if stream is not None:
            stream.close()
        self._talk.end(reason, is_given_up=False)


def with_streams(options: Any, open_stream: Callable[[str, int], Stream]) -> Any:
    """The same options for connections without sockets."""
    return replace(
        options,
        link=replace(options.link, open_stream=open_stream),
        level2=replace(options.level2, open_stream=open_stream),
    )
