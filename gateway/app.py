"""The composition root: makes every part of a gateway, starts it, and stops it in order."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from gateway import __version__
from gateway.app_admin import make_admin
from gateway.app_alerts import delivery_issues, make_alert_sinks, make_error_desk
from gateway.app_control import make_desk, make_identity, make_leases, make_monitor, make_trail
from gateway.app_feed import choose_pipeline, facts_of_start, find_host, make_feed_parts
from gateway.app_guards import make_guards
from gateway.app_http import make_http
from gateway.app_options import Retries
from gateway.app_reload import LiveParts, Reloader, Reloading, read_own_claims
from gateway.app_security import make_access, make_doorkeeper, make_usage, open_sockets
from gateway.clock import Clock, SystemClock
from gateway.control.feed_commands import EvictRevoked, NoteAdmin
from gateway.control.health_requests import Inside
from gateway.control.own_watch import OwnWatch
from gateway.control.usage_tap import UsageFact
from gateway.counters import Counter, Counters
from gateway.health.facts import AlertFact, FeedHistory, FeedReport
from gateway.logs import get_logger
from gateway.model.methods import HealthParams
from gateway.policy.entitlements import Entitlements
from gateway.policy.error_history import ErrorFact
from gateway.runtime.admin_port import AdminPortView
from gateway.runtime.admin_talk import AdminView
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.feed import FeedThread
from gateway.runtime.feed_access import FeedAccess
from gateway.runtime.health_loop import AlertTeller, HealthLoop, thread_facts
from gateway.runtime.host import process_facts
from gateway.runtime.interpreter import InterpreterTuning
from gateway.runtime.lease_keeper import LeaseKeeper
from gateway.runtime.queues import COMMANDS_MAX, FACTS_MAX, CommandQueue, FactQueue
from gateway.runtime.rpc_server import RpcServer, drive
from gateway.runtime.senders import Senders
from gateway.runtime.state_files import StateFiles
from gateway.settings import Credentials, Settings, masked

STOP_S_MAX: Final = 5.0


class Gateway:
    """One gateway in this process.

    Args:
        settings: As checked by `load_settings`.
        credentials: To log IQConnect in; without, somebody else does.
        clock: The host's clocks by default.
        log_counts: Reads what was counted where logs are written.
        reloading: Reads the configuration again; without, only the files that it names are.

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
        reloading: Reloading | None = None,
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
        self._reloading = reloading
        counts = self._control_counts
        self._errors = make_error_desk(settings, self._credentials, self._clock, counts)
        self._sinks = make_alert_sinks(
            settings,
            self._credentials,
            clock=self._clock,
            counters=self._counters,
            on_error=partial(self._errors.note, port="gateway"),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._interpreter = InterpreterTuning()
        self._trail = make_trail(self._clock)
        self._doors: Doorkeeper | None = None
        self.stopped = asyncio.Event()
        """Set when the gateway must stop: it was asked to, or its feed thread failed."""
        self.failure: BaseException | None = None
        """What went wrong, when something did."""

    async def start(self) -> None:
        """Open all sockets, bring leases back, and begin to connect to IQConnect.

        Raises:
            ConfigError: Something cannot be used; nothing is left running.
        """
        self._pipeline = choose_pipeline(self._settings)
        self._trail.configured(masked(self._settings))
        own_claims = read_own_claims(self._settings)
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(
            ThreadPoolExecutor(self._settings.connection.thread_pool_size, "gateway")
        )
        self._host = await find_host(self._settings, self._clock)
        self._doors = make_doorkeeper(self._settings, self._clock)
        self._senders = self._doors.senders if self._doors is not None else Senders()
        self._usage = make_usage(self._settings, clock=self._clock, counters=self._counters)
        self._sockets = open_sockets(self._settings, self._doors, clock=self._clock)
        with contextlib.ExitStack() as undo:
            undo.callback(self._sockets.destroy, is_data_closed=False)
            # Only now: a start that is refused for a busy port is no run, and leaves no trace.
            self._files = StateFiles(self._settings.state_dir)
            self._epoch = self._files.next_epoch(self._clock.utc_us() // 1000)
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
            await self._reloader.begin(own_claims)
            restored = await drive(
                self._desk.restore_leases(self._files.read_leases()), self._access.ask
            )
        except BaseException:
            await self.stop("start failed")
            raise
        self._begin_all()
        self._trail.started(version=__version__, epoch=self._epoch, **self.endpoints)
        self._log.info(
            "gateway started",
            version=__version__,
            epoch=self._epoch,
            **self.endpoints,
            **facts_of_start(self._settings, self._host, self._pipeline),
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

    def verdict(self) -> dict[str, Any]:
        """What the request `health` is answered."""
        return self._desk.inside.health(HealthParams())

    def reload(self) -> None:
        """Read the configuration again, clients' files included, as soon as that may be."""
        self._reloader.ask_soon()

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
        await asyncio.to_thread(self._sockets.close_doors)
        self._feed.stop(reason)
        is_ended = await asyncio.to_thread(self._feed.join, STOP_S_MAX)
        self._keeper.write()
        self._usage.close()
        self._server.close()
        self._commands.close()
        if not is_ended:
            self._log.error("the feed thread does not end")
        self._sockets.destroy(is_data_closed=is_ended)
        self._interpreter.undo()
        self._trail.stopped(reason)
        self._log.info("gateway stopped", reason=reason)

    def _begin_all(self) -> None:
        self._begin("control", self._server.run())
        self._begin("admin", self._admin.run())
        self._begin("housekeeping", self._keeper.run())
        self._begin("usage", self._usage.run())
        self._begin("health", self._health.run())
        self._begin("alerts", self._sinks.run())
        self._begin("guards", self._guards.run())
        self._begin("reload", self._reloader.run())
        if self._doors is not None:
            self._doors.on_revoked = self._cut_revoked
            self._begin("keys", self._doors.run())
        for name, part in (("iqconnect", self._process), ("http", self._http)):
            if part is not None:
                self._begin(name, part.run())

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part until the gateway stops; when it fails, the gateway stops."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_task_done)
        self._tasks.append(task)

    def _make_feed(self) -> None:
        parts = make_feed_parts(
            self._settings,
            host=self._host,
            data=self._sockets.data,
            intake=self._sockets.intake.data,
            senders=self._senders,
            retries=self._retries,
            epoch=self._epoch,
            clock=self._clock,
            post=self._facts.post,
            pipeline=self._pipeline,
        )
        self._feed = FeedThread(parts, self._commands, self._facts)

    def _make_control(self) -> None:
        settings, clock, counters = self._settings, self._clock, self._counters
        entitlements = Entitlements(self._senders.book)
        self._admin, self._process = make_admin(
            settings,
            self._credentials,
            host=self._host,
            retries=self._retries,
            clock=clock,
            counters=counters,
            errors=self._errors,
            on_change=self._on_admin_change,
            on_failure=self._on_admin_failure,
            is_serving=lambda: self._history.is_serving(self._clock.monotonic_ns()),
        )
        self._leases = make_leases(settings, self._clock, self._trail)
        admin = AdminPortView(self._admin)
        monitor = make_monitor(
            settings, history=self._history, errors=self._errors.history, admin=admin, clock=clock
        )
        monitor.register_conditions(self._sockets.issues)
        self._sockets.intake.on_cut = self._facts.post
        self._alerts = AlertTeller(self._access, self._counters)
        self._alerts.sinks.append(self._sinks.post)
        monitor.register_conditions(partial(delivery_issues, self._sinks))
        self._health = HealthLoop(
            monitor, self._alerts, interval_s=settings.health.check_interval_s, clock=clock
        )
        self._own = OwnWatch(self._leases, self._history)
        self._desk = make_desk(
            settings,
            identity=make_identity(
                settings, epoch=self._epoch, endpoints=self.endpoints, pipeline=self._pipeline
            ),
            leases=self._leases,
            monitor=monitor,
            history=self._history,
            errors=self._errors.history,
            admin=admin,
            clock=clock,
            counters=counters,
            access=make_access(
                settings, entitlements, clock=clock, counters=counters, on_use=self._usage.note
            ),
            inside=Inside(
                process=process_facts,
                counts=self._control_counts,
                queues=self._queues,
                threads=self._threads,
                config=lambda: masked(self._reloader.settings),
                own_watch=self._own.as_map,
            ),
            tell=self._alerts.tell,
            trail=self._trail,
        )
        self._make_servers()

    def _make_servers(self) -> None:
        settings, monitor = self._settings, self._desk.inside.monitor
        parts = LiveParts(monitor, self._leases, self._own, self._doors)
        self._reloader = Reloader(
            settings, self._reloading, parts, ask=self._access.ask, trail=self._trail
        )
        self._keeper = LeaseKeeper(self._desk, self._leases, self._files, ask=self._access.ask)
        self._guards = make_guards(settings, self._desk, self._access, self._queues, self._clock)
        self._server = RpcServer(
            self._sockets.control,
            desk=self._desk,
            ask=self._reloader.ask,
            epoch=self._epoch,
            trail=self._trail,
            clock=self._clock,
            counters=self._counters,
            requests_in_flight_max=settings.control.requests_in_flight_max,
            deadline_ms_default=settings.control.deadline_ms_default,
            on_error=self._errors.note_refusal,
            senders=self._senders,
            judge_pace=self._desk.access.judge_pace,
            intake=self._sockets.intake.control,
        )
        self._keeper.on_look = (self._trail.tell_denials, self._server.peers.tell_due)
        self._http, self._hub = make_http(
            settings,
            self._sockets.http,
            desk=self._desk,
            ask=self._access.ask,
            clock=self._clock,
            counters=self._counters,
        )

    def _control_counts(self) -> dict[str, int]:
        """What was counted outside the feed thread, by label."""
        counts = self._counters.as_map()
        counts[Counter.FACTS_DROPPED.label] += self._facts.dropped
        for counter, count in (*self._log_counts().items(), *self._sockets.counts()):
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
        return thread_facts(
            is_feed_alive=self._feed.is_alive,
            report_age_ms=self._history.age_ms(self._clock.monotonic_ns()),
            late_ms=self._health.late_ms,
        )

    def _on_fact(self, fact: object) -> None:
        if isinstance(fact, FeedReport):
            self._history.add(fact)
            self._errors.note_report(fact)
            self._hub.note_report()
        elif isinstance(fact, ErrorFact):
            self._errors.history.add(fact)
        elif isinstance(fact, UsageFact):
            self._usage.take(fact)
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
        self._errors.note_admin_loss(reason, address=self._admin.address, retry=self._admin.retry)
        if self._process is not None:
            self._process.note_absent()

    def _cut_revoked(self) -> None:
        """Cut the connections, on both sockets, whose grant has ended."""
        self._server.peers.cut_revoked()
        self._access.tell(EvictRevoked())

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(task.get_name(), error)

    def _fail(self, part: str, error: BaseException) -> None:
        """Stop rather than go on half alive: a supervisor starts a whole gateway again."""
        self.failure = error
        self._log.critical("part of the gateway failed, stopping", failed=part, exc_info=error)
        self.request_stop()
