"""One relay in this process: its sockets, its thread and its control loop, made and joined."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import zmq
import zmq.asyncio

from gateway.clock import Clock, SystemClock
from gateway.control.access import Access
from gateway.control.peer_desk import PeerDesk
from gateway.control.rights import make_rights
from gateway.control.told_once import ToldOnce
from gateway.control.usage_tap import UsageFact
from gateway.counters import Counter, Counters
from gateway.health.verdict import Issue
from gateway.logs import get_logger
from gateway.policy.entitlements import Entitlements
from gateway.policy.peers import PeerNames
from gateway.policy.subscriptions import Subscriptions
from gateway.relay.consumers import ConsumerDesk
from gateway.relay.gateway_link import GatewayLink
from gateway.relay.introduction import Introduction
from gateway.relay.options import RelayOptions
from gateway.relay.passing import PassingRules
from gateway.relay.report import RelayReporter
from gateway.relay.requests import RelayDesk, RelayIdentity
from gateway.relay.server import RelayServer
from gateway.relay.teller import RelayTeller
from gateway.relay.thread import RelayParts, RelayThread
from gateway.relay.upkeep import Upkeep
from gateway.relay.upstream import Upstream, UseKeys
from gateway.runtime.control_socket import open_control_socket
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.host import process_facts
from gateway.runtime.intake_guard import IntakeGuard, guard_of
from gateway.runtime.peer_sockets import PeerSockets
from gateway.runtime.publisher import check_libzmq, open_data_socket
from gateway.runtime.senders import Senders
from gateway.runtime.usage_keeper import UsageKeeper

STOP_S_MAX: Final = 5.0
TOKEN_BYTES: Final = 12
"""As hexadecimal text within the contract's bounds, and beyond guessing."""


