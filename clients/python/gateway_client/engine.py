"""The reader thread: owns both sockets, the timers and everything that changes.

Plain blocking sockets in a thread of their own, so that the data socket is drained whatever the
application does, on every platform (`zmq.asyncio` costs 17 µs a frame and does not work with the
default event loop of Windows). Other threads post commands and get futures; messages go through a
bounded queue. The thread ends by `stop` only: bad frames, refused requests and lost connections are
counted or told, never raised here.
"""

import contextlib
import enum
import os
import socket as sockets
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, Final

import zmq

from gateway_client import messages
from gateway_client.delivery import DeliveryQueue
from gateway_client.errors import GatewayClientError, InvalidArgument, NotConnected, RequestTimedOut
from gateway_client.events import Disconnected, Gap, Overrun, Reconnected
from gateway_client.options import Options
from gateway_client.results import as_map
from gateway_client.rpc_client import Outcome, RpcClient
from gateway_client.rpc_codec import Reply
from gateway_client.session import Session, settle
from gateway_client.subscriber import Subscriber

FRAMES_PER_BATCH_MAX: Final = 1_000
TICK_NS_MAX: Final = 500_000_000
"""Timers are looked at twice a second at least; a longer pause means that we were suspended."""
COMMANDS_MAX: Final = 10_000

Command = Callable[[int], None]


