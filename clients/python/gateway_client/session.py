"""What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.

Everything here runs in the reader thread and never waits: requests bring their answers to
callbacks, retries are timers.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from gateway_client import topics
from gateway_client.delivery import DeliveryQueue
from gateway_client.errors import DecodeError, GatewayClientError, RequestRefused
from gateway_client.events import SubscriptionRefused
from gateway_client.greeter import Greeter
from gateway_client.healer import Healer
from gateway_client.intake import SYS_TOPICS, Intake
from gateway_client.joins import Joins
from gateway_client.leases import Lease, LeaseBook
from gateway_client.options import Options
from gateway_client.replays import Replays
from gateway_client.results import SymbolResult, read_subscribed
from gateway_client.rpc_client import Outcome, RpcClient
from gateway_client.rpc_codec import Reply
from gateway_client.subscriber import Subscriber

RETRY_NS_MIN = 1_000_000_000
RETRY_NS_MAX = 10_000_000_000

Group = tuple[tuple[str, ...], tuple[str, ...]]
"""Symbols and the kinds wanted of each."""


def settle(future: "Future[Any]", outcome: object) -> None:
    """Complete a future with a value or an error, once."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class Session:
    """The subscriptions of one client over its two sockets.

    Args:
        options: What the client was told.
        rpc: The control side.
        subscriber: The data side.
        queue: What waits for the application; looked at only.
    """

    def __init__(
        self,
        options: Options,
        *,
        rpc: RpcClient,
        subscriber: Subscriber,
        queue: DeliveryQueue,
    ) -> None:
        self._options = options
        self._rpc = rpc
        self._subscriber = subscriber
        self._queue = queue
        self.joins = Joins()
        self.replays = Replays()
        self.intake = Intake(self.joins, self.replays)
        self.healer = Healer(
            self.replays,
            self.intake,
            call=self.call,
            timeout_s=options.request_timeout_s,
            has_room=lambda: queue.has_room,
        )
        self.leases = LeaseBook(lease_s=options.lease_s)
        self._token = topics.new_nonce()
        self.greeter = Greeter(options.client_name, self._token, call=self.call, later=self._later)
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._timer_ids = count()
        self._reported_received = 0
        self._reported_missing = 0
        self.repaired_count = 0
        self.heartbeat_lag_us: int | None = None
        """Age of the last heartbeat when it was read, by this machine's clock."""
        for topic in (*SYS_TOPICS, f"~{self._token}.sys,client,"):
            self._listen(topic)

    def call(
        self, method: str, params: dict[str, Any], *, now_ns: int, timeout_s: float, on_done: Any
    ) -> None:
        """Send one request; `on_done` gets its outcome exactly once."""
        self._rpc.request(
            method, params, timeout_ns=int(timeout_s * 1e9), now_ns=now_ns, on_done=on_done
        )

    def lag_us(self, now_ns: int) -> int | None:
        """Tell how far behind we are: the way to us, or the application, whichever is worse."""
        waiting_us = self._queue.age_ns(now_ns) // 1_000
        if self.heartbeat_lag_us is None:
            return waiting_us or None
        return max(self.heartbeat_lag_us, waiting_us, 0)

    # Subscriptions.

    def subscribe(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str],
        *,
        now_ns: int,
        timeout_s: float,
        future: "Future[dict[str, SymbolResult]]",
    ) -> None:
        """Take leases, then listen, then ask for snapshots; symbols and kinds are checked."""
        results: dict[str, SymbolResult] = {}
        parts = list(topics.chunks(symbols))
        open_count = len(parts)
        if not parts:
            settle(future, results)

        def finish(part: Sequence[str], outcome: Outcome) -> None:
            nonlocal open_count
            open_count -= 1
            taken = self._take(part, kinds, outcome, now_ns, is_new=True)
            if isinstance(taken, GatewayClientError):
                # What other parts brought stays subscribed; the caller may simply ask again.
                settle(future, taken)
            else:
                results.update(taken)
                if not open_count:
                    settle(future, {symbol: results[symbol] for symbol in symbols})

        for part in parts:
            self._lease(part, kinds, now_ns, timeout_s, lambda o, p=part: finish(p, o))

    def _lease(
        self, symbols: Sequence[str], kinds: Sequence[str], now_ns: int, timeout_s: float, done: Any
    ) -> None:
        params = {
            "client": self._options.client_name,
            "symbols": list(symbols),
            "kinds": list(kinds),
            "lease_s": self._options.lease_s,
            "data_token": self._token,
        }
        self.call("subscribe", params, now_ns=now_ns, timeout_s=timeout_s, on_done=done)

    def _take(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str],
        outcome: Outcome,
        now_ns: int,
        *,
        is_new: bool,
    ) -> dict[str, SymbolResult] | GatewayClientError:
        """Act on the answer to `subscribe`; `is_new` unless all of it was wanted before."""
        if not isinstance(outcome, Reply):
            return outcome
        try:
            lease_id, results = read_subscribed(outcome.result, symbols)
        except DecodeError as error:
            return error
        accepted = [symbol for symbol in symbols if results[symbol].is_accepted]
        if is_new:
            self.leases.want(accepted, kinds)
        # What was given up while the gateway was asked again stays given up: `unsubscribe` was
        # sent later, and what lease there is lapses.
        kept = [symbol for symbol in accepted if self.leases.is_wanted(symbol)]
        if lease_id is not None and kept:
            self.leases.add(lease_id, kept, now_ns)
        for symbol in kept:
            wanted = self.leases.kinds_of(symbol)
            for kind in kinds:
                if kind in wanted:
                    self._listen(topics.topic_of(kind, symbol))
        return results

    def _listen(self, topic: str) -> None:
        """Subscribe to a topic first, then want its snapshot: the order makes it free of races."""
        self.intake.add(topic)
        self._subscriber.subscribe(topic)
        self.intake.ask_again(topic)

    def give_up(
        self,
        symbols: Sequence[str],
        kinds: Sequence[str] | None,
        *,
        now_ns: int,
        timeout_s: float,
        future: "Future[Any]",
    ) -> None:
        """Stop listening at once, then tell the gateway.

        Args:
            symbols: Symbols, checked.
            kinds: Kinds, `l1` or `l2`, checked; None for all. `state` in a level stays while
                other kinds of the symbol do.
            now_ns: Monotonic time.
            timeout_s: Seconds to wait for the gateway.
            future: Completes with None once the gateway has confirmed.
        """
        by_kinds: dict[tuple[str, ...] | None, list[str]] = {}
        for symbol in symbols:
            chosen = None if kinds is None else self._without_shared(symbol, kinds)
            self.forget_topics(self.leases.drop([symbol], chosen))
            by_kinds.setdefault(chosen, []).append(symbol)
        self.leases.prune()
        parts = [
            (part, chosen)
            for chosen, members in by_kinds.items()
            for part in topics.chunks(members)
        ]
        open_count = len(parts)
        if not parts:
            settle(future, None)

        def finish(outcome: Outcome) -> None:
            nonlocal open_count
            open_count -= 1
            if not isinstance(outcome, Reply):
                settle(future, outcome)
            elif not open_count:
                settle(future, None)

        for part, chosen in parts:
            params: dict[str, Any] = {
                "client": self._options.client_name,
                "symbols": list(part),
            }
            if chosen is not None:
                params["kinds"] = list(chosen)
            self.call("unsubscribe", params, now_ns=now_ns, timeout_s=timeout_s, on_done=finish)

    def _without_shared(self, symbol: str, kinds: Sequence[str]) -> tuple[str, ...]:
        chosen = topics.expand_kinds(kinds)
        rest = set(self.leases.kinds_of(symbol)) - set(chosen)
        if rest and "state" not in kinds:
            return tuple(kind for kind in chosen if kind != "state")
        return chosen

    def listen_to(self, names: Iterable[str]) -> None:
        """Listen to topics or kind prefixes without a lease."""
        for name in names:
            self._listen(name)

    def forget_topics(self, names: Iterable[str]) -> None:
        """Stop listening to topics or kind prefixes; what every client needs stays."""
        for name in names:
            if name not in SYS_TOPICS:
                self._subscriber.unsubscribe(name)
                for private in self.intake.remove(name):
                    self._subscriber.unsubscribe(private)

    # Keeping what is held.

    def after_batch(self, now_ns: int) -> None:
        """Follow up on what the frames just read brought."""
        for private in self.intake.answered:
            self._subscriber.unsubscribe(private)
        self.intake.answered.clear()
        if self.intake.has_restarted:
            self.intake.has_restarted = False
            self._restore(now_ns)
        self._start_joins(now_ns)
        self.healer.start(now_ns)

    def disconnected(self) -> None:
        """Ask for nothing while nothing is heard: it would only use up the attempts."""
        self.replays.is_paused = True

    def reopened(self) -> None:
        """Begin anew on a fresh data socket."""
        self.joins.restart()

    def reconnected(self, now_ns: int) -> None:
        """Fetch what may have been missed while nothing was heard, by a connection with a name."""
        self.replays.is_paused = False
        self.greeter.greet_again(now_ns, timeout_s=self._options.request_timeout_s)
        self.intake.ask_all_again()

    def tick(self, now_ns: int) -> None:
        """Do what is due: retries, renewals, overdue snapshots."""
        while self._timers and self._timers[0][0] <= now_ns:
            heapq.heappop(self._timers)[2](now_ns)
        for private in self.joins.overdue(now_ns):
            self._subscriber.unsubscribe(private)
        self._start_joins(now_ns)
        self.healer.start(now_ns)
        due = self.leases.due(now_ns)
        if due and self.leases.has_too_many():
            self._lease_again(self.leases.start_over(), now_ns)
            return
        for lease in due:
            self._renew(lease, now_ns)

    def deadline_ns(self) -> int | None:
        """Monotonic time at which `tick` has something to do."""
        candidates = (
            self._timers[0][0] if self._timers else None,
            self.joins.deadline_ns(),
            self.replays.deadline_ns(),
            self.leases.deadline_ns(),
        )
        return min((at_ns for at_ns in candidates if at_ns is not None), default=None)

    def _start_joins(self, now_ns: int) -> None:
        for private in self.joins.start(now_ns):
            self._subscriber.subscribe(private)

    def _restore(self, now_ns: int) -> None:
        """Subscribe again at a gateway that was restarted."""
        self.greeter.greet_again(now_ns, timeout_s=self._options.request_timeout_s)
        self.intake.ask_all_again(unless=self.leases.is_wanted)
        self._lease_again(self.leases.start_over(), now_ns)

    def _renew(self, lease: Lease, now_ns: int) -> None:
        received, missing = self.intake.received_count, self.intake.missing_count
        params: dict[str, Any] = {
            "client": self._options.client_name,
            "lease_id": lease.lease_id,
            "received": received - self._reported_received,
            "gaps": missing - self._reported_missing,
            "data_token": self._token,
        }
        lag_us = self.lag_us(now_ns)
        if lag_us is not None:
            params["lag_us"] = lag_us
        self._reported_received, self._reported_missing = received, missing
        self.call(
            "renew",
            params,
            now_ns=now_ns,
            timeout_s=self._options.request_timeout_s,
            on_done=lambda outcome: self._renewed(lease, outcome, now_ns),
        )

    def _renewed(self, lease: Lease, outcome: Outcome, now_ns: int) -> None:
        if isinstance(outcome, RequestRefused) and outcome.code == "lease_expired":
            if self.leases.expire(lease.lease_id) is not None:
                self._lease_again(self.leases.groups(lease.symbols), now_ns)
            return
        if not isinstance(outcome, Reply):
            self.leases.retry(lease.lease_id, now_ns)
            return
        result = outcome.result if isinstance(outcome.result, dict) else {}
        missing = result.get("missing_subscriptions")
        repaired = [
            topic
            for topic in (missing if isinstance(missing, list) else ())
            if isinstance(topic, str) and self._subscriber.repair(topic)
        ]
        self.repaired_count += len(repaired)
        self.leases.renewed(lease.lease_id, now_ns, is_in_doubt=bool(repaired))
        for topic in repaired:
            self.intake.ask_again(topic)

    def _lease_again(
        self, groups: Iterable[Group], now_ns: int, *, delay_ns: int = RETRY_NS_MIN
    ) -> None:
        """Subscribe in the background, again and again until the gateway has answered."""
        for symbols, kinds in groups:

            def finish(
                outcome: Outcome, symbols: Sequence[str] = symbols, kinds: Sequence[str] = kinds
            ) -> None:
                taken = self._take(symbols, kinds, outcome, now_ns, is_new=False)
                if isinstance(taken, GatewayClientError):
                    self._retry(symbols, taken, now_ns, delay_ns)
                    return
                for result in taken.values():
                    if result.code is not None:
                        event = SubscriptionRefused(result.symbol, result.code, result.hint or "")
                        self.intake.out.append(event)

            self._lease(symbols, kinds, now_ns, self._options.request_timeout_s, finish)

    def _retry(
        self, symbols: Sequence[str], error: GatewayClientError, now_ns: int, delay_ns: int
    ) -> None:
        wait_ns = delay_ns
        if isinstance(error, RequestRefused) and error.retry_ms is not None:
            wait_ns = max(wait_ns, error.retry_ms * 1_000_000)
        next_ns = min(delay_ns * 2, RETRY_NS_MAX)
        self._later(
            now_ns + wait_ns,
            lambda at_ns: self._lease_again(self.leases.groups(symbols), at_ns, delay_ns=next_ns),
        )

    def _later(self, at_ns: int, call: Callable[[int], None]) -> None:
        heapq.heappush(self._timers, (at_ns, next(self._timer_ids), call))
