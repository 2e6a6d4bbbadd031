"""The ZAP handler: it lets peers into the sockets of one ZeroMQ context, or does not.

libzmq asks it about every handshake that has proven a key, and about none else: with
ZAP_ENFORCE_DOMAIN a socket admits nobody while there is no handler, or one that does not answer. So
the handler may die, and the door is shut then; it must never be what opens it.

What fails before a key is proven (other protocols, no key, the wrong server's key, a peer that
hangs) libzmq refuses by itself. It tells so by events of the socket's monitor, which this thread
reads beside its requests: a monitor that is not read to its end would hold up libzmq.
"""

import socket
import threading
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.logs import get_logger
from gateway.policy.admission import Admission, Attempt, Reason, Verdict
from gateway.runtime.door_log import DoorLog
from gateway.runtime.socket_monitors import end_monitor

ENDPOINT: Final = "inproc://zeromq.zap.01"
VERSION: Final = b"1.0"
DOMAIN: Final = b"gateway"
NEXT_DOMAIN: Final = b"gateway.next"
"""Of the addresses where the gateway's next key holds."""
GRANT: Final = "X-Grant"
"""What every frame of an admitted connection carries beside its User-Id: the grant's number. libzmq
keeps ours where a peer sends a property of the same name."""
DOOR: Final = "X-Door"
"""And by which of the server's keys it came in: the domain of its address."""
TURN_MS: Final = 1_000
"""The thread shows that it lives at least this often."""
ADDRESSES_MAX: Final = 10_000
REQUESTS_MAX: Final = 10_000
STALE_NS: Final = 1_500_000_000
"""A request that has waited for so long is about to be nobody's."""
BATCH_MAX: Final = 100
"""Requests, and events, read at a stretch."""
FRAMES_MIN: Final = 7
"""Of a request behind the routing id: delimiter, version, id, domain, address, identity, mechanism;
credentials follow."""
EVENTS: Final = (
    zmq.Event.ACCEPTED
    | zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.MONITOR_STOPPED
)
FAILED: Final = "handshake_failed"
"""The reason told of what libzmq refused by itself."""
STATUS: Final[Mapping[Reason, tuple[bytes, bytes]]] = {
    Reason.MALFORMED: (b"500", b"not understood"),
    Reason.MECHANISM: (b"400", b"no key"),
    Reason.UNKNOWN_KEY: (b"400", b"no access"),
    Reason.ADDRESS: (b"400", b"no access"),
    Reason.RATE_LIMITED: (b"400", b"no access"),
}
"""What a peer is told. With 400 libzmq ends the connection at once, and the peer's does not try
again on that socket."""
LATER: Final = (b"300", b"later")
"""What a client of ours is told that comes too often: it is held until its handshake's time is
over, and tries again by itself. Strangers are not held: each costs a descriptor."""


