"""Both desks on one bench: requests on one side, a vendor that only listens on the other."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgpack

from gateway.clock import FakeClock
from gateway.compiled.choice import choose
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.desk import RequestDesk
from gateway.control.feed_commands import (
    AwaitSettled,
    Explain,
    FeedCommand,
    ReadRing,
    ReadSnapshots,
    ReadStandings,
    ReadSymbols,
    ReadWatches,
    ReconnectPort,
    ReloadConfiguration,
    ResetBreakers,
    Resync,
    Unwatch,
    Watch,
)
from gateway.control.identity import Identity
from gateway.control.lineage import AskLog, LineageDesk
from gateway.control.methods import answer
from gateway.control.resync import ResyncDesk
from gateway.control.symbol_list import SymbolList
from gateway.control.upstream_requests import NOBODY
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Counters
from gateway.errors import GatewayError
from gateway.health.facts import FeedHistory, LinkReport
from gateway.model.enums import SymbolState
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.board_answers import BoardAnswers
from gateway.policy.demand import Demand
from gateway.policy.entitlements import Entitlements
from gateway.policy.leases import Leases
from gateway.policy.subscriptions import Subscriptions
from gateway.wire.envelope import Envelope
from gateway.wire.topics import TopicName, parse_topic
from tests.support.depth_bench import DepthBench
from tests.support.open_access import AuditKept, open_access
from tests.support.quiet_admin import QuietAdmin, inside_requests, upstream_requests

LINGER_S = 60
EPOCH = 1_700_000_000_000
LEVEL1_LINK = LinkReport(
    port="level1",
    state="streaming",
    address="127.0.0.1:5009",
    breaker={"state": "closed", "retry_in_ms": None},
    attempts=0,
    held_lines=0,
    heard_ns=0,
    due_ns=None,
)
LEVEL2_LINK = replace(LEVEL1_LINK, port="level2", address="127.0.0.1:9200")


FIXED: Final[dict[type, object]] = {
    ResetBreakers: 2,
    ReconnectPort: 2,
    ReloadConfiguration: {"changed": [], "restart_needed": [], "differences": []},
}
"""Answers to what is done elsewhere."""


class FakeUpstream:
    """A vendor that notes what it is asked and answers nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.on_ask: Callable[[str], object] = lambda _: None

    def watch(self, symbol: str) -> None:
        """Note a watch."""
        self.on_ask(symbol)
        self.asked.append(f"watch {symbol}")

    def unwatch(self, symbol: str) -> None:
        """Note the end of a watch."""
        self.asked.append(f"unwatch {symbol}")

    def refresh(self, symbol: str) -> None:
        """Note a refresh."""
        self.asked.append(f"refresh {symbol}")

    def regional(self, symbol: str, *, is_on: bool) -> None:
        """Note regional quotes."""
        self.asked.append(f"regional {'on' if is_on else 'off'} {symbol}")

    def take(self) -> list[str]:
        """What was asked since the last look."""
        asked, self.asked = self.asked, []
        return asked


