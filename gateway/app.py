"""The composition root: makes every part of a gateway, starts it, and stops it in order."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from gateway import __version__
from gateway.app_alerts import delivery_issues, make_alert_sinks
from gateway.app_control import make_desk, make_identity, make_leases, make_monitor
from gateway.app_http import http_address, make_http
from gateway.app_options import (
    Retries,
    Sessions,
    feed_options,
    log_sample,
    login_commands,
    login_policy,
    make_process,
)
from gateway.clock import Clock, SystemClock
from gateway.control.feed_commands import NoteAdmin
from gateway.control.health_requests import Inside
from gateway.counters import Complaints, Counter, Counters
from gateway.health.facts import AlertFact, FeedHistory, FeedReport
from gateway.logs import get_logger
from gateway.policy.error_history import ErrorFact, ErrorHistory
from gateway.runtime.admin_link import AdminLink, AdminOptions
from gateway.runtime.admin_port import AdminPortView
from gateway.runtime.admin_talk import AdminTalk, AdminView
from gateway.runtime.assembly import FeedAssembly
from gateway.runtime.error_desk import ErrorDesk
from gateway.runtime.feed import FeedThread
from gateway.runtime.feed_access import FeedAccess
from gateway.runtime.gateway_sockets import GatewaySockets
from gateway.runtime.health_loop import AlertTeller, HealthLoop, thread_facts
from gateway.runtime.host import process_facts, resolve_host
from gateway.runtime.interpreter import InterpreterTuning
from gateway.runtime.publisher import check_libzmq
from gateway.runtime.queues import COMMANDS_MAX, FACTS_MAX, CommandQueue, FactQueue
from gateway.runtime.rpc_server import RpcServer, drive
from gateway.runtime.state_files import StateFiles
from gateway.settings import Credentials, Settings, masked

STOP_S_MAX: Final = 5.0
HOUSEKEEPING_S: Final = 0.5


class Gateway:
    """One gateway in this process.

    Args:
        settings: As checked by `load_settings`.
        credentials: To log IQConnect in; without, somebody else does.
        clock: The host's clocks by default.
        log_counts: Reads what was counted where logs are written.

    Raises:
        ConfigError: (from `start`) an address, directory or library that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Credentials | None = None,
        clock: Clock | None = None,
        log_counts: Callable[[], Mapping[Counter, int]] = dict,
    ) -> None:
        self._settings = settings
        self._credentials = credentials if credentials is not None else Credentials.none()
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._log = get_logger("gateway")
        # Spreads attempts; nothing depends on its secrecy.
        self._retries = Retries(settings, self._clock, random.Random())  # noqa: S311
        self._history = FeedHistory()
        self._counters = Counters()
        self._log_counts = log_counts
        self._errors = ErrorDesk(ErrorHistory(), clock=self._clock, counts=self._control_counts)
        self._sinks = make_alert_sinks(
            settings,
            self._credentials,
            clock=self._clock,
            counters=self._counters,
            on_error=partial(self._errors.note, port="gateway"),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._written_revision = -1
        self._interpreter = InterpreterTuning()
        self.stopped = asyncio.Event()
        """Set when the gateway must stop: it was asked to, or its feed thread failed."""
        self.failure: BaseException | None = None
        """What went wrong, when something did."""

    async def start(self) -> None:
        """Open all sockets, bring leases back, and begin to connect to IQConnect.

        Raises:
            ConfigError: Something cannot be used; nothing is left running.
        """
        check_libzmq()
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(
            ThreadPoolExecutor(self._settings.connection.thread_pool_size, "gateway")
        )
        self._host = await resolve_host(self._loop, self._settings.iqconnect_host)
        self._files = StateFiles(self._settings.state_dir)
        self._epoch = self._files.next_epoch(self._clock.utc_us() // 1000)
        self._started_ns = self._clock.monotonic_ns()
        self._sockets = GatewaySockets(
            data_bind=self._settings.data.bind,
            control_bind=self._settings.control.bind,
            high_water_mark=self._settings.data.high_water_mark,
            send_buffer_bytes=self._settings.data.send_buffer_bytes,
            http=http_address(self._settings),
        )
        with contextlib.ExitStack() as undo:
            undo.callback(self._sockets.destroy, is_data_closed=False)
            self._commands = CommandQueue()
            undo.callback(self._commands.close)
            self._access = FeedAccess(self._loop, self._commands)
            self._facts = FactQueue(self._loop, on_fact=self._on_fact)
            self._make_feed()
            self._make_control()
            undo.pop_all()
        self._interpreter.apply()
        self._feed.start()
        try:
            restored = await drive(
                self._desk.restore_leases(self._files.read_leases()), self._access.ask
            )
        except BaseException:
            await self.stop("start failed")
            raise
        self._begin("control", self._server.run())
        self._begin("admin", self._admin.run())
        self._begin("housekeeping", self._keep_house())
        self._begin("health", self._health.run())
        self._begin("alerts", self._sinks.run())
        if self._process is not None:
            self._begin("iqconnect", self._process.run())
        if self._http is not None:
            self._begin("http", self._http.run())
        self._log.info(
            "gateway started",
            version=__version__,
            epoch=self._epoch,
            **self.endpoints,
            level1=f"{self._host}:{self._settings.level1_port}",
            admin=f"{self._host}:{self._settings.iqconnect.admin_port}",
            leases_restored=restored["restored"],
        )

    @property
    def endpoints(self) -> dict[str, str]:
        """Where the sockets really are, ports chosen by the system included."""
        return self._sockets.endpoints

    @property
    def epoch(self) -> int:
        """This run, Unix milliseconds."""
        return self._epoch

    def request_stop(self) -> None:
        """Ask the gateway to stop; safe to call more than once."""
        self.stopped.set()

    async def stop(self, reason: str = "shutdown") -> None:
        """Say goodbye, drain, keep leases, and close everything.

        Args:
            reason: Told to every consumer in `sys,goodbye,`.
        """
        await self._sinks.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._feed.stop(reason)
        is_ended = await asyncio.to_thread(self._feed.join, STOP_S_MAX)
        self._files.write_leases(self._leases.as_records())
        self._server.close()
        self._commands.close()
        if not is_ended:
            self._log.error("the feed thread does not end")
        self._sockets.destroy(is_data_closed=is_ended)
        self._interpreter.undo()
        self._log.info("gateway stopped", reason=reason)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part until the gateway stops; when it fails, the gateway stops."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_task_done)
        self._tasks.append(task)

    def _make_feed(self) -> None:
        options = feed_options(self._settings, host=self._host)
        sessions = Sessions(self._settings)
        assembly = FeedAssembly(
            options,
            data=self._sockets.data,
            epoch=self._epoch,
            clock=self._clock,
            on_sample=log_sample,
            on_error=self._facts.post,
        )
        parts = assembly.parts(
            make_session=sessions.level1,
            make_level2_session=sessions.level2,
            make_retry=self._retries.of,
            describe=self._describe,
        )
        parts.system.on_alert = lambda told: self._facts.post(AlertFact(told))
        self._feed = FeedThread(parts, self._commands, self._facts)

    def _make_control(self) -> None:
        settings = self._settings
        self._admin = self._make_admin()
        self._leases = make_leases(settings, self._clock)
        admin = AdminPortView(self._admin)
        monitor = make_monitor(
            settings,
            history=self._history,
            errors=self._errors.history,
            admin=admin,
            clock=self._clock,
        )
        self._alerts = AlertTeller(self._access, self._counters)
        self._alerts.sinks.append(self._sinks.post)
        monitor.register_conditions(partial(delivery_issues, self._sinks))
        self._health = HealthLoop(
            monitor,
            self._alerts,
            interval_s=settings.health.check_interval_s,
            clock=self._clock,
        )
        self._desk = make_desk(
            settings,
            identity=make_identity(settings, epoch=self._epoch, endpoints=self.endpoints),
            leases=self._leases,
            monitor=monitor,
            history=self._history,
            errors=self._errors.history,
            admin=admin,
            clock=self._clock,
            counters=self._counters,
            inside=Inside(
                process=process_facts,
                counts=self._control_counts,
                queues=self._queues,
                threads=self._threads,
                config=partial(masked, settings),
            ),
            tell=self._alerts.tell,
        )
        self._server = RpcServer(
            self._sockets.control,
            desk=self._desk,
            ask=self._access.ask,
            epoch=self._epoch,
            clock=self._clock,
            counters=self._counters,
            requests_in_flight_max=settings.control.requests_in_flight_max,
            deadline_ms_default=settings.control.deadline_ms_default,
            on_error=self._errors.note_refusal,
        )
        self._http, self._hub = make_http(
            settings,
            self._sockets.http,
            desk=self._desk,
            ask=self._access.ask,
            clock=self._clock,
            counters=self._counters,
        )

    def _make_admin(self) -> AdminLink:
        settings = self._settings
        self._process = make_process(
            settings,
            self._credentials,
            self._retries,
            self._clock,
            is_serving=lambda: self._history.is_serving(self._clock.monotonic_ns()),
            on_error=partial(self._errors.note, port="admin"),
        )
        talk = AdminTalk(
            make_session=Sessions(settings).admin,
            on_change=self._on_admin_change,
            on_failure=self._on_admin_failure,
            retry=self._retries.of("admin"),
            login=login_policy(settings, self._credentials, self._clock),
            login_commands=login_commands(settings, self._credentials),
            clock=self._clock,
            complaints=Complaints(self._counters, on_sample=log_sample),
            on_login=self._errors.note_login,
        )
        options = AdminOptions(
            host=self._host,
            port=settings.iqconnect.admin_port,
            connect_s_max=settings.connection.timeout_seconds,
        )
        return AdminLink(options, talk, clock=self._clock)

    def _describe(self) -> dict[str, Any]:
        """The heartbeat's words about this run; called in the feed thread, reads constants."""
        uptime_s = (self._clock.monotonic_ns() - self._started_ns) // 1_000_000_000
        gateway_id = self._settings.gateway_id
        return {"gateway_id": gateway_id, "version": __version__, "uptime_s": uptime_s}

    def _control_counts(self) -> dict[str, int]:
        """What was counted outside the feed thread, by label."""
        counts = self._counters.as_map()
        counts[Counter.FACTS_DROPPED.label] += self._facts.dropped
        for counter, count in self._log_counts().items():
            counts[counter.label] += count
        counts[Counter.ERRORS_DROPPED.label] += self._errors.history.dropped
        counts[Counter.ALERTS_REFUSED.label] += self._desk.inside.monitor.refused
        return counts

    def _queues(self) -> dict[str, tuple[int, int]]:
        """The queues of this process: how much is in each, and how much may be."""
        return {
            "commands": (len(self._commands), COMMANDS_MAX),
            "facts": (len(self._facts), FACTS_MAX),
            "requests": (self._server.in_flight, self._settings.control.requests_in_flight_max),
        }

    def _threads(self) -> dict[str, Any]:
        report = self._history.newest
        now_ns = self._clock.monotonic_ns()
        return thread_facts(
            is_feed_alive=self._feed.is_alive,
            report_age_ms=None if report is None else (now_ns - report.at_ns) / 1e6,
            late_ms=self._health.late_ms,
        )

    def _on_fact(self, fact: object) -> None:
        if isinstance(fact, FeedReport):
            self._history.add(fact)
            self._errors.note_report(fact)
            self._hub.note_report()
        elif isinstance(fact, ErrorFact):
            self._errors.history.add(fact)
        elif isinstance(fact, AlertFact):
            self._desk.inside.monitor.take(fact)
            self._alerts.note(fact.told)
        elif isinstance(fact, BaseException):
            self._errors.note(self._access.fail(fact), port="gateway")
            self._fail("feed", fact)

    def _on_admin_change(self, view: AdminView) -> None:
        if view.is_connected is not None:
            self._errors.note_admin_connected()
            if self._process is not None:
                self._process.note_present()
        self._access.tell(NoteAdmin(view.link.value, view.is_connected, view.is_login_lost))

    def _on_admin_failure(self, reason: str) -> None:
        admin = self._admin
        self._errors.note_admin_loss(reason, address=admin.address, retry=admin.retry)
        if self._process is not None:
            self._process.note_absent()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(task.get_name(), error)

    def _fail(self, part: str, error: BaseException) -> None:
        """Stop rather than go on half alive: a supervisor starts a whole gateway again."""
        self.failure = error
        self._log.critical("part of the gateway failed, stopping", failed=part, exc_info=error)
        self.request_stop()

    async def _keep_house(self) -> None:
        """Let leases end in time and keep the living ones on disk."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            await drive(self._desk.expire_leases(), self._access.ask)
            if self._leases.revision != self._written_revision:
                self._written_revision = self._leases.revision
                records = self._leases.as_records()
                await asyncio.to_thread(self._files.write_leases, records)
