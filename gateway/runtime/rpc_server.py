"""The control socket: a ROUTER that reads requests, drives their handlers, and sends replies.

It has a ZeroMQ context of its own, so that a flood of requests cannot delay data. It decides
nothing: what a request means is `gateway.control`'s.
"""

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from itertools import count
from typing import Any, Final

import zmq
import zmq.asyncio

from gateway.clock import Clock
from gateway.control.audit_trail import AuditTrail
from gateway.control.desk import RequestDesk
from gateway.control.feed_commands import FeedCommand
from gateway.control.methods import answer
from gateway.control.repeats import Repeats
from gateway.control.upstream_requests import Caller
from gateway.counters import Counter, Counters
from gateway.errors import (
    DecodeError,
    GatewayError,
    RateLimited,
    RequestTimedOut,
)
from gateway.model.methods import METHODS, Role
from gateway.model.protocol import PROTOCOL_VERSION
from gateway.policy.quotas import Pace
from gateway.runtime.control_peers import ControlPeers
from gateway.runtime.intake import Intake
from gateway.runtime.peer_sockets import PeerSockets
from gateway.runtime.reply_budget import ReplyBudget
from gateway.runtime.request_reader import RequestReader
from gateway.runtime.rpc_call import Call, Whole, parse_request
from gateway.runtime.senders import Senders
from gateway.wire.codec import pack_reply, unpack_request

Ask = Callable[[FeedCommand], Awaitable[Any]]
"""Asks the feed thread and waits for its answer."""
READ_AT_ONCE_MAX: Final = 16
"""Requests read before others have their turn."""
LIMITED_BYTES_MAX: Final = 4_096
"""Requests of those who ask too often are read up to this length, for their id; of a longer one the
refusal has none."""
CHANGING: Final = frozenset(
    {"subscribe", "unsubscribe", "resync"}
    | {name for name, spec in METHODS.items() if spec.role is Role.ADMIN}
)
"""Methods that do something: sent twice with the same id, they do it once."""


async def drive(steps: object, ask: Ask) -> Any:
    """Finish a handler: give its commands to the feed thread until it returns.

    Args:
        steps: A handler's generator, or the result itself.
        ask: Asks the feed thread.

    Returns:
        The handler's result.

    Cancel safety: the handler is closed where it waits; what it has done so far stands.
    """
    if not isinstance(steps, Generator):
        return steps
    try:
        command = steps.send(None)
        while True:
            if command is None:
                # A long answer in pieces: whoever else is ready has its turn.
                await asyncio.sleep(0)
                command = steps.send(None)
                continue
            try:
                reply = await ask(command)
            except GatewayError as error:
                # The handler may have something to take back, or to write down.
                command = steps.throw(error)
            else:
                command = steps.send(reply)
    except StopIteration as finished:
        return finished.value
    finally:
        steps.close()