class Relay:
    """One relay in this process.

    Args:
        options: As checked.
        clock: The host's clocks by default.
        log_counts: Reads what was counted where logs are written.
        doors: Guards the relay's own sockets; None without keys.
        use_keys: Gives sockets that connect to the gateway the relay's keys.

    Raises:
        ConfigError: (from `start`) an address or library that cannot be used.
    """

    def __init__(
        self,
        options: RelayOptions,
        *,
        clock: Clock | None = None,
        log_counts: Callable[[], Mapping[Counter, int]] = dict,
        doors: Doorkeeper | None = None,
        use_keys: UseKeys = lambda _: None,
    ) -> None:
        self._options = options
        self._log_counts = log_counts
        self._doors = doors
        self._senders = doors.senders if doors is not None else Senders()
        self._use_keys = use_keys
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._log = get_logger("relay")
        self._token = secrets.token_hex(TOKEN_BYTES)
        self._intake = IntakeGuard(self._clock)
        self._counters = Counters()
        self._usage = UsageKeeper(
            options.usage_dir, clock=self._clock, counters=self._counters, is_on=doors is not None
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.stopped = asyncio.Event()
        """Set when the relay must stop: it was asked to, or a part of it failed."""
        self.failure: BaseException | None = None
        """What went wrong, when something did."""

    async def start(self) -> None:
        """Open all sockets and begin to pass frames on.

        Raises:
            ConfigError: Something cannot be used; nothing is left running.
        """
        check_libzmq()
        self._loop = asyncio.get_running_loop()
        self._data_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._control_context = zmq.asyncio.Context()
        try:
            self._make()
        except BaseException:
            self._close_doors()
            self._control_context.destroy(linger=0)
            self._data_context.destroy(linger=0)
            raise
        self._thread.start()
        self._tasks = [
            asyncio.create_task(self._gateway.run(), name="gateway"),
            asyncio.create_task(self._introduction.run(), name="introduction"),
            asyncio.create_task(self._server.run(), name="control"),
            asyncio.create_task(self._upkeep.run(), name="upkeep"),
            asyncio.create_task(self._usage.run(), name="usage"),
        ]
        if self._doors is not None:
            self._doors.on_revoked = self._cut_revoked
            self._tasks.append(asyncio.create_task(self._doors.run(), name="keys"))
        for task in self._tasks:
            task.add_done_callback(self._on_task_done)
        self._log.info(
            "relay started",
            version=self._options.version,
            name=self._options.name,
            **self.endpoints,
            upstream_data=self._options.data,
            upstream_control=self._options.control,
        )

    @property
    def endpoints(self) -> dict[str, str]:
        """Where the sockets really are, ports chosen by the system included."""
        return {
            "data": self._data.getsockopt_string(zmq.LAST_ENDPOINT),
            "control": self._control.getsockopt_string(zmq.LAST_ENDPOINT),
        }

    def request_stop(self) -> None:
        """Ask the relay to stop; safe to call more than once."""
        self.stopped.set()

    async def stop(self, reason: str = "shutdown") -> None:
        """Let queued frames leave and close everything.

        Consumers notice by missing heartbeats: `sys,goodbye,` is the gateway's to say.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await asyncio.to_thread(self._close_doors)
        self._thread.stop()
        is_ended = await asyncio.to_thread(self._thread.join, STOP_S_MAX)
        self._server.close()
        self._gateway.close()
        self._control_context.destroy(linger=0)
        if is_ended:
            self._tell_usage(self._usage.take)
            self._thread.close()
            self._data_context.term()
        else:
            self._log.error("the relay thread does not end")
            self._data_context.destroy(linger=0)
        self._usage.close()
        self._log.info("relay stopped", reason=reason)

    def _make(self) -> None:
        options = self._options
        self._data = open_data_socket(
            self._data_context,
            bind=options.bind_data,
            high_water_mark=options.high_water_mark,
            send_buffer_bytes=options.send_buffer_bytes,
            name="relay.bind_data",
            guard=guard_of(self._intake.data, self._doors.data if self._doors else None),
        )
        self._control = open_control_socket(
            self._control_context,
            bind=options.bind_control,
            name="relay.bind_control",
            guard=guard_of(self._intake.control, self._doors.control if self._doors else None),
        )
        if self._doors is not None:
            self._doors.data.test(self.endpoints["data"])
            self._doors.control.test(self.endpoints["control"])
        self._gateway = GatewayLink(
            self._control_context,
            options.control,
            clock=self._clock,
            counters=self._counters,
            use_keys=self._use_keys,
        )
        self._introduction = Introduction(
            self._gateway,
            name=options.name,
            version=options.version,
            token=self._token,
            on_refused=lambda: self._thread.ask(self._upstream.repeat),
            on_unseen=lambda: self._thread.ask(self._upstream.note_unseen),
        )
        self._make_thread()
        self._make_control()
        self._intake.start()

    def _make_thread(self) -> None:
        options, counters = self._options, Counters()
        self._upstream = upstream = Upstream(
            self._data_context,
            options.data,
            token=self._token,
            clock=self._clock,
            counters=counters,
            on_news=self._from_thread(self._introduction.repeat),
            use_keys=self._use_keys,
            on_tails=self._tell_tails,
            hears_tails=self._doors is not None,
        )
        subscriptions = Subscriptions(per_connection_max=options.subscriptions_per_connection_max)
        sockets, names = PeerSockets(self._senders), PeerNames()
        rights = make_rights(
            Entitlements(self._senders.book),
            limits=options.limits,
            clock=self._clock,
            counters=counters,
        )
        self._tap = rights.usage
        self._peers = PeerDesk(
            sockets=sockets,
            subscriptions=subscriptions,
            names=names,
            teller=RelayTeller(
                names, send=self._data.send, clock=self._clock, epoch=lambda: upstream.epoch
            ),
            clock=self._clock,
            counters=counters,
            options=options.peers,
            rights=rights,
        )
        parts = RelayParts(
            data=self._data,
            upstream=upstream,
            consumers=ConsumerDesk(
                self._data,
                upstream=upstream,
                subscriptions=subscriptions,
                counters=counters,
                peers=sockets,
                desk=self._peers,
                rights=rights,
                intake=self._intake.data,
            ),
            peers=self._peers,
            subscriptions=subscriptions,
            counters=counters,
            clock=self._clock,
        )
        self._reporter = RelayReporter(parts)
        self._thread = RelayThread(
            parts, on_failure=self._on_thread_failure, on_second=self._on_second
        )

    def _on_second(self) -> None:
        """Once a second, in the relay thread."""
        self._reporter.sample()
        self._tell_usage(lambda fact: self._from_thread(lambda: self._usage.take(fact))())

    def _tell_usage(self, tell: Callable[[UsageFact], object]) -> None:
        if (fact := self._tap.take()) is not None:
            tell(fact)

    def _tell_tails(self, quiet: Mapping[str, int]) -> None:
        self._peers.tell_tails(quiet)

    def _make_control(self) -> None:
        options = self._options
        access = Access(
            Entitlements(self._senders.book),
            limits=options.limits,
            clock=self._clock,
            counters=self._counters,
            told=ToldOnce(self._clock, get_logger("audit")),
            on_use=self._usage.note,
        )
        self._upkeep = Upkeep(access)
        rules = PassingRules(access)
        desk = RelayDesk(
            identity=RelayIdentity(
                name=options.name,
                version=options.version,
                endpoints=self.endpoints,
                upstream={"data": options.data, "control": options.control},
            ),
            gateway=self._gateway,
            thread=self._thread,
            reporter=self._reporter,
            peers=self._peers,
            refusal=lambda: self._introduction.refusal,
            clock=self._clock,
            counters=self._counters,
            process_facts=process_facts,
            is_admin_allowed=options.is_admin_allowed,
            audit=get_logger("audit").warning,
            other_counts=self._other_counts,
            issues=self._issues,
            rules=rules,
        )
        self._server = RelayServer(
            self._control,
            desk=desk,
            gateway=self._gateway,
            rules=rules,
            judge_pace=access.judge_pace,
            clock=self._clock,
            counters=self._counters,
            requests_in_flight_max=options.requests_in_flight_max,
            deadline_ms_default=options.deadline_ms_default,
            senders=self._senders,
            intake=self._intake.control,
        )
        self._upkeep.on_look = self._server.peers.tell_due

    def _other_counts(self) -> Iterator[tuple[Counter, int]]:
        """What was counted neither in the control loop nor in the relay thread."""
        yield from self._log_counts().items()
        yield from self._intake.counts()
        if self._doors is not None:
            yield from self._doors.counts()

    def _issues(self) -> Iterator[Issue]:
        """What is wrong at the relay's own sockets."""
        yield from self._intake.issues()
        if self._doors is not None:
            yield from self._doors.issues()

    def _cut_revoked(self) -> None:
        """Cut the consumers, on both sockets, whose grant has ended."""
        self._server.peers.cut_revoked()
        self._thread.ask(self._peers.evict_revoked)

    def _close_doors(self) -> None:
        """Let nobody new in; before the sockets are closed."""
        self._intake.close()
        if self._doors is not None and not self._doors.close():
            self._log.error("a handler of handshakes does not end")

    def _from_thread(self, function: Callable[[], object]) -> Callable[[], None]:
        """Let the relay thread have a function called in the control loop."""

        def call() -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(function)

        return call

    def _on_thread_failure(self, error: BaseException) -> None:
        self._from_thread(lambda: self._fail("relay", error))()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(task.get_name(), error)

    def _fail(self, part: str, error: BaseException) -> None:
        """Stop rather than go on half alive: a supervisor starts a whole relay again."""
        self.failure = error
        self._log.critical("part of the relay failed, stopping", failed=part, exc_info=error)
        self.request_stop()
