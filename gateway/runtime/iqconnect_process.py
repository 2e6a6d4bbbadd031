"""IQConnect as a program of ours: started when nobody answers, started again when it ends.

It is never told to disconnect and never ended at a stop: it ends by itself about five seconds after
its last client has left, and until then other programs of the machine may be using it.
"""

import asyncio
import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.clock import Clock
from gateway.errors import FeedClosed, FeedUnreachable, GatewayError
from gateway.logs import get_logger
from gateway.policy.retry import Retry

MUTE_NS_MAX: Final = 60_000_000_000
"""A program that has not answered for so long is ended and started again."""
ABSENCES_MIN: Final = 2
"""Attempts in a row that nobody answered: one lost connection proves nothing."""


class IqconnectProcess:
    """Starts and watches over one program; for the control loop.

    Args:
        command: Program and arguments.
        environment: Its environment, without our secrets.
        retry: Decides when it may be started again.
        clock: Monotonic.
        is_serving: Whether IQConnect is heard on another port; then it is neither started nor
            ended, whatever its admin port does.
        on_error: Told when the program cannot be started, or has ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        retry: Retry,
        clock: Clock,
        is_serving: Callable[[], bool] = lambda: False,
        on_error: Callable[[GatewayError], object] = lambda _: None,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._retry = retry
        self._clock = clock
        self._is_serving = is_serving
        self._on_error = on_error
        self._process: subprocess.Popen[bytes] | None = None
        self._started_ns = 0
        self._absences = 0
        self._absent_since_ns = 0
        self._is_wanted = asyncio.Event()
        self._log = get_logger("iqconnect")
        self.start_count = 0
        """How often it was started."""

    @property
    def is_running(self) -> bool:
        """Whether the program we started runs."""
        return self._process is not None and self._process.poll() is None

    def note_absent(self) -> None:
        """Note that nobody answers on the admin port, or that the connection was lost."""
        if not self._absences:
            self._absent_since_ns = self._clock.monotonic_ns()
        self._absences += 1
        if self._absences >= ABSENCES_MIN:
            self._is_wanted.set()

    def note_present(self) -> None:
        """Note that somebody does, whoever started it."""
        self._absences = 0
        self._is_wanted.clear()

    async def run(self) -> None:
        """Start the program whenever it is missed, until cancelled.

        Cancel safety: the program goes on.
        """
        self._retry.start()
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            if self._is_serving():
                continue
            if self.is_running:
                since_ns = max(self._absent_since_ns, self._started_ns)
                if self._clock.monotonic_ns() - since_ns > MUTE_NS_MAX:
                    await self._end()
                continue
            wait_ns = (self._retry.due_ns or 0) - self._clock.monotonic_ns()
            await asyncio.sleep(max(0, wait_ns) / 1e9)
            # Meanwhile somebody else may have started it.
            if self._absences and not self._is_serving() and self._retry.begin():
                self._start()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if os.name == "posix":
            # Ctrl-C in our terminal is for us: other programs may be using IQConnect.
            options["start_new_session"] = True
        else:
            options["creationflags"] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, no shell
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                **options,
            )
        except OSError as error:
            program, reason = self._command[0], error.strerror or str(error)
            hint = "Correct iqconnect.command; the gateway tries again."
            self._log.error(
                "IQConnect cannot be started", program=program, reason=reason, hint=hint
            )
            self._on_error(
                FeedUnreachable(
                    "IQConnect cannot be started", hint=hint, program=program, reason=reason
                )
            )
            self._retry.failed()
            return
        self._process = process
        self._started_ns = self._clock.monotonic_ns()
        self.start_count += 1
        self._retry.connected()
        self._log.info("IQConnect started", program=self._command[0], pid=process.pid)
        # Nothing in asyncio waits for a program without ending it with the loop.
        thread = threading.Thread(
            target=self._await_end, args=(process, loop), name="iqconnect", daemon=True
        )
        thread.start()

    def _await_end(
        self, process: "subprocess.Popen[bytes]", loop: asyncio.AbstractEventLoop
    ) -> None:
        code = process.wait()
        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
            loop.call_soon_threadsafe(self._note_end, code)

    def _note_end(self, code: int) -> None:
        self._log.warning("IQConnect ended", exit_code=code)
        self._on_error(FeedClosed("the program IQConnect ended", exit_code=code))
        self._retry.failed()

    async def _end(self) -> None:
        process = self._process
        if process is not None:
            self._log.warning("IQConnect does not answer, ending it", pid=process.pid)
            process.kill()
            await asyncio.to_thread(process.wait)