class Bench:
    """One gateway without sockets and threads; the upstream is whole from the start."""

    def __init__(
        self,
        *,
        is_auto_watch: bool = True,
        symbol_count_max: int = 100_000,
        is_admin_allowed: bool = False,
        entitlements: Entitlements | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.audit = AuditKept()
        self.access = open_access(self.clock, entitlements, audit=self.audit)
        self.caller = NOBODY
        """Who asks."""
        self.admin = QuietAdmin()
        self.audited: list[dict[str, object]] = []
        self.told: list[Mapping[str, Any]] = []
        self.frames: list[bytes] = []
        self.upstream = FakeUpstream()
        self.envelope = Envelope(epoch=EPOCH, send=self.frames.append)
        self.board = Board(
            envelope=self.envelope, clock=self.clock, symbol_count_max=symbol_count_max
        )
        self.demand = Demand(self.clock, linger_ns=LINGER_S * 1_000_000_000)
        self.subscriptions = Subscriptions(per_connection_max=1_000)
        self.depth = DepthBench(board=self.board, clock=self.clock, demand=self.demand)
        self.desk = WatchDesk(
            board=self.board,
            demand=self.demand,
            subscriptions=self.subscriptions,
            upstream=self.upstream,
            depth=self.depth.desk,
            board_answers=BoardAnswers(self.board, clock=self.clock),
            depth_answers=self.depth.answers,
            is_auto_watch=is_auto_watch,
        )
        self.desk.ask_again()
        self.asked = AskLog(self.clock, symbol_count_max=100)
        self.upstream.on_ask = self.asked.note
        self._make_feed_desks()
        self.leases = Leases(
            self.clock,
            leases_per_client_max=10,
            symbols_per_client_max=6_000,
            client_count_max=10,
        )
        self.history = FeedHistory()
        self.requests = self._make_requests(is_admin_allowed=is_admin_allowed)
        self.commands: list[FeedCommand] = []
        self.on_wait: Callable[[], object] = lambda: None
        """What the vendor does while a request waits."""

    def _make_feed_desks(self) -> None:
        self.lineage = LineageDesk(
            board=self.board,
            depths=self.depth.depths,
            demand=self.demand,
            subscriptions=self.subscriptions,
            asked=self.asked,
            depth_asked=AskLog(self.clock, symbol_count_max=100),
            clock=self.clock,
        )
        self.symbol_list = SymbolList(self.board, self.depth.depths)
        self.resync = ResyncDesk(
            board=self.board,
            depths=self.depth.depths,
            desk=self.desk,
            depth_desk=self.depth.desk,
        )

    def _make_requests(self, *, is_admin_allowed: bool) -> RequestDesk:
        return RequestDesk(
            identity=Identity(
                gateway_id="bench",
                version="1.2.3",
                epoch=EPOCH,
                endpoints={"data": "tcp://127.0.0.1:7700", "control": "tcp://127.0.0.1:7701"},
                capabilities=("auto_watch",),
                pipeline=choose("python"),
            ),
            leases=self.leases,
            clock=self.clock,
            access=self.access,
            inside=inside_requests(
                self.clock,
                self.leases,
                history=self.history,
                admin=self.admin,
                audited=self.audited,
                told=self.told,
            ),
            consumers=ConsumerRequests(
                leases=self.leases,
                epoch=EPOCH,
                clock=self.clock,
                counters=Counters(),
                access=self.access,
                audit=lambda _, **facts: self.audited.append(facts),
            ),
            upstream=upstream_requests(
                self.clock,
                self.leases,
                admin=self.admin,
                is_admin_allowed=is_admin_allowed,
                audited=self.audited,
            ),
        )

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request as a client would, and finish it."""
        steps = answer(
            self.requests, method, msgpack.unpackb(msgpack.packb(params)), caller=self.caller
        )
        return self.run(steps) if isinstance(steps, Generator) else steps

    def subscribe(self, *symbols: str, kinds: tuple[str, ...] = ("l1",), **params: Any) -> Any:
        """Take a lease for the client `desk`."""
        return self.ask(
            "subscribe", **{"client": "desk", "symbols": symbols, "kinds": kinds, **params}
        )

    def begin(self, method: str, **params: Any) -> Generator[FeedCommand | None, Any, Any]:
        """Begin a request that needs the feed thread."""
        steps = answer(self.requests, method, params)
        assert isinstance(steps, Generator)
        return steps

    def run(self, steps: Generator[FeedCommand | None, Any, Any], reply: Any = None) -> Any:
        """Do for a handler what the server and the feed thread do, from its next step on."""
        try:
            command = steps.send(reply)
            while True:
                try:
                    reply = None if command is None else self.execute(command)
                except GatewayError as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as finished:
            return finished.value

    def execute(self, command: FeedCommand) -> Any:
        """Do one command as the feed thread does."""
        self.commands.append(command)
        answer: Any = None
        match command:
            case Watch():
                answer = self.desk.watch(command)
            case Unwatch():
                self.desk.unwatch(command)
            case ReadStandings():
                answer = self.desk.standings(command)
            case ReadSnapshots():
                answer = self.desk.snapshots(command)
            case ReadSymbols():
                answer = self.symbol_list.read(command)
            case ReadWatches():
                answer = self.desk.report(command)
            case ReadRing(name, first, last):
                topic = self.board.known_topic(name)
                assert topic is not None
                answer = self.envelope.rings.read(topic, first, last)
            case AwaitSettled():
                answer = self.on_wait()
            case Explain(symbol):
                answer = self.lineage.look(symbol, level1=LEVEL1_LINK, level2=LEVEL2_LINK)
            case Resync(name):
                self.resync.ask(name)
            case ResetBreakers() | ReconnectPort() | ReloadConfiguration():
                answer = FIXED[type(command)]
            case _:
                raise AssertionError(command)
        return answer

    def hear(self, *symbols: str) -> None:
        """The vendor sends a first price line for each."""
        for name in symbols:
            self.board.hear(self.board.symbols[name])

    def publish(self, name: str, kind: Kind = Kind.QUOTE) -> None:
        """Publish one message of a symbol."""
        topic = self.board.symbols[name].topic(kind)
        self.envelope.publish(topic, (1.0,) * 9, flags=0, recv_us=5, event_us=None)

    def linger(self) -> None:
        """Let everything nobody wants come to its end."""
        self.clock.advance(seconds=LINGER_S)
        self.desk.close_lingering()

    def gain(self, topic: bytes) -> None:
        """A consumer subscribes on the data socket."""
        self.desk.note_subscription(named(topic))

    def lose(self, topic: bytes) -> None:
        """A consumer's subscription ends."""
        self.desk.drop_subscription(named(topic))

    def state(self, name: str) -> tuple[SymbolState, str | None]:
        """A symbol's state and cause."""
        symbol = self.board.symbols[name]
        return symbol.state, symbol.cause.value if symbol.cause else None


def named(topic: bytes) -> TopicName:
    """A complete topic, taken apart."""
    name = parse_topic(topic)
    assert name is not None
    return name
