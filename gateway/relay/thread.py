"""The relay thread: it owns both data sockets, and nothing else touches them.

Frames go through it as they are: received, looked at for a heartbeat by their first letters, sent.
It never waits for a consumer: libzmq drops for one whose queue is full, and the sequences tell it.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import zmq

from gateway.clock import Clock
from gateway.control.peer_desk import PeerDesk
from gateway.counters import Counter, Counters
from gateway.errors import FeedThreadFailed, GatewayError, Overloaded
from gateway.policy.subscriptions import Subscriptions
from gateway.relay.consumers import ConsumerDesk
from gateway.relay.upstream import Upstream

FRAMES_PER_TURN_MAX: Final = 1_000
"""Frames passed on at a stretch, before consumers' subscriptions have their turn."""
TICK_NS: Final = 50_000_000
"""How often silence is looked for."""
SECOND_NS: Final = 1_000_000_000
TASKS_MAX: Final = 10_000
"""What the control loop has asked for and was not done yet."""
FINAL_DRAIN_MS: Final = 200
"""How long queued frames may take to leave before the process ends."""
_NOBLOCK: Final = int(zmq.NOBLOCK)

Task = Callable[[], Any]


@dataclass(slots=True)
class RelayParts:
    """What the relay thread works with."""

    data: "zmq.Socket[bytes]"
    """The relay's own data socket."""
    upstream: Upstream
    consumers: ConsumerDesk
    peers: PeerDesk
    """Who the consumers are, and which of them fall behind."""
    subscriptions: Subscriptions
    counters: Counters
    clock: Clock


class RelayThread:
    """Passes frames on.

    Args:
        parts: What it works with.
        on_failure: Told, in this thread, what ended it.
        on_second: Called once a second, in this thread.
    """

    def __init__(
        self,
        parts: RelayParts,
        *,
        on_failure: Callable[[BaseException], object],
        on_second: Callable[[], object] = lambda: None,
    ) -> None:
        self._parts = parts
        self._on_failure = on_failure
        self._on_second = on_second
        self._tasks: deque[tuple[Task, Future[Any]]] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._poller = zmq.Poller()
        self._is_stopping = False
        self._is_ended = False
        self._is_drained = False
        self._next_second_ns = 0
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begin to run in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._is_stopping = True
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end.

        Returns:
            Whether the thread has ended.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def ask(self, task: Task) -> "Future[Any]":
        """Have a function run in the thread.

        Args:
            task: Short; what it raises is raised where its result is awaited.

        Returns:
            Brings the result; fails with FeedThreadFailed when the thread ends first, and with
            Overloaded when too many wait.
        """
        future: Future[Any] = Future()
        if len(self._tasks) >= TASKS_MAX:
            future.set_exception(Overloaded("the relay thread is behind", retry_ms=100))
            return future
        self._tasks.append((task, future))
        self._wake()
        if self._is_ended:
            self._refuse_tasks()
        return future

    def close(self) -> None:
        """Release what wakes the thread; after its end."""
        self._reader.close()
        self._writer.close()

    def _wake(self) -> None:
        # Full: it is awake anyway.
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"\0")

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as error:
            # A thread's last words: whatever it is, the control loop reports it and stops.
            self._on_failure(error)
        finally:
            self._is_ended = True
            self._refuse_tasks()
            self._parts.upstream.close()
            self._parts.data.close(linger=FINAL_DRAIN_MS)

    def _loop(self) -> None:
        parts, poller = self._parts, self._poller
        poller.register(parts.data, zmq.POLLIN)
        poller.register(self._reader.fileno(), zmq.POLLIN)
        poller.register(parts.upstream.socket, zmq.POLLIN)
        # The Cython base class sends in a third of the time of the convenient one.
        send = zmq.backend.Socket.send.__get__(parts.data)
        next_tick_ns = 0
        while not self._is_stopping:
            ready = dict(poller.poll(TICK_NS // 1_000_000))
            upstream = parts.upstream.socket
            self._is_drained = upstream not in ready or self._pass_on(upstream, send)
            if parts.data in ready:
                parts.consumers.drain()
            if self._reader.fileno() in ready:
                self._do_tasks()
            now_ns = parts.clock.monotonic_ns()
            if now_ns >= next_tick_ns:
                next_tick_ns = now_ns + TICK_NS
                self._tick(now_ns)

    def _pass_on(self, upstream: "zmq.Socket[bytes]", send: Callable[[bytes], object]) -> bool:
        """Pass frames on as they are.

        Returns:
            Whether none waits any more.
        """
        receive = zmq.backend.Socket.recv.__get__(upstream)
        marks, note = self._parts.upstream.marks, self._parts.upstream.note
        count = size = 0
        try:
            while count < FRAMES_PER_TURN_MAX:
                frame = receive(_NOBLOCK)
                send(note(frame) if frame.startswith(marks) else frame)
                count += 1
                size += len(frame)
        except zmq.Again:
            return True
        finally:
            self._parts.counters.add(Counter.FRAMES_RELAYED, count)
            self._parts.counters.add(Counter.BYTES_RELAYED, size)
        return False

    def _tick(self, now_ns: int) -> None:
        parts = self._parts
        parts.peers.look()
        parts.consumers.pass_delayed()
        before = parts.upstream.socket
        if parts.upstream.look(is_drained=self._is_drained):
            self._poller.unregister(before)
            self._poller.register(parts.upstream.socket, zmq.POLLIN)
        if now_ns >= self._next_second_ns:
            self._next_second_ns = now_ns + SECOND_NS
            parts.consumers.sweep()
            self._on_second()

    def _do_tasks(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                continue
        while self._tasks:
            task, future = self._tasks.popleft()
            if future.set_running_or_notify_cancel():
                _settle(future, task)

    def _refuse_tasks(self) -> None:
        """Let nobody wait for a thread that is not there any more."""
        while True:
            try:
                _, future = self._tasks.popleft()
            except IndexError:
                return
            if future.set_running_or_notify_cancel():
                future.set_exception(FeedThreadFailed("the relay thread has ended"))


def _settle(future: "Future[Any]", task: Task) -> None:
    """Complete a future with what a task gives or raises."""
    try:
        result = task()
    except GatewayError as error:
        future.set_exception(error)
    else:
        future.set_result(result)