class RequestServer(abc.ABC):
    """Reads requests of a control socket and sends replies; what they mean is a subclass's.

    Args:
        control: The ROUTER; closed by `close`.
        clock: Stamps replies.
        counters: Where requests are counted; the control loop's own.
        requests_in_flight_max: Beyond this requests wait in ZeroMQ's bounded queue.
        deadline_ms_default: For requests without a deadline.
        on_error: Told of every error that is an answer; for the error history.
        senders: Reads whose requests are; anybody's when left out.
        judge_pace: Says how soon a caller may ask; at once when left out.
        intake: Told what was read; nobody asks for it when left out.
    """

    def __init__(
        self,
        control: zmq.asyncio.Socket,
        *,
        clock: Clock,
        counters: Counters,
        requests_in_flight_max: int,
        deadline_ms_default: int,
        on_error: Callable[[GatewayError], object] = lambda _: None,
        senders: Senders | None = None,
        judge_pace: Callable[[Caller], Pace] = lambda _: Pace(),
        intake: Intake | None = None,
    ) -> None:
        self._control = control
        self._clock = clock
        self._counters = counters
        self._deadline_ms_default = deadline_ms_default
        self._on_error = on_error
        self._judge_pace = judge_pace
        self._reader = RequestReader(control, intake)
        known = senders if senders is not None else Senders()
        self.peers: Final = ControlPeers(known, counters, clock)
        """Whose the connections are."""
        self._budget = ReplyBudget(PeerSockets())
        self._repeats: Repeats[asyncio.Future[Any]] = Repeats(clock)
        self._slots = asyncio.Semaphore(requests_in_flight_max)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    @abc.abstractmethod
    def epoch(self) -> int:
        """The gateway run that answers, put into every reply."""

    @abc.abstractmethod
    async def answer(self, call: Call) -> Any:
        """Answer a request.

        Returns:
            The result; or a `Whole`, which is the reply already.

        Raises:
            GatewayError: The answer is an error.
        """

    async def run(self) -> None:
        """Serve until cancelled.

        Cancel safety: requests being answered are cancelled too; their clients' deadlines end
        their waits.
        """
        try:
            for number in count(1):
                await self._slots.acquire()
                frames = await self._reader.receive()
                work = await self._begin_work(frames)
                if work is None:
                    self._slots.release()
                else:
                    task = asyncio.create_task(work)
                    self._tasks.add(task)
                    task.add_done_callback(self._done)
                if work is not None or not number % READ_AT_ONCE_MAX:
                    # While more waits to be read, reading never lets others run by itself. And what
                    # was begun is done before more is read: ZeroMQ reads connections in turn, so
                    # that nobody's burst stands before everybody else's next request.
                    await asyncio.sleep(0)
        finally:
            for task in self._tasks:
                task.cancel()

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return len(self._tasks)

    def close(self) -> None:
        """Release the socket."""
        self._control.close(linger=0)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _begin_work(self, frames: list[zmq.Frame]) -> Coroutine[Any, Any, None] | None:
        """Judge whose a request is, and whether it comes too soon; turn it away at once then.

        Returns:
            What answers it; None when nothing is left to do.
        """
        self._counters.add(Counter.RPC_REQUESTS)
        peer, *request_frames = [frame.bytes for frame in frames]
        caller = self.peers.admit(frames[-1], peer.hex())
        self._reader.note_taken(frames, caller.user if caller is not None else "")
        if caller is None:
            return None
        pace = self._judge_pace(caller)
        if pace.is_dropped:
            # It was told again and again to wait: the next connection is not served any better.
            if pace.is_cut:
                self._counters.add(Counter.REQUESTS_CUT)
                self.peers.cut(frames[-1])
            return None
        self._budget.note(peer, frames[-1])
        envelope = [peer]
        if len(request_frames) > 1 and request_frames[0] == b"":
            # A REQ socket sends an empty delimiter and expects it back; without it, it would drop
            # the reply to a malformed request and wait for ever.
            envelope.append(request_frames.pop(0))
        if not pace.retry_ms:
            return self._serve(envelope, request_frames, caller)
        await self._send(envelope, self._refusal_of(request_frames, pace))
        return None

    def _refusal_of(self, frames: list[bytes], pace: Pace) -> bytes:
        """The reply to a request that comes too soon; of the request only the id is looked for."""
        self._counters.add(Counter.RPC_ERRORS)
        request_id: object = None
        if len(frames) == 1 and len(frames[0]) <= LIMITED_BYTES_MAX:
            with contextlib.suppress(GatewayError):
                raw = unpack_request(frames[0])
                request_id = raw.get("id") if isinstance(raw, dict) else None
        error = RateLimited("too many requests", retry_ms=pace.retry_ms)
        return pack_reply(self._error(request_id, error))

    async def _send(self, envelope: list[bytes], reply: bytes) -> None:
        try:
            if not self._budget.admits(envelope[0], len(reply)):
                raise zmq.Again
            await self._control.send_multipart([*envelope, reply], zmq.NOBLOCK)
        except zmq.ZMQError:
            # Gone (EHOSTUNREACH) or not reading (EAGAIN): either way the reply has no reader.
            self._counters.add(Counter.RPC_REPLIES_LOST)

    async def _serve(
        self, envelope: list[bytes], request_frames: list[bytes], caller: Caller
    ) -> None:
        late: list[asyncio.Future[Any]] = []
        reply = await self._reply_to(request_frames, caller, late)
        self._repeats.weigh(caller.requester, request_frames[-1], len(reply))
        await self._send(envelope, reply)
        # What missed its deadline holds its slot until it is done, so that slots bound all work.
        await asyncio.gather(*late, return_exceptions=True)

    async def _reply_to(
        self, frames: list[bytes], caller: Caller, late: list[asyncio.Future[Any]]
    ) -> bytes:
        request_id: object = None
        try:
            if len(frames) != 1:
                raise DecodeError("a request is one frame", frames=len(frames))
            raw = unpack_request(frames[0])
            request_id = raw.get("id") if isinstance(raw, dict) else None
            request = parse_request(raw)
            deadline_ms = request.deadline_ms or self._deadline_ms_default
            call = Call(request, raw, caller, deadline_ms)
            result = await self._wait_for(self._begin(call, frames[0]), call, late)
        except GatewayError as error:
            self._on_error(error)
            self._counters.add(Counter.RPC_ERRORS)
            return pack_reply(self._error(request_id, error))
        if isinstance(result, Whole):
            self._counters.add(Counter.RPC_ERRORS, not result.is_ok)
            return result.reply
        head = {"v": PROTOCOL_VERSION, "id": request_id, "ok": True}
        return pack_reply(head | {"result": result} | self._now())

    def _begin(self, call: Call, frame: bytes) -> "asyncio.Future[Any]":
        """Begin to answer a request, unless the requester has just sent it.

        Only what succeeded, or is still being done, stands for its repeat: who asks again after an
        error means it.
        """
        requester = call.caller.requester
        is_change = call.request.method in CHANGING and call.request.id is not None
        known = self._repeats.find(requester, frame) if is_change else None
        if known is not None and not _has_failed(known):
            self._counters.add(Counter.RPC_REPEATS)
            return known
        work = asyncio.ensure_future(self.answer(call))
        if is_change:
            self._repeats.note(requester, frame, work)
        return work

    async def _wait_for(
        self, work: "asyncio.Future[Any]", call: Call, late: list[asyncio.Future[Any]]
    ) -> Any:
        """Wait for the answer, or say that it is late.

        A late one is finished all the same: half a lease, or a lease half given up, would leave
        counts that take watches from others or keep watches that nobody holds.
        """
        try:
            await asyncio.wait({work}, timeout=call.deadline_ms / 1000)
        except asyncio.CancelledError:
            work.cancel()
            raise
        if work.done():
            return work.result()
        late.append(work)
        raise RequestTimedOut(
            "not answered in time", method=call.request.method, deadline_ms=call.deadline_ms
        )

    def _error(self, request_id: object, error: GatewayError) -> dict[str, Any]:
        # A decode error is the requester's mistake under another name.
        code = "bad_request" if isinstance(error, DecodeError) else error.code
        told = {
            "code": code,
            "message": str(error),
            "hint": error.hint,
            "retry_ms": error.facts.get("retry_ms"),
            "details": {},
        }
        head = {"v": PROTOCOL_VERSION, "id": request_id, "ok": False}
        return head | {"error": told} | self._now()

    def _now(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "now_us": self._clock.utc_us()}


