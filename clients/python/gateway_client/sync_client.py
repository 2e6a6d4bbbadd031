"""The synchronous client: blocking calls, each with a deadline; any thread may use it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway_client import topics
from gateway_client.base import ClientBase, StreamItem, read_replay, read_snapshots
from gateway_client.connection_view import ConnectionView
from gateway_client.engine import Engine, Link
from gateway_client.errors import NotConnected, RequestError, RequestTimedOut
from gateway_client.messages import Message
from gateway_client.results import (
    HealthStatus,
    SymbolLineage,
    SymbolResult,
    as_map,
    count_of,
    errors_of,
    health_of,
    health_without,
    lineage_of,
    rows_of,
)

_GRACE_S = 2.0
"""The reader thread ends every call at its deadline; waiting this much longer never happens."""

T = TypeVar("T")


class GatewayClient(ClientBase):
    """A consumer of the gateway's data and a caller of its methods.

    Use it as a context manager, or call `disconnect` when done. Several threads may call it at the
    same time; several iterating share the messages between them, each message going to one of
    them. After `fork` the child needs a client of its own.
    """

    def connect(self) -> bool:
        """Reach the gateway: a reply to `hello` and a first heartbeat.

        Returns:
            True when connected (already or now); False when not reachable within
            `connect_timeout_s`, with the reason in `last_error`.
        """
        with self._lock:
            if self._engine is not None and self._engine.link is not Link.CLOSED:
                engine = self._engine
            else:
                self._undecoded_count = 0
                self._engine = engine = Engine(self._options)
                engine.start()
        is_connected = _wait(engine.connected, self._options.connect_timeout_s)
        self._last_error = None if is_connected else engine.error
        if not is_connected:
            engine.stop()
            engine.join()
        return is_connected

    def disconnect(self) -> None:
        """Close everything; idempotent. What is still queued can be read, then iteration ends."""
        if self._engine is not None:
            self._engine.stop()
            self._engine.join()

    @property
    def connection_manager(self) -> ConnectionView:
        """The gateway's upstream connections, read-only; each look is a request."""
        return ConnectionView(self)

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            GatewayClientError: `last_error`, when the gateway cannot be reached.
        """
        if not self.connect():
            raise self._last_error or RequestTimedOut("gateway not reachable")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    # Subscriptions.

    def subscribe_symbol(
        self, symbol: str, kinds: Sequence[str] = ("l1",), *, timeout_s: float | None = None
    ) -> SymbolResult:
        """Subscribe to one symbol.

        Args:
            symbol: The vendor's spelling, for example `AAPL`.
            kinds: `l1`, `l2`, kinds such as `quote`, or variants such as `quote@250`.
            timeout_s: Seconds to wait for the gateway; `request_timeout_s` when left out.

        Returns:
            Its topics with their states, or why it was rejected.

        Raises:
            SecurityValidationError: The symbol must not be sent, and was not.
            InvalidArgument: A kind does not exist.
            RequestError: The gateway did not answer, or refused the whole request.
        """
        topics.check_symbol(symbol)
        return self.subscribe_symbols([symbol], kinds, timeout_s=timeout_s)[symbol]

    def subscribe_symbols(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str] = ("l1",),
        *,
        timeout_s: float | None = None,
    ) -> dict[str, SymbolResult]:
        """Subscribe to many symbols; one bad symbol never spoils the others.

        Args:
            symbols: The vendor's spellings; any number, sent 5,000 a request.
            kinds: As in `subscribe_symbol`.
            timeout_s: Seconds to wait for the gateway; `request_timeout_s` when left out.

        Returns:
            What became of each; malformed symbols are rejected with `symbol_invalid` and not sent.

        Raises:
            InvalidArgument: A kind does not exist.
            RequestError: The gateway did not answer, or refused a request. What it accepted until
                then stays subscribed.
        """
        future, refused = self._subscribe(symbols, kinds, timeout_s)
        results = _wait(future, self._timeout_s(timeout_s))
        return results | refused

    def unsubscribe_symbol(
        self, symbol: str, kinds: Sequence[str] | None = None, *, timeout_s: float | None = None
    ) -> None:
        """Give a symbol up, or only some kinds of it; listening ends at once.

        Raises:
            SecurityValidationError: Not a symbol.
            RequestError: The gateway did not confirm; its lease then ends by itself.
        """
        self.unsubscribe_symbols([symbol], kinds, timeout_s=timeout_s)

    def unsubscribe_symbols(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Give many symbols up, or only some kinds of them; errors as in `unsubscribe_symbol`."""
        future = self._unsubscribe(symbols, kinds, timeout_s)
        _wait(future, self._timeout_s(timeout_s))

    def subscribe_topics(self, names: Sequence[str]) -> None:
        """Listen to topics (`bar,AAPL,`) or whole kinds (`news,`) without taking a lease."""
        _wait(self._listen(names, is_wanted=True), self._timeout_s(None))

    def unsubscribe_topics(self, names: Sequence[str]) -> None:
        """Stop listening to what `subscribe_topics` was given."""
        _wait(self._listen(names, is_wanted=False), self._timeout_s(None))

    # The stream.

    def next_message(self, timeout_s: float | None = None) -> StreamItem | None:
        """Take the next message or event.

        Args:
            timeout_s: Seconds to wait at most; None waits until `disconnect`.

        Returns:
            The item; None at the deadline, or when disconnected and everything was read.

        Raises:
            NotConnected: `connect` was never called, or in another process, or the connection
                failed and everything was read.
        """
        engine = self._require()
        while (item := self._take(engine)) is None:
            engine.check_process()
            if not engine.queue.wait(timeout_s):
                self._check_end(engine)
                return None
        return item

    def messages(self, timeout_s: float | None = None) -> Iterator[StreamItem]:
        """Iterate over messages and events until nothing comes for `timeout_s` seconds."""
        while (item := self.next_message(timeout_s)) is not None:
            yield item

    def __iter__(self) -> Iterator[StreamItem]:
        return self.messages()

    # Requests.

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Call any method of the gateway.

        Returns:
            Its result, as sent.

        Raises:
            NotConnected: Not connected, or the connection was given up meanwhile.
            RequestTimedOut: No reply in time.
            RequestRefused: The gateway answered with an error; `code` and `hint` say which.
        """
        future = self._call(method, params, timeout_s)
        return _wait(future, self._timeout_s(timeout_s))

    def snapshot(self, names: Sequence[str], *, timeout_s: float | None = None) -> list[Message]:
        """Read last values by request; errors as in `call`."""
        found: list[Message] = []
        for part in topics.chunks([topics.check_topic(name) for name in names]):
            found += read_snapshots(self.call("snapshot", {"topics": list(part)}, timeout_s))
        return found

    def replay(
        self, topic: str, first: int, last: int, epoch: int, *, timeout_s: float | None = None
    ) -> tuple[list[Message], bool]:
        """Fetch lost events again; errors as in `call`.

        Returns:
            The messages, oldest first, and whether none is missing.
        """
        params = {"topic": topic, "from_sequence": first, "to_sequence": last, "epoch": epoch}
        return read_replay(topic, self.call("replay", params, timeout_s))

    def get_health_status(self, *, timeout_s: float | None = None) -> HealthStatus:
        """Ask whether all is well; that the gateway cannot be asked is an answer too."""
        try:
            result = self.call("health", timeout_s=timeout_s)
            return health_of(result, self._local_issues())
        except (RequestError, NotConnected) as error:
            return health_without(error)

    def get_metrics(self, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Figures of clients, connections, topics and the process; errors as in `call`."""
        return as_map(self.call("metrics", timeout_s=timeout_s))

    def get_diagnostic_info(self, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Ask for everything an operator needs; this client adds itself as `consumer`."""
        return self._with_own_figures(self.call("diagnostics", timeout_s=timeout_s))

    def get_active_alerts(self, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """List the alerts that stand; errors as in `call`."""
        return rows_of(self.call("alerts", timeout_s=timeout_s), "active", "alerts")

    def get_performance_trends(
        self, window_minutes: int = 60, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Per metric mean, max, min, p95, slope and samples; errors as in `call`."""
        result = as_map(self.call("trends", {"window_minutes": window_minutes}, timeout_s))
        return as_map(result.get("metrics", result))

    def get_error_history(
        self, limit: int = 100, *, timeout_s: float | None = None
    ) -> list[dict[str, Any]]:
        """List the gateway's errors, oldest first; errors as in `call`."""
        return errors_of(self.call("errors", {"limit": limit}, timeout_s))

    def get_subscriptions(
        self, client: str | None = None, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Ask who is connected and what is held, of one client or of all; errors as in `call`.

        Returns:
            `leases`, `watches`, `demand` by source, and `peers`: one map a data connection.
        """
        params = {} if client is None else {"client": client}
        return as_map(self.call("subscriptions", params, timeout_s))

    def evict(
        self, peer: str, reason: str, *, user: str | None = None, timeout_s: float | None = None
    ) -> int:
        """Cut the data connections of a peer; they may come back at once.

        Args:
            peer: `peer` of `get_subscriptions`, or a client's name.
            reason: What the gateway's log is to say.
            user: Whose they have to be, where clients of several users have that name.
            timeout_s: Seconds to wait for the gateway; `request_timeout_s` when left out.

        Returns:
            Connections cut.

        Raises:
            RequestRefused: `unauthorized`, as long as the gateway does not allow it; `bad_request`
                where the name is that of several users' clients.
            DecodeError: The gateway did not say how many.
        """
        params = {"peer": peer, "reason": reason}
        if user is not None:
            params["user"] = user
        return count_of(self.call("admin.evict", params, timeout_s), "evicted")

    def why(self, symbol: str, *, timeout_s: float | None = None) -> SymbolLineage:
        """Ask why a symbol is in its state, in plain words.

        Raises:
            SecurityValidationError: Not a symbol; nothing was sent.
            RequestError: As in `call`.
        """
        return lineage_of(self.call("why", {"symbol": topics.check_symbol(symbol)}, timeout_s))

    def resync(self, topic: str, *, timeout_s: float | None = None) -> bool:
        """Let the gateway ask the vendor for fresh values of a topic's symbol.

        Returns:
            True: the vendor was asked, and the values come on the topic.

        Raises:
            InvalidArgument: Not a topic; nothing was sent.
            RequestRefused: `rate_limited` with `retry_ms`, `upstream_down`, or nobody wants it.
        """
        params = {"topic": topics.check_topic(topic)}
        return as_map(self.call("resync", params, timeout_s)).get("requested") is True


def _wait(future: "Future[T]", timeout_s: float) -> T:
    try:
        return future.result(timeout_s + _GRACE_S)
    except TimeoutError as error:
        if isinstance(error, RequestTimedOut):
            raise
        raise RequestTimedOut("the reader thread does not answer") from error