class Link(enum.Enum):
    """What is known of the way to the gateway."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "silent"
    """No heartbeat for too long; the data socket is made anew until one is heard."""
    CLOSED = "closed"


class Engine:
    """One connection's life, from `start` to `stop`; not restartable."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._silence_ns = int(options.heartbeat_silence_s * 1e9)
        self.queue = DeliveryQueue(
            capacity=options.queue_capacity,
            conflate_above=options.conflate_above,
            skip_after_ns=options.skip_after_ns,
            on_overrun=self._replace_lost,
        )
        self.link = Link.CONNECTING
        self.gateway: dict[str, Any] | None = None
        """What `hello` answered."""
        self.error: GatewayClientError | None = None
        """Why connecting failed."""
        self.failure: GatewayClientError | None = None
        """What the reader thread died of, if it did."""
        self.connected: Future[bool] = Future()
        self.stopped: Future[None] = Future()
        self._pid = os.getpid()
        self._commands: deque[tuple[Command, Future[Any]]] = deque()
        self._commands_lock = threading.Lock()
        self._is_finished = False
        self._is_stopping = False
        self._wake_reader, self._wake_writer = sockets.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        # Made here, so that an endpoint libzmq refuses is the caller's error; used by the reader
        # thread only, and starting it is the memory barrier libzmq asks for.
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self.subscriber = Subscriber(
                self._context,
                options.data_endpoint,
                receive_messages_max=options.receive_messages_max,
                curve=options.curve,
            )
            self.rpc = RpcClient(
                self._context,
                options.control_endpoint,
                options.curve,
                silence_ns=self._silence_ns,
            )
        except zmq.ZMQError as error:
            self._close_sockets()
            raise InvalidArgument("endpoint or keys refused", cause=str(error)) from error
        self.session = Session(options, rpc=self.rpc, subscriber=self.subscriber, queue=self.queue)
        self._thread = threading.Thread(target=self._run, name="gateway-client", daemon=True)
        self._heard_ns = 0
        self._heartbeat_count = 0
        self._reopen_at_ns = 0
        self._tick_at_ns = 0
        self._ticked_ns = 0

    # Any thread.

    def start(self) -> "Future[bool]":
        """Begin; the future tells whether the gateway was reached, within connect_timeout_s."""
        self._thread.start()
        return self.connected

    def stop(self) -> "Future[None]":
        """End; idempotent. The future completes when sockets and context are closed."""
        self._is_stopping = True
        self._wake()
        return self.stopped

    def join(self) -> None:
        """Wait until the thread has ended; it never waits for anything itself."""
        if self._pid == os.getpid():
            self._thread.join()

    def post(self, command: Command, future: "Future[Any]", *, is_bounded: bool = True) -> None:
        """Have a command run in the reader thread.

        Args:
            command: Gets the monotonic time; completes the future now or later.
            future: Fails with NotConnected when the thread ends first.
            is_bounded: Whether it may be refused when very many wait.

        Raises:
            NotConnected: The client is not connected, or this is a forked child.
        """
        self.check_process()
        # A running future cannot be canceled: the reply that completes it finds it as it was.
        future.set_running_or_notify_cancel()
        with self._commands_lock:
            if self._is_finished or self._is_stopping:
                raise NotConnected("not connected")
            if is_bounded and len(self._commands) >= COMMANDS_MAX:
                raise NotConnected("too many commands waiting", commands_max=COMMANDS_MAX)
            self._commands.append((command, future))
        self._wake()

    def check_process(self) -> None:
        """Refuse to work in a forked child, where the reader thread does not exist.

        Raises:
            NotConnected: This process is not the one that called `connect`.
        """
        if os.getpid() != self._pid:
            raise NotConnected(
                "connected in the parent process", hint="Make a new client after fork()."
            )

    def call(self, method: str, params: dict[str, Any], timeout_s: float) -> "Future[Any]":
        """Send a request; the future brings its result."""
        future: Future[Any] = Future()

        def done(outcome: Outcome) -> None:
            settle(future, outcome.result if isinstance(outcome, Reply) else outcome)

        def command(now_ns: int) -> None:
            self.session.call(method, params, now_ns=now_ns, timeout_s=timeout_s, on_done=done)

        self.post(command, future)
        return future

    def heal(self, topic: str) -> None:
        """Have a topic's state fetched anew; nothing happens when not connected."""
        future: Future[None] = Future()

        def command(_: int) -> None:
            self.session.intake.heal(topic)
            settle(future, None)

        with contextlib.suppress(NotConnected):
            self.post(command, future)

    def _replace_lost(self, overrun: Overrun, topics: Collection[str], gaps: Sequence[Gap]) -> None:
        """Have the values of topics fetched anew whose messages were skipped unread."""
        future: Future[None] = Future()

        def command(_: int) -> None:
            intake = self.session.intake
            intake.note_skipped(gaps)
            for topic in topics:
                intake.ask_again(topic)
            if overrun.topic is None and overrun.unnamed:
                # Which topics they were is not told to the application, so every book is in doubt.
                intake.ask_images_again()
            settle(future, None)

        with contextlib.suppress(NotConnected):
            # One for each skip that the application has come to: never many.
            self.post(command, future, is_bounded=False)

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"w")
        except (BlockingIOError, OSError):
            return  # Full: it wakes anyway. Closed: nobody is there to wake.

    # The reader thread.

    def _run(self) -> None:
        reason: GatewayClientError = NotConnected("disconnected")
        try:
            self._greet()
            while not self._is_stopping:
                self._turn()
        except BaseException as error:
            reason = NotConnected("the reader thread failed", cause=repr(error))
            self.failure = reason
            self.error = self.error or reason
            if not isinstance(error, zmq.ZMQError):
                raise
        finally:
            self._finish(reason)

    def _greet(self) -> None:
        options = self._options
        now_ns = time.monotonic_ns()
        self._heard_ns = self._ticked_ns = now_ns
        self._connect_deadline_ns = now_ns + int(options.connect_timeout_s * 1e9)
        self.session.greeter.greet(
            now_ns, timeout_s=options.connect_timeout_s, on_done=self._greeted
        )

    def _finish(self, reason: GatewayClientError) -> None:
        """Close everything and let everybody go."""
        self.link = Link.CLOSED
        with self._commands_lock:
            self._is_finished = True
            waiting = list(self._commands)
            self._commands.clear()
        self.rpc.close(reason)
        self._close_sockets()
        self.session.healer.close()
        self._deliver(time.monotonic_ns())
        for _, future in waiting:
            settle(future, reason)
        self.queue.close()
        settle(self.connected, False)
        settle(self.stopped, None)

    def _close_sockets(self) -> None:
        self._context.destroy(linger=0)
        self._wake_reader.close()
        self._wake_writer.close()

    def _turn(self) -> None:
        """Wait for something to happen and deal with it."""
        rpc, subscriber = self.rpc, self.subscriber
        wait_ms = max(0, self._tick_at_ns - time.monotonic_ns()) // 1_000_000 + 1
        control_events = zmq.POLLIN | (zmq.POLLOUT if rpc.has_unsent else 0)
        ready: dict[Any, int] = dict(
            zmq.zmq_poll(
                [
                    (subscriber.socket, zmq.POLLIN),
                    (rpc.socket, control_events),
                    (self._wake_reader.fileno(), zmq.POLLIN),
                ],
                wait_ms if self._tick_at_ns else 0,
            )
        )
        now_ns = time.monotonic_ns()
        is_drained = True
        if subscriber.socket in ready:
            is_drained = subscriber.drain(
                self.session.intake.receive, frames_max=FRAMES_PER_BATCH_MAX
            )
        control = ready.get(rpc.socket, 0)
        if control & zmq.POLLIN:
            rpc.receive(now_ns)
        if control & zmq.POLLOUT:
            rpc.flush(now_ns)
        if self._wake_reader.fileno() in ready:
            self._wake_reader.recv(4096)
            self._run_commands(now_ns)
        self._note_heartbeats(now_ns)
        if now_ns >= self._tick_at_ns:
            self._tick(now_ns, is_drained=is_drained)
        self.session.after_batch(now_ns)
        self._deliver(now_ns)

    def _deliver(self, now_ns: int) -> None:
        if self.session.intake.out:
            self.queue.extend(self.session.intake.out, now_ns)
            self.session.intake.out.clear()

    def _run_commands(self, now_ns: int) -> None:
        self._tick_at_ns = 0
        while self._commands:
            command, _ = self._commands.popleft()
            command(now_ns)

    def _note_heartbeats(self, now_ns: int) -> None:
        intake = self.session.intake
        if intake.heartbeat_count == self._heartbeat_count:
            return
        self._heartbeat_count = intake.heartbeat_count
        silent_ns = now_ns - self._heard_ns
        self._heard_ns = now_ns
        self.session.heartbeat_lag_us = time.time_ns() // 1_000 - intake.heartbeat_us
        if self.link is Link.SILENT:
            self.link = Link.CONNECTED
            intake.out.insert(0, Reconnected(silent_ns / 1e9))
            self.session.reconnected(now_ns)
        self._judge_connected()

    def _tick(self, now_ns: int, *, is_drained: bool) -> None:
        if now_ns - self._ticked_ns > 2 * TICK_NS_MAX:
            # The whole process stood still; libzmq needs a moment to bring what it has.
            self._heard_ns = max(self._heard_ns, now_ns - self._silence_ns + TICK_NS_MAX)
        self._ticked_ns = now_ns
        self.rpc.expire(now_ns)
        self.session.tick(now_ns)
        self.queue.skip_if_old(now_ns)
        if self.link is Link.CONNECTING:
            if now_ns >= self._connect_deadline_ns:
                self._fail(RequestTimedOut("no heartbeat in time", hint=_HEARTBEAT_HINT))
        elif is_drained:
            self._watch_silence(now_ns)
        deadlines = (self.rpc.deadline_ns(), self.session.deadline_ns(), now_ns + TICK_NS_MAX)
        self._tick_at_ns = min(at_ns for at_ns in deadlines if at_ns is not None)

    def _watch_silence(self, now_ns: int) -> None:
        silent_ns = now_ns - self._heard_ns
        if silent_ns < self._silence_ns:
            return
        if self.link is Link.CONNECTED:
            self.link = Link.SILENT
            self.session.intake.out.append(Disconnected("silence", silent_ns / 1e9))
            self.session.disconnected()
        elif now_ns < self._reopen_at_ns:
            return
        self._reopen_at_ns = now_ns + self._silence_ns
        self.subscriber.reopen()
        self.session.reopened()

    # Connecting.

    def _greeted(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Reply):
            self._fail(outcome)
            return
        try:
            gateway = as_map(outcome.result)
        except GatewayClientError as error:
            self._fail(error)
            return
        spoken = gateway.get("protocol", [messages.PROTOCOL_VERSION])
        if messages.PROTOCOL_VERSION not in (spoken if isinstance(spoken, list) else [spoken]):
            self._fail(NotConnected("no protocol version in common", gateway_speaks=spoken))
            return
        self.gateway = gateway
        self._judge_connected()

    def _judge_connected(self) -> None:
        if self.link is Link.CONNECTING and self.gateway is not None and self._heartbeat_count:
            self.link = Link.CONNECTED
            settle(self.connected, True)

    def _fail(self, error: GatewayClientError) -> None:
        self.error = error
        self._is_stopping = True


_HEARTBEAT_HINT: Final = (
    "The gateway answers requests but no data arrives: check data_endpoint, and its keys if any."
)