class RpcServer(RequestServer):
    """Serves the gateway's control socket.

    Args:
        control: The ROUTER; closed by `close`.
        desk: What requests mean.
        ask: Asks the feed thread.
        epoch: Put into every reply.
        trail: Writes down what was granted and denied.
        options: As `RequestServer` takes them.
    """

    def __init__(
        self,
        control: zmq.asyncio.Socket,
        *,
        desk: RequestDesk,
        ask: Ask,
        epoch: int,
        trail: AuditTrail | None = None,
        **options: Any,
    ) -> None:
        super().__init__(control, **options)
        self._trail = trail
        self._desk = desk
        self._ask = ask
        self._epoch = epoch

    @property
    def epoch(self) -> int:
        """This run."""
        return self._epoch

    async def answer(self, call: Call) -> Any:
        """Drive the request's handler to its end."""
        request = call.request
        begin = partial(answer, self._desk, request.method, request.params, caller=call.caller)
        trail = self._trail
        steps = begin() if trail is None else trail.follow(request, call.caller, begin)
        return await drive(steps, self._ask)


def _has_failed(work: "asyncio.Future[Any]") -> bool:
    """Whether an answer is there, and an error."""
    if not work.done():
        return False
    if work.cancelled() or work.exception() is not None:
        return True
    result = work.result()
    return isinstance(result, Whole) and not result.is_ok
