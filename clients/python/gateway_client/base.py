"""What both clients share: construction, the message stream, request shaping, statistics."""

import os
import threading
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Self

from gateway_client import codec, topics
from gateway_client.engine import Engine, Link
from gateway_client.entries import Pending
from gateway_client.errors import (
    DecodeError,
    GatewayClientError,
    InvalidArgument,
    NotConnected,
    SecurityValidationError,
)
from gateway_client.events import Event, Gap
from gateway_client.keys import CurveKeys, load_keys
from gateway_client.messages import Message
from gateway_client.options import CONTROL_ENDPOINT, DATA_ENDPOINT, Options
from gateway_client.results import Statistics, SymbolResult, as_map, rows_of
from gateway_client.routes import Route
from gateway_client.rpc_codec import read_body
from gateway_client.session import settle

StreamItem = Message | Event
"""What the stream yields."""


class ClientBase:
    """The part of a client that does not wait.

    Args:
        data_endpoint: Where the gateway publishes.
        control_endpoint: Where the gateway answers requests.
        client_name: Name the leases belong to; clients with one name share them. Made up when
            left out.
        request_timeout_s: Seconds to wait for a reply.
        connect_timeout_s: Seconds in which `connect` must have heard a reply and a heartbeat.
        lease_s: Life of a lease in seconds; renewed in the background, every ten at least.
        heartbeat_silence_s: Seconds without a heartbeat after which the connection counts as lost.
        queue_capacity: Messages that wait for the application at most.
        conflate_above: Waiting messages from which on state messages are conflated.
        skip_after_s: Seconds after which what waits is skipped; None for only when it is too much.
        receive_messages_max: Frames the socket may hold until the reader thread takes them.
        curve: Keys, when the gateway asks for CURVE.

    Raises:
        InvalidArgument: One of them can never work.
    """

    def __init__(
        self,
        data_endpoint: str = DATA_ENDPOINT,
        control_endpoint: str = CONTROL_ENDPOINT,
        *,
        client_name: str = "",
        request_timeout_s: float = 5.0,
        connect_timeout_s: float = 5.0,
        lease_s: int = 60,
        heartbeat_silence_s: float = 3.0,
        queue_capacity: int = 100_000,
        conflate_above: int = 10_000,
        skip_after_s: float | None = None,
        receive_messages_max: int = 200_000,
        curve: CurveKeys | None = None,
    ) -> None:
        self._engine: Engine | None = None
        self._options = Options(
            data_endpoint=data_endpoint,
            control_endpoint=control_endpoint,
            client_name=client_name,
            request_timeout_s=request_timeout_s,
            connect_timeout_s=connect_timeout_s,
            lease_s=lease_s,
            heartbeat_silence_s=heartbeat_silence_s,
            queue_capacity=queue_capacity,
            conflate_above=conflate_above,
            skip_after_s=skip_after_s,
            receive_messages_max=receive_messages_max,
            curve=curve,
        )
        self._lock = threading.Lock()
        self._last_error: GatewayClientError | None = None
        self._undecoded_count = 0

    @classmethod
    def from_environment(cls) -> Self:
        """Make a client as the environment says.

        `IQFEED_GATEWAY_DATA` and `IQFEED_GATEWAY_CONTROL` are the gateway's endpoints,
        `IQFEED_GATEWAY_KEYS` the key file that `iqfeed-gateway keys new` wrote. What is not set has
        its default.

        Raises:
            InvalidArgument: One of them cannot be used.
        """
        keys = os.environ.get("IQFEED_GATEWAY_KEYS")
        return cls(
            os.environ.get("IQFEED_GATEWAY_DATA") or DATA_ENDPOINT,
            os.environ.get("IQFEED_GATEWAY_CONTROL") or CONTROL_ENDPOINT,
            curve=load_keys(keys) if keys else None,
        )

    def __del__(self) -> None:
        engine = self._engine if hasattr(self, "_engine") else None
        if engine is not None and engine.link is not Link.CLOSED:
            warnings.warn(f"{type(self).__name__} was not disconnected", ResourceWarning, 2)
            engine.stop()

    # What is known without asking.

    @property
    def client_name(self) -> str:
        """Name the leases belong to."""
        return self._options.client_name

    @property
    def is_connected(self) -> bool:
        """Whether heartbeats arrive."""
        return self._engine is not None and self._engine.link is Link.CONNECTED

    @property
    def last_error(self) -> GatewayClientError | None:
        """Why the last `connect` returned False, or what ended its connection; else None."""
        failure = None if self._engine is None else self._engine.failure
        return self._last_error or failure

    @property
    def gateway(self) -> dict[str, Any]:
        """What the gateway said of itself (`hello`); empty before `connect`."""
        return dict((self._engine.gateway if self._engine is not None else None) or {})

    @property
    def epoch(self) -> int | None:
        """The gateway run last heard, Unix milliseconds; None before `connect`."""
        epoch = -1 if self._engine is None else self._engine.session.intake.epoch
        return None if epoch < 0 else epoch

    def statistics(self) -> Statistics:
        """Tell what this client has counted since `connect`.

        Raises:
            NotConnected: `connect` was never called.
        """
        engine = self._require()
        session, rpc, queue = engine.session, engine.rpc, engine.queue
        intake, joins, leases = session.intake, session.joins, session.leases
        replays = session.replays
        return Statistics(
            received=intake.received_count,
            delivered=queue.delivered_count,
            gaps=intake.gap_count,
            missing=intake.missing_count,
            repeats=intake.repeat_count,
            dropped=queue.dropped_count,
            conflated=queue.conflated_count,
            bad_frames=intake.bad_frame_count + self._undecoded_count,
            unknown_messages=intake.unknown_count,
            unrouted=intake.unrouted_count,
            restarts=intake.restart_count,
            reconnects=engine.subscriber.reopen_count,
            snapshots_requested=joins.requested_count,
            snapshots_unanswered=joins.unanswered_count,
            requests=rpc.counters.requests,
            request_timeouts=rpc.counters.timeouts,
            late_replies=rpc.counters.late_replies,
            control_reconnects=rpc.counters.reopened,
            renewals=leases.renewed_count,
            leases_expired=leases.expired_count,
            subscriptions_repaired=session.repaired_count,
            replays_requested=replays.requested_count,
            replays_retried=replays.retried_count,
            replays_refused=replays.refused_count,
            replays_late=replays.late_count,
            replayed=replays.recovered_count,
            replayed_bad=replays.bad_count,
            lost=replays.lost_count,
            holes=replays.hole_count,
            skips=queue.skip_count,
            lag_us=session.lag_us(time.monotonic_ns()),
            queue_size=len(queue),
            queue_capacity=queue.capacity,
            requests_size=rpc.outstanding_count,
            requests_capacity=rpc.capacity,
        )

    # The stream.

    def _take(self, engine: Engine) -> StreamItem | None:
        """Take the next item without waiting; None when there is none."""
        entry = engine.queue.pop()
        if entry is None:
            return None
        return self._decode(engine, entry) if isinstance(entry, Pending) else entry

    def _check_end(self, engine: Engine) -> None:
        """Tell the end of the stream from the end of the reader thread.

        Raises:
            NotConnected: It died, and all it had brought was read.
        """
        if engine.failure is not None and engine.queue.is_closed and not len(engine.queue):
            raise engine.failure.with_traceback(None)

    def _decode(self, engine: Engine, entry: Pending) -> StreamItem:
        route, items = entry.slot, entry.items
        flags_add = codec.CONFLATED if entry.merged_add else 0
        if entry.is_snapshot:
            flags_add |= codec.SNAPSHOT
        try:
            return codec.build(
                route.kind,
                route.symbol,
                items,
                flags_add=flags_add,
                merged_add=entry.merged_add,
            )
        except DecodeError:
            # A message that cannot be read is a message lost.
            with self._lock:
                self._undecoded_count += 1
            engine.heal(route.topic)
            return Gap(
                route.topic,
                items[2],
                items[2],
                healed=False,
                epoch=items[1],
                is_final=not route.has_value,
            )

    # Requests.

    def _require(self) -> Engine:
        if self._engine is None:
            raise NotConnected("not connected")
        return self._engine

    def _timeout_s(self, timeout_s: float | None) -> float:
        chosen = self._options.request_timeout_s if timeout_s is None else timeout_s
        if not 0 < chosen < 86_400:
            raise InvalidArgument("not a duration", name="timeout_s", value=chosen)
        return chosen

    def _call(
        self, method: str, params: Mapping[str, Any] | None, timeout_s: float | None
    ) -> "Future[Any]":
        return self._require().call(method, dict(params or {}), self._timeout_s(timeout_s))

    def _subscribe(
        self, symbols: Iterable[str], kinds: Sequence[str], timeout_s: float | None
    ) -> tuple["Future[dict[str, SymbolResult]]", dict[str, SymbolResult]]:
        """Begin a subscription; also returns the symbols refused without asking."""
        if isinstance(symbols, str):
            raise InvalidArgument("symbols is a string", hint=f"Pass a list: [{symbols!r}].")
        expanded = topics.expand_kinds(kinds)
        wait_s = self._timeout_s(timeout_s)
        good: dict[str, None] = {}
        refused: dict[str, SymbolResult] = {}
        for symbol in symbols:
            try:
                good[topics.check_symbol(symbol)] = None
            except SecurityValidationError as error:
                refused[symbol] = SymbolResult(symbol, code=error.code, hint=error.hint)
        engine = self._require()
        future: Future[dict[str, SymbolResult]] = Future()

        def command(now_ns: int) -> None:
            engine.session.subscribe(
                list(good), expanded, now_ns=now_ns, timeout_s=wait_s, future=future
            )

        engine.post(command, future)
        return future, refused

    def _unsubscribe(
        self, symbols: Sequence[str], kinds: Sequence[str] | None, timeout_s: float | None
    ) -> "Future[Any]":
        """Begin giving symbols up; listening ends at once, whatever the gateway answers."""
        for symbol in symbols:
            topics.check_symbol(symbol)
        if kinds is not None:
            topics.expand_kinds(kinds)
        wait_s = self._timeout_s(timeout_s)
        engine = self._require()
        future: Future[Any] = Future()

        def command(now_ns: int) -> None:
            engine.session.give_up(symbols, kinds, now_ns=now_ns, timeout_s=wait_s, future=future)

        engine.post(command, future)
        return future

    def _listen(self, names: Iterable[str], *, is_wanted: bool) -> "Future[Any]":
        checked = [topics.check_topic(name) for name in names]
        engine = self._require()
        future: Future[Any] = Future()

        def command(_: int) -> None:
            if is_wanted:
                engine.session.listen_to(checked)
            else:
                engine.session.forget_topics(checked)
            settle(future, None)

        engine.post(command, future)
        return future

    def _local_issues(self) -> list[dict[str, Any]]:
        """What this client sees for itself, in the form of the gateway's issues."""
        if self._require().link is not Link.SILENT:
            return []
        issue = {
            "code": "data_silent",
            "level": "critical",
            "message": "no heartbeat on the data connection",
            "since_us": None,
            "hint": "The client reconnects by itself; check the gateway and the network between.",
        }
        return [issue]

    def _with_own_figures(self, result: object) -> dict[str, Any]:
        """Add this client's own queues and counters to the gateway's diagnostics."""
        diagnostics = as_map(result)
        statistics = self.statistics()
        queues = diagnostics.setdefault("queue_status", {})
        if isinstance(queues, dict):
            queues["consumer_queue_size"] = statistics.queue_size
            queues["consumer_queue_capacity"] = statistics.queue_capacity
            queues["consumer_requests_size"] = statistics.requests_size
            queues["consumer_requests_capacity"] = statistics.requests_capacity
        diagnostics["consumer"] = {name: getattr(statistics, name) for name in Statistics.__slots__}
        return diagnostics


def read_snapshots(result: object) -> list[Message]:
    """Read what the method `snapshot` answered."""
    found: list[Message] = []
    for row in rows_of(result, "snapshots"):
        topic = row.get("topic")
        if not isinstance(topic, str) or topic.count(",") != 2:
            raise DecodeError("snapshot without a topic", row=row)
        found.append(_read_message(topic, row.get("body")))
    return found


def read_replay(topic: str, result: object) -> tuple[list[Message], bool]:
    """Read what the method `replay` answered: messages, and whether they are complete."""
    fields = as_map(result)
    bodies = fields.get("bodies")
    if not isinstance(bodies, list):
        raise DecodeError("replay without bodies", topic=topic)
    return [_read_message(topic, body) for body in bodies], fields.get("complete") is True


def _read_message(topic: str, body: object) -> Message:
    items = read_body(topic, body)
    if items[0] not in codec.CLASS_OF_TYPE:
        raise DecodeError("unknown type number", topic=topic, type=items[0])
    route = Route(topic)
    return codec.build(route.kind, route.symbol, items)