class ZapHandler:
    """Answers ZAP requests of one context in a thread of its own.

    Args:
        context: Whose sockets it guards; a plain one.
        name: Of the socket it guards, for threads and the audit log.
        admission: Judges; this thread's own from now on.
        clock: For its signs of life.
        counters: Where handshakes are counted; this thread's own.

    Raises:
        zmq.ZMQError: The context has a handler already.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        *,
        name: str,
        admission: Admission,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self.name: Final = name
        self._admission = admission
        self._clock = clock
        self._counters = counters
        self._log = DoorLog(name, clock)
        self._router = context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        try:
            self._router.bind(ENDPOINT)
        except zmq.ZMQError:
            self._router.close()
            raise
        self._wake_address = f"inproc://gate.{name}.wake"
        self._waker = context.socket(zmq.PAIR)
        self._waker.bind(self._wake_address)
        self._woken = context.socket(zmq.PAIR)
        self._woken.connect(self._wake_address)
        self._monitor: zmq.Socket[bytes] | None = None
        self.on_accepted: Callable[[int, str], object] = lambda *_: None
        self._monitored: zmq.Socket[Any] | None = None
        self._accepted: dict[int, tuple[str, int]] = {}
        """By descriptor: where its peer is, and how many handshakes had succeeded before."""
        self._succeeded = 0
        self._has_failed = False
        self._told: Counts[str] = Counts()
        """Handshakes that were refused here, by address; their connections are about to end."""
        self._waiting: deque[tuple[int, list[bytes]]] = deque(maxlen=REQUESTS_MAX)
        self._probe = b""
        self._is_stopping = False
        self.probed = threading.Event()
        """Set when the handler was asked about the key of the self-test."""
        self.turned_ns = clock.monotonic_ns()
        """When the thread last showed that it lives, monotonic."""
        self.failure: BaseException | None = None
        """What ended the thread, when it was not asked to end."""
        self._thread = threading.Thread(target=self._run, name=f"zap-{name}", daemon=True)

    def watch(self, guarded: "zmq.Socket[Any]") -> None:
        """Read the events of the socket, too; call it before that is bound and this is started."""
        address = f"inproc://gate.{self.name}.events"
        guarded.monitor(address, EVENTS)
        self._monitor = zmq.Context.shadow(guarded.context.underlying).socket(zmq.PAIR)
        # Without a bound: at one, libzmq's I/O thread would wait for us, and data with it.
        self._monitor.setsockopt(zmq.RCVHWM, 0)
        self._monitor.connect(address)
        self._monitored = guarded

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def expect(self, key: bytes) -> None:
        """Say which key the self-test will try: it is refused as any other, and noted."""
        self._probe = key
        self.probed.clear()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self, seconds_max: float) -> bool:
        """End the thread and release its sockets.

        Returns:
            Whether it has ended; if not, the context cannot be ended either.
        """
        self._is_stopping = True
        if self._thread.is_alive():
            self._waker.send(b"", zmq.NOBLOCK)
            self._thread.join(seconds_max)
        if self._thread.is_alive():
            return False
        self._waker.close(linger=0)
        self._release()
        return True

    def _release(self) -> None:
        guarded, self._monitored = self._monitored, None
        if self._monitor is not None:
            end_monitor(self._monitor, guarded)
        for own in (self._router, self._woken):
            own.close(linger=0)

    def _run(self) -> None:
        try:
            poller = zmq.Poller()
            for own in (self._router, self._woken, self._monitor):
                if own is not None:
                    poller.register(own, zmq.POLLIN)
            while not self._is_stopping:
                self._turn(dict(poller.poll(0 if self._waiting else TURN_MS)))
        except BaseException as error:
            # A thread's last words: health tells them, and the door is shut meanwhile.
            self.failure = error
            get_logger("security").critical(
                "the handler of handshakes failed: nobody new is let in",
                guarded=self.name,
                exc_info=error,
            )
        finally:
            self._release()

    def _turn(self, ready: dict[Any, int]) -> None:
        self.turned_ns = self._clock.monotonic_ns()
        if self._router in ready or self._waiting:
            self._serve()
        if self._monitor is not None and self._monitor in ready:
            self._read_events(self._monitor)
        self._log.tell_due()

    def _serve(self) -> None:
        """Answer the requests that wait, the oldest first.

        libzmq gives a handshake two seconds. What has waited for nearly as long is left
        unanswered: its peer has gone or is about to, and comes again. Else, once behind, this
        thread would for ever answer those who are gone while those who wait are going.
        """
        for _ in range(BATCH_MAX):
            self._take_requests()
            if not self._waiting:
                return
            taken_ns, frames = self._waiting.popleft()
            self.turned_ns = self._clock.monotonic_ns()
            if self.turned_ns - taken_ns > STALE_NS:
                self._counters.add(Counter.HANDSHAKES_FAILED)
                continue
            reply = self.answer(frames)
            if reply is None:
                # Nobody could read a reply to it: the handshake ends by its own time limit.
                continue
            try:
                self._router.send_multipart(reply, zmq.NOBLOCK)
            except zmq.ZMQError:
                # Its peer is gone, or does not read: either way it is not let in.
                self._counters.add(Counter.HANDSHAKES_FAILED)

    def _take_requests(self) -> None:
        """Note when each request came."""
        for _ in range(BATCH_MAX):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            # One that finds no room drives out the oldest, which would have been stale first.
            is_full = len(self._waiting) == REQUESTS_MAX
            self._counters.add(Counter.HANDSHAKES_FAILED, is_full)
            self._waiting.append((self._clock.monotonic_ns(), frames))

    def answer(self, frames: list[bytes]) -> list[bytes] | None:
        """Judge one request.

        Args:
            frames: As they were read; nothing of them is taken for granted.

        Returns:
            The reply; None where the request has no place to send one to.
        """
        if len(frames) < FRAMES_MIN + 1 or frames[2] != VERSION:
            self._deny("", Reason.MALFORMED, "", "")
            return _reply(frames, *STATUS[Reason.MALFORMED]) if len(frames) > 3 else None
        domain, address, mechanism = frames[4], _text(frames[5]), frames[7]
        key = frames[8] if len(frames) == FRAMES_MIN + 2 else b""
        verdict = self._admission.judge(Attempt(address, mechanism, key))
        if key and key == self._probe:
            self.probed.set()
        if verdict.grant is None:
            self._note_told(address)
            reason = verdict.reason or Reason.MALFORMED
            if key != self._probe or not key:
                self._deny(address, reason, verdict.user, verdict.fingerprint)
            is_later = reason is Reason.RATE_LIMITED and verdict.user
            return _reply(frames, *(LATER if is_later else STATUS[reason]))
        self._admit(verdict, address, domain)
        properties = _property(GRANT, b"%d" % verdict.grant.number) + _property(DOOR, domain)
        return _reply(frames, b"200", b"OK", verdict.user.encode("ascii"), properties)

    def _admit(self, verdict: Verdict, address: str, domain: bytes) -> None:
        self._counters.add(Counter.HANDSHAKES_ADMITTED)
        self._log.note_entry(
            address, door=_text(domain), user=verdict.user, fingerprint=verdict.fingerprint
        )

    def _deny(self, address: str, reason: str, user: str, print_: str) -> None:
        is_limit = reason == Reason.RATE_LIMITED
        counter = Counter.HANDSHAKES_LIMITED if is_limit else Counter.HANDSHAKES_REFUSED
        self._counters.add(Counter.HANDSHAKES_FAILED if reason == FAILED else counter)
        self._log.note_denial(address, reason, user=user, fingerprint="" if is_limit else print_)

    def _read_events(self, monitor: "zmq.Socket[bytes]") -> None:
        """Note where peers come from, and tell of those that libzmq did not let come to a key."""
        for _ in range(BATCH_MAX):
            try:
                event = parse_monitor_message(monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            kind, descriptor = event["event"], int(event["value"])
            if kind == zmq.Event.ACCEPTED:
                self._accepted[descriptor] = (_peer_of(descriptor), self._succeeded)
                self.on_accepted(descriptor, _text(event["endpoint"]))
            elif kind == zmq.Event.HANDSHAKE_SUCCEEDED:
                self._succeeded += 1
            elif kind == zmq.Event.DISCONNECTED:
                self._note_end(descriptor)
            elif kind != zmq.Event.MONITOR_STOPPED:
                # The event tells no address; the end of the same connection follows it at once.
                self._has_failed = True

    def _note_end(self, descriptor: int) -> None:
        """Tell of a connection that ended before it was one.

        libzmq says of some that they failed; others, such as those of older protocols, it ends
        without a word. Of these we are sure where no handshake at all has succeeded meanwhile.
        """
        address, succeeded = self._accepted.pop(descriptor, ("", -1))
        has_failed = self._has_failed or succeeded == self._succeeded
        self._has_failed = False
        if not has_failed:
            return
        if self._told[address] > 0:
            self._told[address] -= 1
        else:
            self._deny(address, FAILED, "", "")

    def _note_told(self, address: str) -> None:
        """Remember that the end of a connection needs no more words."""
        if len(self._told) >= ADDRESSES_MAX:
            self._told.clear()
        self._told[address] += 1


def _reply(
    frames: list[bytes], status: bytes, text: bytes, user: bytes = b"", properties: bytes = b""
) -> list[bytes]:
    """A reply to whoever sent a request."""
    return [frames[0], b"", VERSION, frames[3], status, text, user, properties]


def _property(name: str, value: bytes) -> bytes:
    """One property, spelled as in the ZMTP handshake."""
    spelled = name.encode("ascii")
    return bytes([len(spelled)]) + spelled + len(value).to_bytes(4, "big") + value


def _text(data: bytes) -> str:
    return data[:100].decode("ascii", "replace")


def _peer_of(descriptor: int) -> str:
    """The address at the other end; empty when it is gone already, or has none."""
    try:
        with socket.socket(fileno=descriptor) as borrowed:
            try:
                name = borrowed.getpeername()
            finally:
                borrowed.detach()
    except OSError:
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""
